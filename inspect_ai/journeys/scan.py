"""Scan: a folder of studies becomes decisions in the audit log.

walk -> headers -> route -> (children) decode, units -> (threads) score, decide -> commit in groups -> show.
One inbox feeds the thread that owns the log; what is under way is bounded, so memory does not grow with the folder.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from inspect_ai import ingest
from inspect_ai.audit import Entry, Log, open_log, patient_key
from inspect_ai.domain import Decision, Outcome, Rejection, StudyRef
from inspect_ai.errors import UsageError
from inspect_ai.inspection.image_store import ImageStore
from inspect_ai.inspection.inspector import Inspector, open_inspectors
from inspect_ai.inspection.inspectors import Inspectors
from inspect_ai.inspection.predict import abstained
from inspect_ai.inspection.routing import Route, Router
from inspect_ai.inspection.workers import StudyResult, Workers
from inspect_ai.report import Backing
from inspect_ai.report.scan_report import scan_report
from inspect_ai.settings import Settings

UNDER_WAY = 4  # studies a worker between sending and commit: enough to keep both sides busy
FOUND_AHEAD = 256  # studies and rejections that the walk may be ahead
GROUP = 32  # rows a commit
GROUP_S = 0.25  # or whatever has waited this long


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


Event: TypeAlias = StudyDecided | FileRejected | Progress | Summary


def scan(
    root: Path, settings: Settings, *, force: bool = False, note: str = "", made_up: bool = False
) -> Iterator[Event]:
    """Decide every study below `root`; each event is committed before it is yielded. Ends with a Summary.

    `force` decides again what the log holds, in new rows that name the old ones. `note` stands on top of the report.
    `made_up`: pictures that no camera took, unlike any of calibration, are decided uncertified.

    Raises UsageError for a path that is not there, SetupError for a missing model, AuditError for a damaged log.
    An interrupt (or closing the iterator) leaves what is committed; the next scan goes on from there.
    """
    _check(root)
    inspectors, remarks = open_inspectors(settings)
    if made_up:
        inspectors = {name: inspector.without_reference() for name, inspector in inspectors.items()}
    router = Router(inspectors, settings)
    with open_log(settings.db, operator=settings.operator) as log:
        held = Inspectors(inspectors, log)
        image_store = ImageStore(settings.out)
        with Workers(_base(root), inspectors, router.nobody, settings, image_store.wants) as crew:
            run = _Run(root, settings, log, router, crew, image_store, held, force)
            yield from run.events()
        remarks = (*remarks, *held.remarks())
        summary = run.summary(remarks)
        backings = [_backing(inspector) for inspector in inspectors.values()]
        report = scan_report(
            settings.out,
            log,
            image_store,
            run.entries,
            run.rejections,
            summary,
            note,
            backings=backings,
            remarks=remarks,
        )
        yield replace(summary, report=report)


def _backing(inspector: Inspector) -> Backing:
    doubts = [*([inspector.suspended] if inspector.suspended else []), *inspector.mismatches]
    return Backing(point=inspector.point, doubts=tuple(doubts), certificate=inspector.provenance.certificate_sha256)


def plan_scan(root: Path, settings: Settings) -> Iterator[Planned | Rejection]:
    """What a scan would do, from headers alone: no pixel is decoded and nothing is written."""
    _check(root)
    inspectors, _ = open_inspectors(settings)
    router = Router(inspectors, settings)
    with ingest.DecoderPool(settings.workers, settings.decode_memory_gib) as pool:
        found = _foreign(root, settings, ingest.discover(root, settings=settings, pool=pool))
        if not settings.db.is_file():
            yield from (item if isinstance(item, Rejection) else _planned(item, router, None) for item in found)
            return
        with open_log(settings.db, create=False) as log:
            yield from (item if isinstance(item, Rejection) else _planned(item, router, log) for item in found)


def _planned(ref: StudyRef, router: Router, log: Log | None) -> Planned:
    route = router.route(ref)
    entry = log.find_any(ref.digest, router.provenances(route)) if log else None
    return Planned(study=ref, route=route, known=entry.id if entry else None)


def _base(root: Path) -> Path:
    """What the paths of files are relative to."""
    return root.parent if root.is_file() else root


def _check(root: Path) -> None:
    if not root.exists():
        raise UsageError(f"{root} is not there. Name a folder of studies, or one file.")


def _foreign(root: Path, settings: Settings, items: Iterator[StudyRef | Rejection]) -> Iterator[StudyRef | Rejection]:
    """Leave out what this program wrote: the log with its companions, and the folder of reports."""
    base = _base(root).resolve()
    out, db = settings.out.resolve(), settings.db.resolve()
    for item in items:
        path = base / (item.file if isinstance(item, Rejection) else item.files[0].path)
        if not path.is_relative_to(out) and not (path.parent == db.parent and path.name.startswith(db.name)):
            yield item


@dataclass
class _Run:
    """One scan's state. Its methods run in one thread, the owner of the log."""

    root: Path
    settings: Settings
    log: Log
    router: Router
    crew: Workers
    image_store: ImageStore
    held: Inspectors
    force: bool
    entries: dict[int, Outcome] = field(default_factory=dict)
    rejections: list[Rejection] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.inbox: queue.SimpleQueue[StudyRef | Rejection | StudyResult | BaseException | None] = queue.SimpleQueue()
        self.ahead = threading.Semaphore(FOUND_AHEAD)
        self.stopped = threading.Event()
        self.rejected_before: dict[tuple[str, str | None], int] | None = None
        self.waiting: deque[StudyRef] = deque()
        self.resumes = next(iter(self.log.entries(kind="decision", limit=1)), None) is not None
        self.again: dict[str, int] = {}  # digest -> the row that --force decides again
        self.fresh: set[int] = set()  # rows that --force has written
        self.under_way = 0
        self.all_found = False
        self.group: list[StudyResult | Rejection] = []
        self.group_since = 0.0

    def events(self) -> Iterator[Event]:
        """Until everything found is decided or rejected."""
        walker = threading.Thread(target=self._walk, name="walk", daemon=True)
        walker.start()
        try:
            while not self.all_found or self.waiting or self.under_way:
                yield from self._take()
                yield from self._send_on()
                if self.group and (len(self.group) >= GROUP or time.monotonic() - self.group_since > GROUP_S):
                    yield from self._commit()
            yield from self._commit()
        finally:
            self.stopped.set()
            self.ahead.release()

    def _walk(self) -> None:
        """In a thread of its own: what the folder holds goes into the inbox, never far ahead."""
        try:
            key = patient_key(self.settings.db)
            found = ingest.discover(self.root, settings=self.settings, pool=self.crew.pool, patient_key=key)
            for item in _foreign(self.root, self.settings, found):
                self.ahead.acquire()
                if self.stopped.is_set():
                    return
                self.inbox.put(item)
            self.inbox.put(None)
        except BaseException as e:  # noqa: BLE001 - raised again in the thread that waits
            self.inbox.put(e)

    def _take(self) -> Iterator[Event]:
        try:
            item = self.inbox.get(timeout=GROUP_S)
        except queue.Empty:
            return
        if item is None:
            self.all_found = True
        elif isinstance(item, BaseException):
            raise item
        elif isinstance(item, StudyRef):
            self.waiting.append(item)
        elif isinstance(item, Rejection):
            self.ahead.release()
            self._gather(item)
        else:
            self.under_way -= 1
            self._gather(item)
        yield Progress(
            found=self.counts["found"] + len(self.waiting), finished=self.counts["finished"], all_found=self.all_found
        )

    def _send_on(self) -> Iterator[Event]:
        """As many studies as may be under way; those that the log knows are answered from it."""
        while self.waiting and self.under_way < UNDER_WAY * self.settings.workers:
            ref = self.waiting.popleft()
            self.ahead.release()
            self.counts["found"] += 1
            route = self.router.route(ref)
            entry = self.log.find_any(ref.digest, self.router.provenances(route)) if self.resumes else None
            if entry is not None and (not self.force or entry.id in self.fresh):
                yield from self._known(ref, entry)
                continue
            if entry is not None:
                self.again[ref.digest] = entry.id
            if not route.candidates:
                self._gather(StudyResult(ref=ref, decision=abstained(ref, self.router.nobody, route.refusal or "")))
            else:
                self.under_way += 1
                self.crew.send(ref, route, self.inbox.put)

    def _gather(self, done: StudyResult | Rejection) -> None:
        if not self.group:
            self.group_since = time.monotonic()
        if isinstance(done, StudyResult) and done.decision is not None and done.ref.digest in self.again:
            done = replace(done, decision=replace(done.decision, supersedes=self.again[done.ref.digest]))
        self.group.append(done)

    def _commit(self) -> Iterator[Event]:
        """Commit before show: one transaction for the group, then its events."""
        self.held.look()
        group, self.group = self.group, []
        rows = [row for done in group for row in _rows(done)]
        entries = iter(self.log.append(rows) if rows else ())
        for done in group:
            if isinstance(done, Rejection):
                yield self._rejected(done, next(entries).id)
                continue
            if done.decision is not None:
                entry = next(entries)
                self.fresh |= {entry.id} if self.force else set()
                self.image_store.save(entry, done.picture, done.heat, self.log)
                yield self._decided(done.ref, entry, _as_logged(done.decision, entry), known=False)
                self.counts["consumed"] -= len(done.rejections)
            else:
                self.counts["finished"] += 1
            for rejection in done.rejections:
                yield self._rejected(rejection, next(entries).id)

    def _rejected(self, rejection: Rejection, entry: int) -> FileRejected:
        self.rejections.append(rejection)
        return FileRejected(entry=entry, rejection=rejection)

    def _known(self, ref: StudyRef, entry: Entry) -> Iterator[Event]:
        """The log's answer for a study, with the rejections of its unreadable files that were logged beside it."""
        if self.rejected_before is None:
            self.rejected_before = {}
            for old in self.log.entries(kind="rejection"):
                rejection = old.rejection()
                self.rejected_before[rejection.file, rejection.sha256] = old.id
        yield self._decided(ref, entry, entry.decision(), known=True)
        for file in ref.files:
            row = self.rejected_before.get((file.path, file.sha256))
            if row is not None:
                self.counts["consumed"] -= 1
                yield self._rejected(self.log.entry(row).rejection(), row)

    def _decided(self, ref: StudyRef, entry: Entry, logged: Decision, *, known: bool) -> StudyDecided:
        decision = replace(logged, study=ref)  # the same content may lie under another name
        self.entries[entry.id] = decision.verdict.outcome
        self.counts.update(["finished", "studies", decision.verdict.outcome.value, *(["known"] if known else [])])
        self.counts["consumed"] += len(ref.files)
        return StudyDecided(entry=entry.id, decision=decision, known=known)

    def summary(self, remarks: tuple[str, ...]) -> Summary:
        """The counts so far."""
        c, rejected = self.counts, len(self.rejections)
        return Summary(
            files=c["consumed"] + rejected,
            consumed=c["consumed"],
            rejected=rejected,
            studies=c["studies"],
            clear=c[Outcome.CLEAR.value],
            flag=c[Outcome.FLAG.value],
            abstain=c[Outcome.ABSTAIN.value],
            known=c["known"],
            seconds=time.monotonic() - self.started,
            remarks=remarks,
        )


def _as_logged(decision: Decision, entry: Entry) -> Decision:
    """What the log says is what is shown, should another process have been first; reading it back costs time."""
    same = (entry.outcome, entry.score) == (decision.verdict.outcome.value, decision.score)
    return decision if same else entry.decision()


def _rows(done: StudyResult | Rejection) -> list[Decision | Rejection]:
    if isinstance(done, Rejection):
        return [done]
    return [*([done.decision] if done.decision else []), *done.rejections]
