"""Check that a proved sensitivity is kept: simulated, against other programs, on real scores."""
