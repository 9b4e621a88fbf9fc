"""Speed: scans, attention kinds, kills and candidates, timed."""
