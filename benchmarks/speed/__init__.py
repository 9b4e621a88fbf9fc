"""Speed of scans and of attention kinds; long runs of the watcher and of the candidate finder."""
