"""Certificates: issue, sign, verify, their status in the log, and which files stand behind a score."""
