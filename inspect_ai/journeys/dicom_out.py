"""DICOM journey: decisions of the log, or of a scan that goes on, become DICOM objects in folders of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from inspect_ai.audit import Kind, Log, open_log
from inspect_ai.dicom_out import NoDicomStudy, check_installed, objects_for, write_objects
from inspect_ai.dicom_out.identity import file_of
from inspect_ai.domain import StudyRef
from inspect_ai.errors import InspectError
from inspect_ai.inspection.events import StudyDecided, Summary
from inspect_ai.inspection.outages import Notice
from inspect_ai.review import standing_answer
from inspect_ai.settings import Settings

Event = TypeVar("Event")


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectsWritten:
    """Files of one entry's objects, and sentences on what could not be made."""

    entry: int
    files: tuple[Path, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectsRefused:
    """An entry without objects, and the error that says why."""

    entry: int
    error: InspectError


def dicom_out(
    entries: Iterable[int], out: Path, root: Path, settings: Settings
) -> Iterator[ObjectsWritten | ObjectsRefused]:
    """Write the objects of some entries to OUT/ENTRY; one that cannot have any holds up no other.

    Entries are decisions and answers of readers; after a decision comes the answer that stands, if there is one.
    Raises SetupError without the extra `dicom`, AuditError for a log that cannot be opened.
    """
    check_installed()
    with open_log(settings.db, create=False) as log:
        for number in entries:
            result = _tried(number, out, root, settings, log)
            yield result
            answer = _answer_to(number, log) if isinstance(result, ObjectsWritten) else None
            if answer is not None:
                yield _tried(answer, out, root, settings, log)


def with_objects(
    events: Iterable[Event], out: Path, root: Path, settings: Settings
) -> Iterator[Event | Notice | Summary]:
    """Pass on the events of a scan of `root`, and write the objects of each decided study to OUT/ENTRY after it.

    A failure is a notice and counted in a remark of the summary; the scan goes on. Raises SetupError without the extra
    `dicom`, before anything is decided.
    """
    check_installed()
    counts: Counter[str] = Counter()
    waiting: StudyDecided | None = None  # its picture is stored once the next event is asked for
    for event in events:
        if waiting is not None:
            yield from _after(waiting, out, root, settings, counts)
            waiting = None
        if isinstance(event, StudyDecided):
            waiting = event
        if isinstance(event, Summary):
            yield replace(event, remarks=(*event.remarks, counted(counts, out)))
        else:
            yield event


def counted(counts: Counter[str], out: Path) -> str:
    """Sentence with the counts of a scan."""
    parts = [f"{counts['written']} studies got theirs"]
    parts += [f"{counts['there']} had theirs before"] if counts["there"] else []
    parts += [f"{counts['camera']} of camera files have none"] if counts["camera"] else []
    parts += [f"{counts['failed']} could not be made"] if counts["failed"] else []
    return f"DICOM objects in {out}: {', '.join(parts)}."


def _after(event: StudyDecided, out: Path, root: Path, settings: Settings, counts: Counter[str]) -> Iterator[Notice]:
    if event.known and file_of(out / str(event.entry)).is_file():
        counts["there"] += 1
        return
    try:
        with open_log(settings.db, create=False) as log:
            _written(event.entry, out, root, settings, log, event.decision.study)
        counts["written"] += 1
    except NoDicomStudy:
        counts["camera"] += 1
    except InspectError as e:
        counts["failed"] += 1
        yield Notice(subject="dicom objects", message=str(e), over=False)


def _answer_to(number: int, log: Log) -> int | None:
    """Number of the answer that stands to a decision; None without one, and for an entry that is an answer itself."""
    answer = standing_answer(number, log) if log.entry(number).kind == Kind.DECISION else None
    return None if answer is None else answer.id


def _tried(number: int, out: Path, root: Path, settings: Settings, log: Log) -> ObjectsWritten | ObjectsRefused:
    try:
        return _written(number, out, root, settings, log)
    except InspectError as e:
        return ObjectsRefused(entry=number, error=e)


def _written(
    number: int, out: Path, root: Path, settings: Settings, log: Log, study: StudyRef | None = None
) -> ObjectsWritten:
    objects = objects_for(log.entry(number), log, root, settings, study=study)
    files = write_objects(objects, out / str(number))
    return ObjectsWritten(entry=number, files=files, remarks=objects.remarks)
