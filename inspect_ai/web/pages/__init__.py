"""Pages of the desk, one module each."""
