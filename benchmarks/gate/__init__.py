"""Share of spoilt pictures that the quality gate catches, and of good ones that it rejects."""
