"""Deciding of received studies: those that are complete are scanned together, and what answers them is queued."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

from inspect_ai.audit import open_log
from inspect_ai.errors import AuditError, InspectError
from inspect_ai.inspection.events import FileRejected, ScanEvent, StudyDecided, Summary
from inspect_ai.inspection.outages import Notice
from inspect_ai.pacs.answers import AnswerReports
from inspect_ai.pacs.deliveries import MakeObjects, queue
from inspect_ai.pacs.destinations import AET, destination_of_title
from inspect_ai.pacs.outbox import Delivered, NotDelivered, Outbox
from inspect_ai.pacs.pauses import Pauses, Retry
from inspect_ai.pacs.received import Received, ReceivedStudy
from inspect_ai.pacs.receiver import Told
from inspect_ai.settings import Settings
from inspect_ai.text import printable

PAUSES = Pauses()
ANSWERS_S = 2.0  # between two looks for answers of readers
TOGETHER = 32  # studies of one scan: it loads the model once for all of them
Scan = Callable[[Path, Settings], Iterator[ScanEvent]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """Results and where they go. reply: name of a destination; "" for the one that each study came from."""

    make_objects: MakeObjects
    reply: str = ""
    aet: str = AET
    pauses: Pauses = PAUSES


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The listener takes associations on this port."""

    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedDecided:
    """A received study was decided: its key, and what the scan of its folder found."""

    key: str
    instances: int
    decided: tuple[StudyDecided, ...]
    rejected: tuple[FileRejected, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotDecided:
    """A received study could not be decided; the next attempt comes in `pause_s`."""

    key: str
    reason: str
    pause_s: float


PacsEvent = Started | Told | Notice | ReceivedDecided | NotDecided | Delivered | NotDelivered


@dataclass(slots=True)
class _Found:
    """Findings of the scan in one study."""

    decided: list[StudyDecided] = field(default_factory=list)
    rejected: list[FileRejected] = field(default_factory=list)


class Deciding:
    """Decides studies, each as it lies on the disk, and queues what answers them."""

    def __init__(self, store: Received, settings: Settings, answering: Answering | None, scan: Scan) -> None:
        self._store, self._settings, self._answering, self._scan = store, settings, answering, scan
        self._retry = Retry(Pauses(first_s=5.0))
        self._said: set[str] = set()
        make = (lambda entry, log, root, folder: ()) if answering is None else answering.make_objects
        pauses, aet = (Pauses(), AET) if answering is None else (answering.pauses, answering.aet)
        self.outbox = Outbox(store, settings, make, aet, pauses)
        self._answers = AnswerReports(store, make, self.outbox.queued)
        self._look_at = 0.0  # monotonic seconds of the next look for answers

    def decide(self, complete: Iterable[ReceivedStudy]) -> Iterator[PacsEvent]:
        """Decide studies by scans of some at a time, as they were listed. What the log holds is found there."""
        due = (study for study in complete if self._retry.is_due(study.key, time.monotonic()))
        while studies := list(islice(due, TOGETHER)):
            found = {study.key: _Found() for study in studies}
            try:
                yield from self._scanned(studies, found)
            except AuditError as e:
                if not e.passing:
                    raise
                yield from self._failed(studies, str(e))
            except InspectError as e:
                yield from self._failed(studies, str(e))
            except OSError as e:
                yield from self._failed(studies, f"their files cannot be gathered ({e.strerror}).")
            else:
                for study in studies:
                    yield from self._answered(study, found[study.key])

    def answers(self) -> Iterator[PacsEvent]:
        """Queue the reports of answers that came since the last look, at most one look in `ANSWERS_S`.

        Raises AuditError for a damaged log.
        """
        if self._answering is None or time.monotonic() < self._look_at or not self._settings.db.exists():
            return
        try:
            with open_log(self._settings.db, operator=self._settings.operator, create=False) as log:
                yield from self._answers.queue_new(log)
        except AuditError as e:
            if not e.passing:
                raise
        self._look_at = time.monotonic() + ANSWERS_S

    def unanswered(self) -> Iterator[PacsEvent]:
        """Queue the results of studies that were decided when there was nobody to send them to."""
        if self._answering is None or not self._settings.db.exists():
            return
        decided = [(study, self._store.note(study.key)) for study in self._store.studies()]
        with open_log(self._settings.db, operator=self._settings.operator, create=False) as log:
            left = [
                (study, [entry for entry in note.entries if not self._answers.was_queued(log, entry)])
                for study, note in decided
                if note.version == study.version
            ]
        for study, entries in left:
            if entries:
                yield from self._tried(study, partial(self._queued_late, study.key, entries))

    def _queued_late(self, key: str, entries: Sequence[int]) -> Iterator[PacsEvent]:
        yield from self._queue(key, entries)
        self._store.keep_note(key, problem="")

    def _scanned(self, studies: Sequence[ReceivedStudy], found: dict[str, _Found]) -> Iterator[PacsEvent]:
        """Scan the studies together. A finding belongs to each study that has a file in it."""
        with self._store.gathered(studies) as folder:
            for event in self._scan(folder, self._settings):
                if isinstance(event, StudyDecided):
                    for key in {file.path.partition("/")[0] for file in event.decision.study.files}:
                        found[key].decided.append(event)
                elif isinstance(event, FileRejected):
                    key = event.rejection.file.partition("/")[0]
                    if key in found:  # else it is the folder itself
                        found[key].rejected.append(event)
                elif isinstance(event, Notice):
                    yield event
                elif isinstance(event, Summary):
                    yield from self._once(*event.remarks)

    def _answered(self, study: ReceivedStudy, found: _Found) -> Iterator[PacsEvent]:
        """Queue the results of one study, and only then note that this version of it is decided."""
        entries = tuple(event.entry for event in found.decided)

        def done() -> Iterator[PacsEvent]:
            yield from self._queue(study.key, entries)
            self._store.keep_note(study.key, version=study.version, entries=entries, problem="")
            self._retry.passed(study.key)
            yield ReceivedDecided(
                key=study.key,
                instances=study.instances,
                decided=tuple(found.decided),
                rejected=tuple(found.rejected),
            )

        yield from self._tried(study, done)

    def _tried(self, study: ReceivedStudy, step: Callable[[], Iterator[PacsEvent]]) -> Iterator[PacsEvent]:
        """Take a step with the results of one study; where it fails, say why, and try again later."""
        try:
            yield from step()
        except AuditError as e:
            if not e.passing:
                raise
            yield from self._failed([study], str(e))
        except InspectError as e:
            yield from self._failed([study], str(e))
        except OSError as e:
            yield from self._failed([study], f"its results cannot be written ({e.strerror}). Free some space.")

    def _queue(self, key: str, entries: Sequence[int]) -> Iterator[PacsEvent]:
        """Write the result objects of each decision, and that they are to be sent."""
        if self._answering is None:
            return
        target = self._destination(key)
        if target is None:
            source = printable(self._store.note(key).source, 40)
            yield from self._once(f"Results of studies from {source!r} stay here: no destination has this AE title.")
            return
        with open_log(self._settings.db, operator=self._settings.operator) as log:
            for number in entries:
                folder = self._store.outbox(number)
                files = self._answering.make_objects(log.entry(number), log, self._store.root, folder)
                self._store.settle(files)
                if queue(log, number, target, files):
                    self.outbox.queued(number, target)

    def _destination(self, key: str) -> str | None:
        assert self._answering is not None  # noqa: S101 - the caller looked; for the type checker
        if self._answering.reply:
            return self._answering.reply
        source = self._store.note(key).source
        if source.startswith("="):  # fetched from there
            return source[1:]
        there = destination_of_title(source, self._settings)
        return None if there is None else there.name

    def _failed(self, studies: Iterable[ReceivedStudy], reason: str) -> Iterator[PacsEvent]:
        for study in studies:
            with suppress(OSError):  # on a full disk the sentence is shown alone; the study stays undecided in any case
                self._store.keep_note(study.key, problem=reason)
            pause_s = self._retry.failed(study.key, time.monotonic())
            yield NotDecided(key=study.key, reason=reason, pause_s=pause_s)

    def _once(self, *sentences: str) -> Iterator[Told]:
        for sentence in sentences:
            if sentence not in self._said:
                self._said.add(sentence)
                yield Told(message=sentence)
