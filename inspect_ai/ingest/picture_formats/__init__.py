"""Structures of single picture formats: sizes, depths and ends, read from their bytes without a decoder."""
