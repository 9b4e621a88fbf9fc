"""Destinations of pictures of several products when no task is named."""
