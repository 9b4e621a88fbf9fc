"""Speed of the reader's desk: pages of a long queue, and the first slice of a long series."""
