"""Objects of one audit entry, a decision or an answer: made from it and its sources, and written whole."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspect_ai.audit import Entry, Kind, Log
from inspect_ai.certificates.status import standing
from inspect_ai.dicom_out.identity import MARKS, PICTURE, REPORT, SEGMENTS, file_of
from inspect_ai.domain import Decision, StudyRef
from inspect_ai.errors import InputError, SetupError, UsageError
from inspect_ai.inspection.pictures.image_store import ImageStore
from inspect_ai.secret import make_private_folder
from inspect_ai.settings import Settings
from inspect_ai.whole_file import whole_file

if TYPE_CHECKING:
    from inspect_ai.dicom_out.header import Facts
    from inspect_ai.dicom_out.marks import Mark

KINDS = (REPORT, SEGMENTS, PICTURE, MARKS)
# Errors with which highdicom refuses headers and pictures that are not as the standard has them; messages quote values.
REFUSALS = (ValueError, TypeError, AttributeError, LookupError, RuntimeError, ArithmeticError, OSError)
Ways = Sequence[tuple[str, Callable[[], Any]]]  # kinds in order, and what makes each


class NoDicomStudy(UsageError):
    """A decision on camera files or slices of a labelled folder: there is no DICOM study to put an object into."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomObject:
    """One object. kind: report, segments, picture or marks, which is the name of its file too."""

    kind: str
    dataset: Any = field(compare=False, repr=False)  # pydicom Dataset with its File Meta; holds identifiers


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomObjects:
    """Objects of one entry, and sentences on what could not be made."""

    entry: int
    objects: tuple[DicomObject, ...]
    remarks: tuple[str, ...] = ()


def objects_for(
    entry: Entry, log: Log, root: Path, settings: Settings, *, study: StudyRef | None = None
) -> DicomObjects:
    """Make the objects of a decision on a DICOM study, or of a reader's answer to one.

    root: the folder that was scanned, or the one file. study: the decided study with the names of its files, where the
    caller knows them; else the log's sealed names are opened. Raises UsageError for another kind of entry (NoDicomStudy
    for a decision on camera files), InputError for a source that is missing, altered or damaged, SetupError without the
    extra `dicom`.
    """
    if entry.kind == Kind.REVIEW:
        return _of_answer(entry, log, root, settings)
    decision = _on_dicom(entry)
    from inspect_ai.dicom_out.answers import sentence_on
    from inspect_ai.dicom_out.header import Facts
    from inspect_ai.dicom_out.marks import marks_of
    from inspect_ai.dicom_out.sources import sources_of

    sources = sources_of(entry, log, root, settings, study)
    marks, remarks = marks_of(entry, decision, log, sources)
    certified = sentence_on(standing(log, entry))
    facts = Facts(entry=entry, decision=decision, sources=sources, standing=certified, remarks=remarks)
    return _objects(facts, _ways_of_decision(facts, marks, ImageStore(settings.out).find(entry.id, log)))


def _of_answer(entry: Entry, log: Log, root: Path, settings: Settings) -> DicomObjects:
    check_installed()
    from inspect_ai.dicom_out.answer_report import answer_report, answer_segments
    from inspect_ai.dicom_out.answers import answered
    from inspect_ai.dicom_out.header import Facts
    from inspect_ai.dicom_out.marks import marks_of
    from inspect_ai.dicom_out.reader_marks import reader_marks
    from inspect_ai.dicom_out.sources import sources_of

    answer = answered(entry, log)
    decision, review = _on_dicom(answer.decision), answer.review
    sources = sources_of(answer.decision, log, root, settings)
    machine, _ = marks_of(answer.decision, decision, log, sources)
    marks, remarks = reader_marks(review.marks, review.blinded, decision, machine, sources, entry.hash)
    facts = Facts(entry=entry, decision=decision, sources=sources, standing="", remarks=remarks)
    return _objects(
        facts,
        (
            (REPORT, lambda: answer_report(facts, answer, marks)),
            (SEGMENTS, lambda: answer_segments(facts, answer, marks)),
        ),
    )


def _on_dicom(entry: Entry) -> Decision:
    """Decision of an entry. Raises UsageError for another kind, NoDicomStudy for camera files, SetupError."""
    decision = entry.decision()
    if decision.study.kind != "dicom":
        what = "slices of a labelled folder" if decision.study.kind == "stack" else "a camera file"
        raise NoDicomStudy(
            f"Entry {entry.id} is a decision on {what}, not on a DICOM study: there is no study to put an object into. "
            "Its picture is in the folder of the scan's report."
        )
    check_installed()
    return decision


def _ways_of_decision(facts: Facts, marks: Sequence[Mark], pictures: tuple[Path | None, Path | None]) -> Ways:
    from inspect_ai.dicom_out.presentation import presentation
    from inspect_ai.dicom_out.secondary_capture import secondary_capture
    from inspect_ai.dicom_out.segments import segments
    from inspect_ai.dicom_out.structured_report import structured_report

    return (
        (REPORT, lambda: structured_report(facts, marks)),
        (SEGMENTS, lambda: segments(facts, marks)),
        (MARKS, lambda: presentation(facts, marks)),
        (PICTURE, lambda: secondary_capture(facts, marks, pictures)),
    )


def _objects(facts: Facts, ways: Ways) -> DicomObjects:
    """Make all kinds. The report must be there; the others may fail, with a remark."""
    entry, remarks = facts.entry.id, list(facts.remarks)
    made: dict[str, Any] = {}
    for kind, make in ways:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # pydicom's quote values, which may be a name
                made[kind] = make()
        except REFUSALS as e:
            why = f"No DICOM {kind} of entry {entry} can be made of these sources ({type(e).__name__})."
            if kind == REPORT:
                raise InputError(f"{why} Look at them with `dciodvfy`.") from e
            remarks.append(why)
    if PICTURE in made and made[PICTURE] is None:
        remarks.append(f"Entry {entry} has no stored picture: no secondary capture was made.")
    objects = tuple(DicomObject(kind=kind, dataset=dataset) for kind, dataset in made.items() if dataset is not None)
    return DicomObjects(entry=entry, objects=objects, remarks=tuple(remarks))


def write_objects(objects: DicomObjects, folder: Path) -> tuple[Path, ...]:
    """Write KIND.dcm for each object, for their owner alone, each whole or not at all; returns their paths.

    The report is the last: where it is, the others are. A file of an earlier writing whose object is not made any more
    is removed. Raises InputError where the folder
    cannot be written.
    """
    written = []
    try:
        make_private_folder(folder)
        for kind in {*KINDS} - {one.kind for one in objects.objects}:
            with suppress(FileNotFoundError):
                file_of(folder, kind).unlink()
        for one in sorted(objects.objects, key=lambda one: one.kind == REPORT):
            path = file_of(folder, one.kind)
            with whole_file(path, private=True) as place, warnings.catch_warnings():
                warnings.simplefilter("ignore")  # they quote values, which may be a name
                with place.open("r+b") as f:
                    one.dataset.save_as(f, enforce_file_format=True)
            written.append(path)
    except OSError as e:
        raise InputError(
            f"The DICOM objects of entry {objects.entry} could not be written to {folder} ({e.strerror}). Free the "
            "disk or give another folder, and run `inspect-ai dicom-out` for this entry."
        ) from e
    return tuple(written)


def check_installed() -> None:
    """Check that the extra `dicom` is there. Raises SetupError."""
    try:
        import highdicom  # noqa: F401
    except ImportError as e:
        raise SetupError(
            'DICOM objects need the extra `dicom`. Install it: pip install "inspect-ai-vision[dicom]"'
        ) from e
