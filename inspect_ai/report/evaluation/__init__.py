"""Page about an evaluation: figures, tables and sentences from scores, and functions that draw SVG."""
