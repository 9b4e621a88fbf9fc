"""Deciding of received studies: each is scanned where it lies, and its result objects are queued."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from inspect_ai.audit import open_log
from inspect_ai.errors import AuditError, InspectError
from inspect_ai.inspection.events import FileRejected, ScanEvent, StudyDecided, Summary
from inspect_ai.inspection.outages import Notice
from inspect_ai.pacs.deliveries import MakeObjects, queue
from inspect_ai.pacs.destinations import AET, destination_of_title
from inspect_ai.pacs.outbox import Delivered, NotDelivered, Outbox
from inspect_ai.pacs.pauses import Pauses, Retry
from inspect_ai.pacs.received import Received, ReceivedStudy
from inspect_ai.pacs.receiver import Told
from inspect_ai.settings import Settings
from inspect_ai.text import printable

PAUSES = Pauses()
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


class Deciding:
    """Decides studies, each as it lies on the disk, and queues what answers them."""

    def __init__(self, store: Received, settings: Settings, answering: Answering | None, scan: Scan) -> None:
        self._store, self._settings, self._answering, self._scan = store, settings, answering, scan
        self._retry = Retry(Pauses(first_s=5.0))
        self._said: set[str] = set()
        make = (lambda entry, log, root, folder: ()) if answering is None else answering.make_objects
        pauses, aet = (Pauses(), AET) if answering is None else (answering.pauses, answering.aet)
        self.outbox = Outbox(store, settings, make, aet, pauses)

    def decide(self, study: ReceivedStudy) -> Iterator[PacsEvent]:
        """Scan the folder of one study. A version that the log holds is found there and not decided again."""
        if not self._retry.is_due(study.key, time.monotonic()):
            return
        decided: list[StudyDecided] = []
        rejected: list[FileRejected] = []
        try:
            yield from self._scanned(study, decided, rejected)
            yield from self._answer(study, [event.entry for event in decided])
        except AuditError as e:
            if not e.passing:
                raise
            yield self._failed(study, str(e))
        except InspectError as e:
            yield self._failed(study, str(e))
        except OSError as e:
            yield self._failed(study, f"its results cannot be written ({e.strerror}); free some space")
        else:
            self._retry.passed(study.key)
            yield ReceivedDecided(
                key=study.key, instances=study.instances, decided=tuple(decided), rejected=tuple(rejected)
            )

    def _scanned(
        self, study: ReceivedStudy, decided: list[StudyDecided], rejected: list[FileRejected]
    ) -> Iterator[PacsEvent]:
        for event in self._scan(study.folder, self._settings):
            if isinstance(event, StudyDecided):
                decided.append(event)
            elif isinstance(event, FileRejected):
                rejected.append(event)
            elif isinstance(event, Notice):
                yield event
            elif isinstance(event, Summary):
                yield from self._once(*event.remarks)

    def _answer(self, study: ReceivedStudy, entries: list[int]) -> Iterator[PacsEvent]:
        """Write the result objects, queue them, and only then note that this version is decided."""
        target = None if self._answering is None else self._destination(study.key)
        if self._answering is not None and target is None:
            source = printable(self._store.note(study.key).source, 40)
            yield from self._once(f"Results of studies from {source!r} stay here: no destination has this AE title.")
        if self._answering is not None and target is not None:
            with open_log(self._settings.db, operator=self._settings.operator) as log:
                for number in entries:
                    folder = self._store.outbox(number)
                    files = self._answering.make_objects(log.entry(number), log, study.folder, folder)
                    self._store.settle(files)
                    if queue(log, number, target, files):
                        self.outbox.queued(number, target)
        self._store.keep_note(study.key, version=study.version, entries=tuple(entries), problem="")

    def _destination(self, key: str) -> str | None:
        assert self._answering is not None  # noqa: S101 - the caller looked; for the type checker
        if self._answering.reply:
            return self._answering.reply
        source = self._store.note(key).source
        if source.startswith("="):  # fetched from there
            return source[1:]
        there = destination_of_title(source, self._settings)
        return None if there is None else there.name

    def _failed(self, study: ReceivedStudy, reason: str) -> NotDecided:
        with suppress(OSError):  # on a full disk the sentence is shown alone; the study stays undecided in any case
            self._store.keep_note(study.key, problem=reason)
        return NotDecided(key=study.key, reason=reason, pause_s=self._retry.failed(study.key, time.monotonic()))

    def _once(self, *sentences: str) -> Iterator[Told]:
        for sentence in sentences:
            if sentence not in self._said:
                self._said.add(sentence)
                yield Told(message=sentence)
