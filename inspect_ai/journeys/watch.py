"""Watch: every part that a camera puts into a folder becomes one decision, however often this program is killed.

Events of the file system only wake a pass; the pass compares the folder, which is the truth, with the log, which is the
memory. A file counts when two looks find the same size, time and inode and it is whole. One decision for each path and
content: the study's digest covers both, so the same picture under another name is another part.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

from inspect_ai import ingest
from inspect_ai.audit import Log, open_log
from inspect_ai.domain import Decision, Outcome, Rejection, StudyRef
from inspect_ai.errors import UsageError
from inspect_ai.ingest.attributes import attributes_set
from inspect_ai.ingest.file_events import file_events
from inspect_ai.ingest.watched_files import FileState, WatchedFile, list_files, watched_file
from inspect_ai.inspection.image_store import ImageStore
from inspect_ai.inspection.inspector import open_inspectors
from inspect_ai.inspection.inspectors import Inspectors
from inspect_ai.inspection.predict import abstained
from inspect_ai.inspection.routing import Router
from inspect_ai.inspection.workers import StudyResult, Workers
from inspect_ai.settings import Settings

LOOK_S = 0.05  # between two looks while something moves
POLL_S = 1.0  # between looks while nothing does, in case an event was lost or the share sends none
UNDER_WAY = 4  # parts a worker


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


WatchEvent: TypeAlias = PartDecided | PartWaiting | WatchSummary


def watch(folder: Path, settings: Settings, *, once: bool = False, patience_s: float = 600.0) -> Iterator[WatchEvent]:
    """Decide parts as they come, or with `once` what is there now. Each event is committed before it is yielded.

    A file that ends in the middle is waited for; after `patience_s` without growth it ends as ABSTAIN.
    Raises UsageError where there is no such folder or no task is named; AuditError when nothing can be logged.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder. Name the folder that the camera writes to.")
    if settings.task == "auto":
        raise UsageError("A line inspects one kind of part: name its task with --task. `inspect-ai tasks` lists them.")
    inspectors, _ = open_inspectors(settings)
    router = Router(inspectors, settings)
    image_store = ImageStore(settings.out)
    with (
        open_log(settings.db, operator=settings.operator) as log,
        Workers(folder, inspectors, router.nobody, settings, image_store.wants) as crew,
        file_events(folder) as wake,
    ):
        held = Inspectors(inspectors, log)
        yield from _Watch(folder, settings, log, router, crew, image_store, held, wake, once, patience_s).events()


