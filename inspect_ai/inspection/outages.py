"""Obstacles that pass: notices of them, and growing pauses while the log is locked, on a full disk or not reachable.

Nothing is lost meanwhile: what is decided but not written waits in memory, what is not decided waits where it lies.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeVar

from inspect_ai.audit import Log, open_log
from inspect_ai.audit.connection import FULL, LOCKED
from inspect_ai.errors import AuditError
from inspect_ai.settings import Settings

ATTEMPT_S = 1.0  # longest time that SQLite itself may wait for a lock: an interrupt is answered after it
FIRST_PAUSE_S, GROWTH, LONGEST_PAUSE_S = 0.5, 1.6, 5.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """An obstacle that a person should know of while the run goes on by itself; with `over`, that it has passed.

    subject: "log", "heads", "pictures", "folder" or "format".
    """

    subject: str
    message: str
    over: bool = False


class LogOutage:
    """Time since which the log refuses, and when to try again. most_s: longest wait before the error is raised."""

    def __init__(self, most_s: float) -> None:
        self._most_s = most_s
        self._since: float | None = None
        self._pause_s = FIRST_PAUSE_S
        self.again_at = 0.0  # monotonic seconds

    @property
    def lasts(self) -> bool:
        """True until the next attempt is due."""
        return self._since is not None and time.monotonic() < self.again_at

    def failed(self, error: AuditError) -> Notice:
        """Note a failed attempt. Raises the error where waiting is of no use, or has lasted too long."""
        now = time.monotonic()
        since = self._since if self._since is not None else now
        if not error.passing or now - since > self._most_s:
            raise error
        self._since, self.again_at = since, now + self._pause_s
        pause_s, self._pause_s = self._pause_s, min(LONGEST_PAUSE_S, self._pause_s * GROWTH)
        message = (
            f"The audit log is {error.passing} ({now - since:.0f} s so far). Nothing is lost: decisions wait for it. "
            f"Next attempt in {pause_s:.1f} s; Ctrl-C leaves."
        )
        return Notice(subject="log", message=message)

    def passed(self) -> Iterator[Notice]:
        """Note an attempt that went well; yields a notice where others had failed before."""
        if self._since is not None:
            lasted_s, self._since, self._pause_s = time.monotonic() - self._since, None, FIRST_PAUSE_S
            yield Notice(subject="log", message=f"The audit log is written again, after {lasted_s:.0f} s.", over=True)

    def tried(self, action: Callable[[], T]) -> Generator[Notice, None, T]:
        """Repeat an action on the log until it goes well, sleeping between; returns its result."""
        while True:
            try:
                result = action()
            except AuditError as e:
                yield self.failed(e)
                time.sleep(max(0.0, self.again_at - time.monotonic()))
            else:
                yield from self.passed()
                return result


def open_patiently(stack: ExitStack, settings: Settings, outage: LogOutage) -> Generator[Notice, None, Log]:
    """Open the settings' log on the stack. A log that is locked or on a full disk is waited for; one that cannot be
    reached may be named wrongly, and that is said at once.
    """

    def attempt() -> Log:
        try:
            opened = open_log(settings.db, operator=settings.operator, busy_s=ATTEMPT_S, keep_names=settings.keep_names)
            return stack.enter_context(opened)
        except AuditError as e:
            raise e if e.passing in (LOCKED, FULL) else AuditError(str(e)) from e

    return (yield from outage.tried(attempt))
