"""Exit codes of the commands that no error class owns (errors.py has the others)."""

FINDINGS = 1  # scan --fail-on-flag, monitor with an alarm, certificate verify that fails
UNREADABLE = 3  # some inputs
ENVIRONMENT = 5  # something outside refused, and the next call tries again
FAULT = 70  # of the program itself: EX_SOFTWARE of sysexits.h
INTERRUPTED = 130
READER_GONE = 141  # of the output
