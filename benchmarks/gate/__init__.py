"""How many spoilt pictures the quality gate catches."""
