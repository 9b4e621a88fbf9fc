"""Recall of the candidate finder on real nodules in their contexts, and what it costs."""
