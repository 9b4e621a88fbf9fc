"""The shared trunk, the readout over scales, weights on disk, and the engines that run them.

Nothing heavy loads here.
"""