@dataclass
class _Watch:
    """State of one watch. What matters of it can be told again from folder and log."""

    folder: Path
    settings: Settings
    log: Log
    router: Router
    crew: Workers
    image_store: ImageStore
    held: Inspectors
    wake: threading.Event
    once: bool
    patience_s: float
    looked: dict[str, FileState] = field(default_factory=dict)  # path -> how the last look found it
    settled: dict[str, FileState] = field(default_factory=dict)  # path -> the state that needs no more work
    busy: dict[str, WatchedFile] = field(default_factory=dict)
    waiting: dict[str, FileState] = field(default_factory=dict)
    last_entry: dict[str, int] = field(default_factory=dict)  # path -> the row that decided it last
    counts: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.inbox: queue.SimpleQueue[tuple[WatchedFile, StudyResult | BaseException]] = queue.SimpleQueue()
        self.task = self.settings.task
        self.inspector = self.router.inspectors[self.task]
        self.started = time.monotonic()
        for entry in self.log.entries(kind="decision", task=self.task):
            self.last_entry[entry.source] = entry.id

    def events(self) -> Iterator[WatchEvent]:
        """Look, send what counts, commit what came back; again."""
        looks = 0
        while True:
            self.held.look()  # another process may have suspended the certificate
            moving = yield from self._look()
            looks += 1
            yield from self._gather(LOOK_S if moving or self.busy else 0.0)
            if self.once and looks >= 2 and not moving and not self.busy:
                yield self._summary()
                return
            if not moving and not self.busy and not self.once:
                self.wake.wait(POLL_S)
                self.wake.clear()

    def _look(self) -> Generator[WatchEvent, None, bool]:
        """One pass over the folder. Returns whether anything changed since the last look or waits for its turn."""
        now = time.monotonic()
        found = list_files(self.folder)
        moving = False
        newest_first = sorted(found.items(), key=lambda item: -item[1].mtime_ns)  # a new part before what the log knows
        for path, seen in newest_first:
            before = self.looked.get(path)
            state = before if before is not None and before.same(seen) else replace(seen, since=now)
            found[path] = state
            if path in self.busy or state.same(self.settled.get(path)):
                continue
            if state is not before or now - state.since < LOOK_S:
                moving = True  # seen so for the first time, or just now: a later look decides
            elif len(self.busy) >= UNDER_WAY * self.settings.workers or time.monotonic() - now > LOOK_S:
                moving = (
                    True  # its turn comes; the folder is looked at again before, so that nothing new waits for long
                )
            else:
                yield from self._consider(path, state)
        for gone in self.looked.keys() - found.keys():
            self.settled.pop(gone, None)
            self.waiting.pop(gone, None)
        self.looked = found
        return moving

    def _consider(self, path: str, state: FileState) -> Iterator[WatchEvent]:
        """A file that two looks found alike: a part, a sidecar, or still being written."""
        young = time.time() - state.mtime_ns / 1e9 < self.patience_s
        if young and state.same(self.waiting.get(path)):
            return
        most_bytes = int(self.settings.max_file_gib * (1 << 30))
        part = watched_file(self.folder, path, state, attributes_set(self.settings), most_bytes)
        early = part.unfinished if part is not None else None
        if part is not None and part.ref.kind == "dicom" and (early is None or not young):
            part = self._with_header(part)
            early = part.problem
        if young and early is not None:
            yield self._wait_for(path, state, early)
            return
        self.waiting.pop(path, None)
        if part is None:  # a sidecar, or gone or changed since the look
            if state.same(list_files(self.folder, path).get(path)):
                self.settled[path] = state
            return
        if self.log.find(part.ref.digest, self.inspector.provenance) is not None:
            self.settled[path] = state
            self.counts["known"] = self.counts.get("known", 0) + 1
            return
        self._send(part)

    def _with_header(self, part: WatchedFile) -> WatchedFile:
        """A DICOM file with what its header says of it, or with the reason why there is none."""
        for item in ingest.discover(self.folder / part.path, settings=self.settings, pool=self.crew.pool):
            if isinstance(item, Rejection):
                return replace(part, problem=item.reason)
            own = part.ref
            return replace(part, ref=replace(item, key=own.key, source=own.source, digest=own.digest, files=own.files))
        return replace(part, problem="the file cannot be read")

    def _wait_for(self, path: str, state: FileState, reason: str) -> PartWaiting:
        self.waiting[path] = state
        return PartWaiting(path=path, reason=reason)

    def _send(self, part: WatchedFile) -> None:
        """To the crew; or straight back, where there is nothing to decode."""
        if part.path in self.last_entry:
            note = f"replaces the content decided in entry {self.last_entry[part.path]}"
            part = replace(part, ref=replace(part.ref, notes=(*part.ref.notes, note)))
        self.busy[part.path] = part
        route = self.router.route(part.ref)
        reason = part.problem or route.refusal
        if reason is not None:
            self._came_back(
                part, StudyResult(ref=part.ref, decision=abstained(part.ref, self.inspector.provenance, reason))
            )
        else:
            self.crew.send(part.ref, route, partial(self._came_back, part))

    def _came_back(self, part: WatchedFile, done: StudyResult | BaseException) -> None:
        """Called from the engine's threads."""
        self.inbox.put((part, done))

    def _gather(self, wait_s: float) -> Iterator[WatchEvent]:
        """Commit what has come back, at least after `wait_s`, as one group."""
        came: list[tuple[WatchedFile, Decision, StudyResult]] = []
        until = time.monotonic() + wait_s
        while True:
            try:
                part, done = self.inbox.get(timeout=max(0.0, until - time.monotonic()) or 1e-4)
            except queue.Empty:
                break
            if isinstance(done, BaseException):
                raise done
            del self.busy[part.path]
            now = list_files(self.folder, part.path).get(part.path)
            if (now is None and done.decision is None) or (now is not None and not part.state.same(now)):
                continue  # gone before it was read, or written again meanwhile: what was read may be neither content
            young = time.time() - part.state.mtime_ns / 1e9 < self.patience_s
            if done.decision is None and part.ref.kind == "dicom" and young:
                yield self._wait_for(part.path, part.state, "its pixels cannot be read yet")
                continue
            came.append((part, self._decision(part.ref, done), done))
            until = min(until, time.monotonic())
        entries = self.log.append([decision for _, decision, _ in came]) if came else []
        for (part, decision, done), entry in zip(came, entries, strict=True):
            self.settled[part.path] = part.state
            self.last_entry[part.path] = entry.id
            self.image_store.save(entry, done.picture, done.heat, self.log)
            cycle_ms = (time.monotonic() - part.state.since) * 1000.0
            event = PartDecided(
                entry=entry.id,
                decision=decision,
                sha256=part.ref.files[0].sha256,
                cycle_ms=cycle_ms,
                takt_ms=self.settings.takt_ms,
            )
            for key in ("parts", decision.verdict.outcome.value, *(["late"] if event.late else [])):
                self.counts[key] = self.counts.get(key, 0) + 1
            yield event

    def _decision(self, ref: StudyRef, done: StudyResult) -> Decision:
        """Whatever could not be read ends as ABSTAIN: the part is there and somebody has to look at it."""
        if done.decision is not None:
            return done.decision
        reason = (
            "; ".join(dict.fromkeys(rejection.reason for rejection in done.rejections)) or "the file cannot be read"
        )
        return abstained(ref, self.inspector.provenance, reason)

    def _summary(self) -> WatchSummary:
        c = self.counts
        return WatchSummary(
            parts=c.get("parts", 0),
            known=c.get("known", 0),
            clear=c.get(Outcome.CLEAR.value, 0),
            flag=c.get(Outcome.FLAG.value, 0),
            abstain=c.get(Outcome.ABSTAIN.value, 0),
            late=c.get("late", 0),
            waiting=len(self.waiting),
            seconds=time.monotonic() - self.started,
        )
