"""Inspection of a study up to its verdict. Files are imported one by one: a decoding child needs preprocess alone."""
