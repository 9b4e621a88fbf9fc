"""Runner of studies, shared by scan and watch.

A source yields studies and rejections; workers decode and score; one thread, the owner of the log, commits results in
groups; an observer makes events of the committed rows. The number of studies under way is bounded, so memory does not
grow with the number of all studies. Nothing is yielded before it is in the log. While the log is locked or its disk
full, results and studies wait and the source goes on looking.
"""

from __future__ import annotations

import itertools
import math
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Protocol, TypeVar

from inspect_ai.audit import Entry, Log
from inspect_ai.domain import Decision, Provenance, Rejection, StudyRef
from inspect_ai.errors import AuditError
from inspect_ai.inspection.decision import abstained
from inspect_ai.inspection.inspectors import Inspectors
from inspect_ai.inspection.outages import LogOutage, Notice
from inspect_ai.inspection.pictures.image_store import ImageStore
from inspect_ai.inspection.workers import StudyResult, Workers
from inspect_ai.settings import Settings

UNDER_WAY = 4  # studies a worker between sending and commit: enough to keep both sides busy
GROUP = 32  # rows a commit

Event = TypeVar("Event")
Event_co = TypeVar("Event_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Job:
    """A study for the workers. problem: reason why it cannot be read at all; it is left to a person undecoded."""

    ref: StudyRef
    problem: str | None = None


class Source(Protocol):
    """Source of studies. All methods are called by the thread that runs."""

    @property
    def pause_s(self) -> float:
        """Longest time that the runner may wait for results before it asks again."""

    @property
    def least_pause_s(self) -> float:
        """Shortest pause; a wake shortens it to no less than this."""

    def items(self, room: int) -> Iterator[Job | Rejection]:
        """Yield the studies and rejections that are ready now, no more than `room` studies and nothing where that is 0.

        Called too while there is no room, so that the source goes on looking.
        """

    @property
    def ended(self) -> bool:
        """True when nothing more will come."""


class Observer(Protocol[Event_co]):
    """Makes the events of a run."""

    def received(self, job: Job, result: StudyResult) -> StudyResult | None:
        """Take a result; returns the one that is to be committed, None for one that does not count."""

    def decided(self, job: Job, decision: Decision, entry: Entry) -> Iterator[Event_co]:
        """Yield events of a decision that was committed just now."""

    def rejected(self, rejection: Rejection, entry: Entry) -> Iterator[Event_co]:
        """Yield events of a rejected file, committed."""

    def known(self, job: Job, entry: Entry) -> Iterator[Event_co]:
        """Yield events of a study whose decision was in the log before."""

    def progress(self) -> Iterator[Event_co]:
        """Yield events of other changes; called once a round."""


class Runner:
    """Context manager around workers and log. group_s: longest time that a result waits for others to share its commit.

    unclaimed: provenance of a study that no task claims. force: decide studies of the log again, in new rows that name
    the old ones. lookup: search the log for each study; a scan into an empty log need not. outage: how long a log that
    is locked is waited for; without end by default.
    """

    def __init__(
        self,
        root: Path,
        inspectors: Inspectors,
        log: Log,
        settings: Settings,
        *,
        group_s: float,
        unclaimed: Provenance,
        force: bool = False,
        lookup: bool = True,
        outage: LogOutage | None = None,
    ) -> None:
        self.image_store = ImageStore(settings.out)
        self.workers = Workers(root, inspectors, settings, self.image_store.wants)
        self._inspectors, self._log, self._unclaimed = inspectors, log, unclaimed
        self._group_s, self._force, self._lookup = group_s, force, lookup
        self._most = UNDER_WAY * settings.workers
        self._under_way = 0
        self._inbox: queue.SimpleQueue[tuple[Job, StudyResult | BaseException] | None] = queue.SimpleQueue()
        self._woken = threading.Event()
        self._group: list[tuple[Job, StudyResult] | Rejection] = []
        self._group_since = 0.0
        self._postponed: list[Job | Rejection] = []  # taken from the source, not started: the log was not reachable
        self._outage = outage or LogOutage(math.inf)
        self._superseded: dict[str, int] = {}  # digest -> the row that is decided again
        self._fresh: set[int] = set()  # rows that were written by force

    def __enter__(self) -> Runner:
        try:
            self._inspectors.refresh(self._log)
        except AuditError as e:
            if not e.passing:
                raise
        self.workers.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.workers.__exit__(kind, error, trace)

    def wake(self) -> None:
        """Let the runner ask its source again. Thread-safe."""
        if not self._woken.is_set():
            self._woken.set()
            self._inbox.put(None)

    def run(self, source: Source, observer: Observer[Event]) -> Iterator[Event | Notice]:
        """Yield events until the source has ended and everything is committed. Raises errors of source and workers."""
        while not source.ended or self._under_way or self._group or self._postponed:
            yield from self._feed(source, observer)
            self._receive(source, observer)
            if self._group and (self._is_due() or (source.ended and not self._under_way)):
                yield from self._commit(observer)
            yield from observer.progress()

    def _feed(self, source: Source, observer: Observer[Event]) -> Iterator[Event | Notice]:
        """Start the studies that the source has ready."""
        refreshed = False
        again: list[Job | Rejection] = []
        if not self._outage.lasts:
            again, self._postponed = self._postponed, []
        room = 0 if self._outage.lasts else max(0, self._most - self._under_way - len(again))
        for item in itertools.chain(again, source.items(room)):
            if self._outage.lasts:
                self._postponed.append(item)
                continue
            try:
                if not refreshed:
                    self._inspectors.refresh(self._log)  # another process may have suspended a certificate
                    yield from self._outage.passed()
                refreshed = True
                if isinstance(item, Rejection):
                    self._hold(item)
                else:
                    yield from self._start(item, observer)
            except AuditError as e:
                self._postponed.append(item)
                yield self._outage.failed(e)
            if len(self._group) >= GROUP:
                yield from self._commit(observer)

    def _is_due(self) -> bool:
        return len(self._group) >= GROUP or time.monotonic() - self._group_since >= self._group_s

    def _start(self, job: Job, observer: Observer[Event]) -> Iterator[Event]:
        """Answer one study from the log, leave it to a person, or give it to the workers."""
        route = self._inspectors.route(job.ref)
        reason = job.problem or route.refusal
        entry = self._inspectors.known(job.ref, route, self._log) if self._lookup else None
        if entry is None and self._lookup and reason is not None:
            entry = self._log.find(job.ref.digest, self._unclaimed)
        if entry is not None and (not self._force or entry.id in self._fresh):
            yield from observer.known(job, entry)
            return
        if entry is not None:
            self._superseded[job.ref.digest] = entry.id
        self._under_way += 1
        if reason is not None:
            decision = abstained(job.ref, self._unclaimed, reason)
            self._inbox.put((job, StudyResult(ref=job.ref, decision=decision)))
        else:
            self.workers.submit(job.ref, route, lambda result: self._inbox.put((job, result)))

    def _receive(self, source: Source, observer: Observer[Event]) -> None:
        """Wait for a result, as long as the source allows; then take all that are ready."""
        now = time.monotonic()
        earliest = now + source.least_pause_s
        until = now + source.pause_s
        if self._outage.lasts:
            until = min(until, self._outage.again_at)
        elif self._group:
            until = min(until, self._group_since + self._group_s)
        while len(self._group) < GROUP or self._outage.lasts:
            try:
                item = self._inbox.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                return
            if item is None:
                self._woken.clear()
                until = min(until, earliest)
                continue
            job, result = item
            self._under_way -= 1
            if isinstance(result, BaseException):
                raise result
            if (accepted := observer.received(job, result)) is not None:
                self._hold((job, self._checked(accepted)))
            until = now

    def _checked(self, result: StudyResult) -> StudyResult:
        if result.decision is None:
            return result
        decision = self._inspectors.checked(result.decision)
        if (old := self._superseded.get(result.ref.digest)) is not None:
            decision = replace(decision, supersedes=old)
        return replace(result, decision=decision)

    def _hold(self, item: tuple[Job, StudyResult] | Rejection) -> None:
        if not self._group:
            self._group_since = time.monotonic()
        self._group.append(item)

    def _commit(self, observer: Observer[Event]) -> Iterator[Event | Notice]:
        """Commit before show: one transaction for the group, then its events."""
        if self._outage.lasts:
            return
        rows = [row for item in self._group for row in _rows(item)]
        try:
            entries = iter(self._log.append(rows) if rows else ())
        except AuditError as e:
            yield self._outage.failed(e)
            return
        group, self._group = self._group, []
        yield from self._outage.passed()
        for item in group:
            if isinstance(item, Rejection):
                yield from observer.rejected(item, next(entries))
                continue
            job, result = item
            if result.decision is not None:
                entry = next(entries)
                self._fresh |= {entry.id} if self._force else set()
                yield from observer.decided(job, self._as_logged(result.decision, entry), entry)
                yield from self.image_store.save(entry, result.picture, result.heat, self._log)
            for rejection in result.rejections:
                yield from observer.rejected(rejection, next(entries))

    def _as_logged(self, decision: Decision, entry: Entry) -> Decision:
        """Decision as the log has it: another process may have been first. Read back only then, as that takes time."""
        same = (entry.outcome, entry.score) == (decision.verdict.outcome.value, decision.score)
        return decision if same else self._log.names.in_clear(entry.decision(), decision.study)


def _rows(item: tuple[Job, StudyResult] | Rejection) -> list[Decision | Rejection]:
    if isinstance(item, Rejection):
        return [item]
    decision = item[1].decision
    return [*([] if decision is None else [decision]), *item[1].rejections]
