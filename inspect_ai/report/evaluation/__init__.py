"""The page about an evaluation: figures, tables and words out of scores, and a small kit that draws SVG."""
