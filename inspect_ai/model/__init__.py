"""Shared trunk, readout over scales, weights on disk, and the engines that run them.

Importing this package loads no torch.
"""
