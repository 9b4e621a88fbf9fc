"""Monitoring: drift, reviewed misses and the random audit, from the log to an alarm."""
