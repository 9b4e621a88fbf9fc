"""Certificates: issue, sign, verify, their status in the log, and the files that they hold for."""
