"""Reports of readers' answers: queued where the results of the decision went, once for each answer and destination.

Whoever answers does it in another process: the log alone tells of it. An answer that was taken back before it was
queued is never sent; where it was queued, what takes it back follows it.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator

from inspect_ai.audit import Entry, Kind, Log
from inspect_ai.errors import AuditError, InspectError
from inspect_ai.pacs.deliveries import MakeObjects, queue
from inspect_ai.pacs.outbox import NotDelivered
from inspect_ai.pacs.pauses import Pauses, Retry
from inspect_ai.pacs.received import Received
from inspect_ai.review import Answer, history, reported_of

PAUSES = Pauses(first_s=5.0, longest_s=3600.0)  # a study that was removed stays so: one sentence an hour


class AnswerReports:
    """Answers of a log and whom they were queued for, as far as it was read. queued: told of each new delivery."""

    def __init__(self, store: Received, make_objects: MakeObjects, queued: Callable[[int, str], None]) -> None:
        self._store, self._make, self._told = store, make_objects, queued
        self._retry = Retry(PAUSES)
        self._destinations: defaultdict[int, set[str]] = defaultdict(set)  # of each entry that was ever queued
        self._open: set[int] = set()  # decisions with an answer that was not looked at since
        self._after = 0  # the newest entry that was read

    def was_queued(self, log: Log, entry_id: int) -> bool:
        """Tell whether an entry was ever queued for somebody."""
        self._read(log)
        return entry_id in self._destinations

    def queue_new(self, log: Log, now: Callable[[], float] = time.monotonic) -> Iterator[NotDelivered]:
        """Queue the reports that are due; yield those that cannot be made. Raises AuditError."""
        self._read(log)
        for decision_id in sorted(self._open & self._destinations.keys()):
            if not self._retry.is_due(decision_id, now()):
                continue
            for destination in sorted(self._destinations[decision_id]):
                try:
                    self._queue(log, decision_id, destination)
                except AuditError:
                    raise
                except (InspectError, OSError) as e:
                    why = str(e) if isinstance(e, InspectError) else f"its report cannot be written ({e.strerror})."
                    pause_s = self._retry.failed(decision_id, now())
                    yield NotDelivered(entry=decision_id, destination=destination, reason=why, pause_s=pause_s)
                    break
            else:
                self._retry.passed(decision_id)
                self._open.discard(decision_id)

    def _read(self, log: Log) -> None:
        """Read on: who was answered, and what was queued for whom."""
        newest = log.head().rows
        if newest == self._after:
            return
        for entry in log.entries(kind=Kind.DELIVERY, after=self._after, up_to=newest):
            row = entry.delivery()
            self._destinations[row.entry_id].add(row.destination)
        for entry in log.entries(kind=Kind.REVIEW, after=self._after, up_to=newest):
            if entry.refers is not None:
                self._open.add(entry.refers)
        self._after = newest

    def _queue(self, log: Log, decision_id: int, destination: str) -> None:
        for entry in self._due(list(history(log, decision_id)), destination):
            files = self._make(entry, log, self._store.root, self._store.outbox(entry.id))
            self._store.settle(files)
            if queue(log, entry.id, destination, files):
                self._told(entry.id, destination)
            self._destinations[entry.id].add(destination)

    def _due(self, said: list[Entry], destination: str) -> Iterator[Entry]:
        """Yield the reviews of a case, first to last, whose reports the destination lacks."""
        before: Entry | None = None
        for entry in reported_of(said):
            follows = before is not None and self._has(before, destination)
            wanted = follows if entry.outcome == Answer.REOPEN else entry is said[-1]
            if wanted and not self._has(entry, destination):
                yield entry
            before = entry

    def _has(self, entry: Entry, destination: str) -> bool:
        return destination in self._destinations.get(entry.id, ())
