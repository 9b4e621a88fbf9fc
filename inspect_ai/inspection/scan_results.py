"""Observer of a scan: events and counts of decided studies and rejected files."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

from inspect_ai.audit import Entry, Log, replaced
from inspect_ai.certificates.lapsed import lapsed
from inspect_ai.domain import Decision, Outcome, Rejection
from inspect_ai.inspection.events import FileRejected, Progress, ScanEvent, StudyDecided, Summary
from inspect_ai.inspection.file_counts import FileCounts
from inspect_ai.inspection.runner import Job
from inspect_ai.inspection.study_source import StudySource
from inspect_ai.inspection.workers import StudyResult


class ScanResults:
    """Counts of one scan, and the entries that its report is about."""

    def __init__(self, source: StudySource, log: Log) -> None:
        self.entries: dict[int, Outcome] = {}
        self.rejections: list[Rejection] = []
        self._source, self._log = source, log
        self._counts: Counter[str] = Counter()
        self._files = FileCounts()
        self._rejected: set[tuple[str, str | None]] = set()  # a file of several volumes is rejected once
        self._rejected_before: dict[tuple[str, str | None], int] | None = None
        self._started = time.monotonic()
        self._last_progress: Progress | None = None

    def received(self, job: Job, result: StudyResult) -> StudyResult:
        """Accept every result."""
        del job
        if result.decision is None:
            self._counts["finished"] += 1
        else:
            new = {(r.file, r.sha256) for r in result.rejections} - self._rejected
            self._counts["consumed"] -= len(new)  # files of a decided study that could not be read
        return result

    def decided(self, job: Job, decision: Decision, entry: Entry) -> Iterator[ScanEvent]:
        """Count a committed decision; yield its events."""
        yield self._decided(job, decision, entry, known=False)

    def rejected(self, rejection: Rejection, entry: Entry) -> Iterator[ScanEvent]:
        """Count a committed rejection; yield its event."""
        file = (rejection.file, rejection.sha256)
        if file in self._rejected:
            return
        self._rejected.add(file)
        self.rejections.append(rejection)
        yield FileRejected(entry=entry.id, rejection=rejection)

    def known(self, job: Job, entry: Entry) -> Iterator[ScanEvent]:
        """Count a study that was in the log, with the rejections of its unreadable files that were logged beside it.

        Reads before it counts: the log may be locked, and then this is called again.
        """
        if self._rejected_before is None:
            old = ((row.rejection(), row.id) for row in self._log.entries(kind="rejection"))
            self._rejected_before = {(rejection.file, rejection.sha256): number for rejection, number in old}
        names = self._log.names
        decision = names.in_clear(entry.decision(), job.ref)  # the same content may lie under another name
        rows = []
        for file in job.ref.files:
            keys = (names.path(file.path), file.sha256), (file.path, file.sha256)  # earlier versions wrote the name
            number = next((self._rejected_before[key] for key in keys if key in self._rejected_before), None)
            if number is not None:
                row = self._log.entry(number)
                reason = replaced(row.reason, names.clear_names([file.path]))
                rows.append((Rejection(file=file.path, reason=reason, sha256=file.sha256), row))
        yield self._decided(job, decision, entry, known=True)
        for rejection, row in rows:
            self._counts["consumed"] -= (rejection.file, rejection.sha256) not in self._rejected
            yield from self.rejected(rejection, row)

    def progress(self) -> Iterator[ScanEvent]:
        """Yield the progress, where it has changed."""
        now = Progress(found=self._source.found, finished=self._counts["finished"], all_found=self._source.ended)
        if now != self._last_progress:
            self._last_progress = now
            yield now

    def summary(self) -> Summary:
        """Counts so far."""
        c, set_aside = self._counts, sum(rejection.expected for rejection in self.rejections)
        return Summary(
            files=c["consumed"] + len(self.rejections),
            consumed=c["consumed"],
            set_aside=set_aside,
            rejected=len(self.rejections) - set_aside,
            studies=c["studies"],
            clear=c[Outcome.CLEAR.value],
            flag=c[Outcome.FLAG.value],
            abstain=c[Outcome.ABSTAIN.value],
            known=c["known"],
            seconds=time.monotonic() - self._started,
        )

    def _decided(self, job: Job, decision: Decision, entry: Entry, *, known: bool) -> StudyDecided:
        self.entries[entry.id] = decision.verdict.outcome
        self._counts.update(["finished", "studies", decision.verdict.outcome.value, *(["known"] if known else [])])
        self._counts["consumed"] += self._files.new_files(job.ref)
        return StudyDecided(entry=entry.id, decision=decision, known=known, lapsed=lapsed(self._log, entry))
