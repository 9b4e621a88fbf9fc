"""Gain by neighbouring slices on real nodules: one slice, several asked one by one, and a stack seen as a whole."""
