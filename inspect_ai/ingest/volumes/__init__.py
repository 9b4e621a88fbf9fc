"""From headers to volumes: the index of all headers, copies, folders that disagree, and the split of a series."""
