"""Calibration of the shipped weights on made pictures, so that the demo decides those by a line that is their own."""
