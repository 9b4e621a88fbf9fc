"""Watch of a folder: parts as they arrive, and what became of each."""
