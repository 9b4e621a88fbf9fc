"""How far a reader walks through the source to follow one scan."""
