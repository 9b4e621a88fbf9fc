"""Pauses between attempts: they grow to a limit, with jitter, so that many senders do not come back at one moment."""

from __future__ import annotations

import random
from dataclasses import dataclass

FIRST_S, GROWTH, LONGEST_S = 2.0, 2.0, 300.0
JITTER = 0.25  # share of a pause by which chance changes it


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """Lengths of pauses, in seconds."""

    first_s: float = FIRST_S
    longest_s: float = LONGEST_S

    def after(self, failures: int) -> float:
        """Pause after so many failures in a row, never 0."""
        plain = min(self.longest_s, self.first_s * GROWTH ** min(max(failures - 1, 0), 30))
        return plain * (1 + random.uniform(-JITTER, JITTER))  # noqa: S311 - no secret


class Retry:
    """Failures in a row of each thing that is tried again, and when it is due. Times are monotonic seconds."""

    def __init__(self, pauses: Pauses) -> None:
        self._pauses = pauses
        self._failures: dict[object, int] = {}
        self._due: dict[object, float] = {}

    def is_due(self, thing: object, now: float) -> bool:
        """True where it has not failed, or its pause is over."""
        return now >= self._due.get(thing, 0.0)

    def failed(self, thing: object, now: float) -> float:
        """Note a failure; returns the pause that follows."""
        self._failures[thing] = self._failures.get(thing, 0) + 1
        pause_s = self._pauses.after(self._failures[thing])
        self._due[thing] = now + pause_s
        return pause_s

    def passed(self, thing: object) -> bool:
        """Note that it went well; True where it had failed before."""
        self._due.pop(thing, None)
        return self._failures.pop(thing, 0) > 0
