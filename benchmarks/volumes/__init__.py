"""Gain by the third dimension: made nodules and vessels in real lungs."""
