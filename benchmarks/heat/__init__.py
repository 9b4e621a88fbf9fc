"""Where heat maps point, against masks."""
