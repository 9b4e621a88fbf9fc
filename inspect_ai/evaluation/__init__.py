"""Evaluation: figures from scored data, pure and with exact intervals."""
