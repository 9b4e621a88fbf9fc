"""Errors that a person can act on. Each message says what happened, where, and what to do next.

    InspectError            (exit 1 is never used for errors: it means findings)
    ├── UsageError          2   a wrong word, folder, column or setting
    ├── InputError          3   nothing readable where something was expected
    ├── AuditError          4   the log is damaged, foreign or cannot be written; 5 while it is locked or its disk full
    └── SetupError          5   a missing decoder, engine, package, weight file or free disk

The class owns the exit code; cli.main alone turns an error into one sentence and exits with it.
"""

from __future__ import annotations


class InspectError(Exception):
    """Base of all errors that end a command with a sentence."""

    exit_code: int = 2


class UsageError(InspectError):
    """The command, its settings or its data folder do not make sense together."""

    exit_code = 2


class InputError(InspectError):
    """Nothing could be read where input was expected."""

    exit_code = 3


class AuditError(InspectError):
    """The audit log cannot be trusted or cannot be written.

    passing: short name of an obstacle that says nothing about the log's integrity and may pass ("locked by another
    program"): trying again is right, and the exit code is 5, environment. Empty for every other fault.
    """

    exit_code = 4

    def __init__(self, message: str = "", *, passing: str = "") -> None:
        super().__init__(message)
        self.passing = passing
        if passing:
            self.exit_code = SetupError.exit_code


class SetupError(InspectError):
    """The machine lacks something: a decoder, an engine, a weight file, free disk."""

    exit_code = 5


class CalibrationRefused(UsageError):
    """The calibration data cannot prove what was asked; the message names data that could, and what can be proved."""
