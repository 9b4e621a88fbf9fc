"""Events of a run, as scan and watch yield them, each after its commit to the audit log."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from inspect_ai.audit import KeptHead
from inspect_ai.domain import Decision, Rejection, StudyRef
from inspect_ai.inspection.inspectors import Route
from inspect_ai.inspection.outages import Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyDecided:
    """Committed decision on one study. `known`: it was in the log before this scan.

    `lapsed` says why a decision that was certified when it was made is certified no longer; else "".
    """

    entry: int
    decision: Decision
    known: bool = False
    lapsed: str = ""

    @property
    def certified_now(self) -> bool:
        """True when the decision was certified and its certificate still stands."""
        return self.decision.verdict.certified and not self.lapsed


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRejected:
    """Committed rejection of one file that is not decided on."""

    entry: int
    rejection: Rejection


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """Plan of a dry run for a study: the tasks that claim it, or why none does, or the entry that decides it."""

    study: StudyRef
    route: Route
    known: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Progress of the scan. `all_found`: the walk has ended, `found` will not grow."""

    found: int
    finished: int
    all_found: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Counts at the end of a scan. files == consumed + set_aside + rejected; `known` studies were in the log before.

    set_aside: sound files that hold no picture to inspect, such as a report or a localizer beside slices.
    """

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
    set_aside: int = 0
    head: KeptHead | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSummary:
    """Counts at the end of a dry run. volumes: also pictures and other studies that are decided by themselves."""

    files: int
    series: int  # of DICOM
    volumes: int
    set_aside: int
    rejected: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PartDecided:
    """Committed decision on one part. cycle_ms: from the pass that first saw the file as it is, to the commit."""

    entry: int
    decision: Decision
    sha256: str
    cycle_ms: float
    takt_ms: float

    @property
    def late(self) -> bool:
        """True above the takt: the decision is valid, but the part may have passed."""
        return self.cycle_ms > self.takt_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class PartWaiting:
    """A file that does not count yet, reported once for each state of it."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSummary:
    """Counts at the end of a watch.

    found == parts + known + rejected + waiting + left: `parts` were decided, `known` were in the log before, `rejected`
    were told with a reason in a row instead of a decision, `waiting` are not whole yet, `left` were seen and not read
    when the watch ended. Sidecars are no parts and not among them.
    """

    found: int
    parts: int
    known: int
    rejected: int
    waiting: int
    left: int
    clear: int
    flag: int
    abstain: int
    late: int
    sidecars: int
    seconds: float
    pictures_lost: int = 0  # pictures of decisions that could not be stored
    head: KeptHead | None = None


ScanEvent: TypeAlias = StudyDecided | FileRejected | Progress | Notice | Summary
WatchEvent: TypeAlias = PartDecided | FileRejected | PartWaiting | Notice | WatchSummary
