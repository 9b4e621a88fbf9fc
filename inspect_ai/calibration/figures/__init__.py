"""Figures of scores against truth: curves, reliability, agreement, free response. Pure, with exact intervals."""
