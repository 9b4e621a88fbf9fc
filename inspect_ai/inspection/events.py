"""Events of a run, as scan and watch tell them. Each is committed to the audit log before it is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from inspect_ai.domain import Decision, Rejection, StudyRef
from inspect_ai.inspection.inspectors import Route


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyDecided:
    """One study's decision, committed. `known`: it stood in the log before this scan."""

    entry: int
    decision: Decision
    known: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRejected:
    """One file that is not decided on, committed."""

    entry: int
    rejection: Rejection


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What a dry run says of a study: the tasks that claim it, or why none does, or the entry that decides it."""

    study: StudyRef
    route: Route
    known: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the scan is. `all_found`: the walk has ended, `found` will not grow."""

    found: int
    finished: int
    all_found: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The end of a scan. files == consumed + rejected; known of the studies stood in the log before."""

    files: int
    consumed: int
    rejected: int
    studies: int
    clear: int
    flag: int
    abstain: int
    known: int
    seconds: float
    report: Path | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PartDecided:
    """One part's decision, committed. cycle_ms: from the look that first saw the file as it is, to the commit."""

    entry: int
    decision: Decision
    sha256: str
    cycle_ms: float
    takt_ms: float

    @property
    def late(self) -> bool:
        """The decision stands, but the part may have passed."""
        return self.cycle_ms > self.takt_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class PartWaiting:
    """A file that does not count yet, said once for each state of it."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSummary:
    """The end of a watch over what was there."""

    parts: int
    known: int
    clear: int
    flag: int
    abstain: int
    late: int
    waiting: int
    seconds: float


ScanEvent: TypeAlias = StudyDecided | FileRejected | Progress | Summary
WatchEvent: TypeAlias = PartDecided | PartWaiting | WatchSummary
