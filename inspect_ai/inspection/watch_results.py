"""Observer of a watch: events and counts of the parts' decisions, with their cycle times."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from inspect_ai.audit import Entry
from inspect_ai.domain import Decision, Outcome, Provenance, Rejection
from inspect_ai.ingest.watched_files import WatchedFile
from inspect_ai.inspection.decision import abstained
from inspect_ai.inspection.events import PartDecided, WatchEvent, WatchSummary
from inspect_ai.inspection.runner import Job
from inspect_ai.inspection.watched_folder import WatchedFolder
from inspect_ai.inspection.workers import StudyResult


class WatchResults:
    """Counts of one watch. provenance: of the watching task, also for parts that cannot be read."""

    def __init__(self, folder: WatchedFolder, provenance: Provenance, takt_ms: float) -> None:
        self._folder, self._provenance, self._takt_ms = folder, provenance, takt_ms
        self._parts: dict[str, WatchedFile] = {}  # received, not committed yet
        self._counts: Counter[str] = Counter()
        self._started = time.monotonic()

    def received(self, job: Job, result: StudyResult) -> StudyResult | None:
        """Make a decision on the part, unless its file has changed or may still grow.

        A file that cannot be read ends as ABSTAIN: the part is there and somebody has to look at it.
        """
        part = self._folder.take_back(job)
        if not self._folder.is_as_read(part, may_be_gone=result.decision is not None):
            return None
        if result.decision is None and part.ref.kind == "dicom" and self._folder.is_young(part.state):
            self._folder.wait_for(part.path, part.state, "its pixels cannot be read yet")
            return None
        self._parts[part.path] = part
        reasons = "; ".join(dict.fromkeys(rejection.reason for rejection in result.rejections))
        decision = result.decision or abstained(job.ref, self._provenance, reasons or "the file cannot be read")
        return replace(result, decision=decision, rejections=())

    def decided(self, job: Job, decision: Decision, entry: Entry) -> Iterator[WatchEvent]:
        """Count a committed decision on a part; yield its event."""
        part = self._parts.pop(job.ref.key)
        self._folder.settle(part, entry.id)
        event = PartDecided(
            entry=entry.id,
            decision=decision,
            sha256=part.ref.files[0].sha256,
            cycle_ms=(time.monotonic() - part.state.since) * 1000.0,
            takt_ms=self._takt_ms,
        )
        self._counts.update(["parts", decision.verdict.outcome.value, *(["late"] if event.late else [])])
        yield event

    def rejected(self, rejection: Rejection, entry: Entry) -> Iterator[WatchEvent]:
        """Yield nothing: no file of a watch is rejected, `received` leaves it to a person."""
        del rejection, entry
        yield from ()

    def known(self, job: Job, entry: Entry) -> Iterator[WatchEvent]:
        """Settle a part that was decided before; yields nothing."""
        self._folder.settle(self._folder.take_back(job), entry.id)
        self._counts["known"] += 1
        yield from ()

    def progress(self) -> Iterator[WatchEvent]:
        """Yield the files that do not count yet."""
        news, self._folder.news = self._folder.news, []
        yield from news

    def summary(self) -> WatchSummary:
        """Counts so far."""
        c = self._counts
        return WatchSummary(
            parts=c["parts"],
            known=c["known"],
            clear=c[Outcome.CLEAR.value],
            flag=c[Outcome.FLAG.value],
            abstain=c[Outcome.ABSTAIN.value],
            late=c["late"],
            waiting=len(self._folder.waiting),
            seconds=time.monotonic() - self._started,
        )
