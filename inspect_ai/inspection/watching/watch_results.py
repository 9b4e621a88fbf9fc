"""Observer of a watch: events and counts of the parts' decisions, with their cycle times."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from inspect_ai.audit import Entry
from inspect_ai.domain import Decision, Outcome, Provenance, Rejection
from inspect_ai.ingest.watching.watched_files import WatchedFile
from inspect_ai.inspection.decision import abstained
from inspect_ai.inspection.events import FileRejected, PartDecided, WatchEvent, WatchSummary
from inspect_ai.inspection.runner import Job
from inspect_ai.inspection.watching.watched_folder import Fate, WatchedFolder
from inspect_ai.inspection.workers import StudyResult


class WatchResults:
    """Counts of one watch. provenance: of the watching task, also for parts that cannot be read."""

    def __init__(self, folder: WatchedFolder, provenance: Provenance, takt_ms: float) -> None:
        self._folder, self._provenance, self._takt_ms = folder, provenance, takt_ms
        self._parts: dict[tuple[str, str], WatchedFile] = {}  # by path and content: received, not committed yet
        self._counts: Counter[str] = Counter()
        self._started = time.monotonic()

    def received(self, job: Job, result: StudyResult) -> StudyResult | None:
        """Make a decision on the part. One whose file went or was written again before it was read is told of instead;
        one that may still grow is looked at again.

        A file that cannot be read ends as ABSTAIN: the part is there and somebody has to look at it.
        """
        part, fate = self._folder.take_back(job, decided=result.decision is not None)
        if fate is Fate.AGAIN:
            return None
        if fate is not Fate.AS_READ:
            told = Rejection(file=part.path, reason=fate.value, sha256=part.sha256)
            return StudyResult(ref=job.ref, decision=None, rejections=(told,))
        if result.decision is None and part.ref.kind == "dicom" and self._folder.is_young(part.state):
            self._folder.wait_for(part.path, part.state, "its pixels cannot be read yet")
            return None
        self._parts[part.path, part.sha256] = part
        reasons = "; ".join(dict.fromkeys(rejection.reason for rejection in result.rejections))
        decision = result.decision or abstained(job.ref, self._provenance, reasons or "the file cannot be read")
        return replace(result, decision=decision, rejections=())

    def decided(self, job: Job, decision: Decision, entry: Entry) -> Iterator[WatchEvent]:
        """Count a committed decision on a part; yield its event."""
        part = self._parts.pop((job.ref.key, job.ref.files[0].sha256))
        self._folder.settle(part, entry.id)
        event = PartDecided(
            entry=entry.id,
            decision=decision,
            sha256=part.sha256,
            cycle_ms=(time.monotonic() - part.state.since) * 1000.0,
            takt_ms=self._takt_ms,
        )
        self._counts.update(["parts", decision.verdict.outcome.value, *(["late"] if event.late else [])])
        yield event

    def rejected(self, rejection: Rejection, entry: Entry) -> Iterator[WatchEvent]:
        """Count a file that is told of instead of decided; yield its event."""
        self._counts["rejected"] += 1
        yield FileRejected(entry=entry.id, rejection=rejection)

    def known(self, job: Job, entry: Entry) -> Iterator[WatchEvent]:
        """Settle a part that was decided before; yields nothing."""
        part, _ = self._folder.take_back(job, decided=True)
        self._folder.settle(part, entry.id)
        self._counts["known"] += 1
        yield from ()

    def progress(self) -> Iterator[WatchEvent]:
        """Yield the files that do not count yet, and notices about the folder."""
        yield from self._folder.news()

    def summary(self, pictures_lost: int = 0) -> WatchSummary:
        """Counts so far."""
        c, arrivals = self._counts, self._folder.arrivals
        return WatchSummary(
            found=arrivals.found,
            parts=c["parts"],
            known=c["known"],
            rejected=c["rejected"],
            waiting=len(arrivals.waiting),
            left=arrivals.left,
            clear=c[Outcome.CLEAR.value],
            flag=c[Outcome.FLAG.value],
            abstain=c[Outcome.ABSTAIN.value],
            late=c["late"],
            sidecars=arrivals.sidecars,
            seconds=time.monotonic() - self._started,
            pictures_lost=pictures_lost,
        )
