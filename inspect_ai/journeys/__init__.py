"""Journeys: the work of each command from start to end, one file each."""
