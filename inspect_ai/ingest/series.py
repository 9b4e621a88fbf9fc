"""Grouping of headers into series, with slices in order along the normal, or reasons why they form no volume.

PS3.3 C.7.6.2: order and distance come from positions and orientation, never from names, numbers or thickness.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from inspect_ai.domain import Rejection, SourceFile, StudyRef
from inspect_ai.ingest.attributes import shared
from inspect_ai.ingest.coverage import OTHER_REFERENCES, OWN_REFERENCES, missing_numbers
from inspect_ai.ingest.header import STACKED, Header, are_of_several_patients, patient_of
from inspect_ai.ingest.header_validation import ASSUMED_HOUNSFIELD
from inspect_ai.ingest.plane_geometry import Plane
from inspect_ai.ingest.slice_order import Slice, order_problems

SAME_DIRECTION = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One readable DICOM file of a series."""

    file: SourceFile
    header: Header


def series_refs(
    instances: Sequence[Instance], broken: Sequence[Instance], keyed: bool
) -> Iterable[StudyRef | Rejection]:
    """Make a reference for each series; reject its broken files, and all its files where two patients are mixed up.

    A series is of one folder: files elsewhere with its UIDs (copies, forgeries) do not affect it.
    """
    good: dict[tuple[str, str, str], list[Instance]] = defaultdict(list)
    bad: dict[tuple[str, str, str], list[Instance]] = defaultdict(list)
    for group, members in ((good, instances), (bad, broken)):
        for member in members:
            series = member.header.series_uid or member.file.sha256  # without a UID, a picture is a series of its own
            group[_folder(member), member.header.study_uid, series].append(member)
    parts = Counter(uids[1:] for uids in good)
    for uids in sorted({*good, *bad}):
        for member in bad[uids]:
            yield Rejection(file=member.file.path, reason=member.header.broken or "", sha256=member.file.sha256)
        if good[uids]:
            elsewhere = "files in other folders bear the same UIDs; each folder is decided alone"
            yield from _one_series(good[uids], bad[uids], keyed, [elsewhere] if parts[uids[1:]] > 1 else [])


def _folder(member: Instance) -> str:
    return PurePosixPath(member.file.path).parent.as_posix()


def _one_series(
    members: list[Instance], broken: list[Instance], keyed: bool, remarks: list[str]
) -> Iterable[StudyRef | Rejection]:
    first = members[0].header
    if are_of_several_patients(m.header for m in members):
        for m in members:
            reason = "one series, two patients: the files were mixed up at the source"
            yield Rejection(file=m.file.path, reason=reason, sha256=m.file.sha256)
        return
    files = tuple(sorted((m.file for m in members), key=lambda f: f.path))
    unique, notes = without_duplicates(members)
    notes += [*remarks, *dict.fromkeys(remark for m in members for remark in m.header.remarks)]
    problems = [f"{b.file.path} of this series cannot be used: {b.header.broken}" for b in broken]
    problems += _identity_problems(unique)
    if first.modality in STACKED:
        _, found, left_out = stack(unique)
        problems += found
        notes += left_out
    patient = patient_of(m.header for m in members)
    folder = _folder(members[0])
    short = hashlib.sha256(f"{first.study_uid}\0{first.series_uid or files[0].sha256}".encode()).hexdigest()[:8]
    source = files[0].path if len(files) == 1 else folder
    yield StudyRef(
        key=f"{files[0].path if len(files) == 1 else folder}#{short}",
        source=source,
        kind="dicom",
        digest=study_digest(files, ASSUMED_HOUNSFIELD in notes),
        files=files,
        modality=first.modality,
        body_part=first.body_part,
        sop_class_uid=first.sop_class_uid,
        study_uid=first.study_uid or None,
        series_uid=first.series_uid or None,
        patient_hash=patient if keyed and patient else None,
        rows=first.rows,
        columns=first.columns,
        frames=sum(m.header.frames for m in unique),
        problems=tuple(dict.fromkeys(problems)),
        notes=tuple(notes),
        attributes=shared(m.header.attributes for m in unique),
    )


def study_digest(files: Iterable[SourceFile], assumed_hounsfield: bool = False) -> str:
    """SHA-256 over the sorted content digests: the same pictures are the same study, wherever they lie.

    assumed_hounsfield: its values were taken for what no header says; that is another study than one without them.
    """
    lines = sorted({f.sha256 for f in files}) + ["assume_hounsfield"] * assumed_hounsfield
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def without_duplicates(members: Sequence[Instance]) -> tuple[list[Instance], list[str]]:
    """Keep each picture once, with a note for each copy: the same pixels at the same place, or under the same UID."""
    seen: dict[tuple[str, object], Instance] = {}
    notes = []
    for m in members:
        header = m.header
        place = header.sop_instance_uid or m.file.sha256 if None in header.planes else header.planes
        first = seen.setdefault((header.pixels_sha256, place), m)
        if first is not m:
            what = "content" if first.file.sha256 == m.file.sha256 else "pixels"
            notes.append(f"{m.file.path} has the same {what} as {first.file.path}; counted once")
    return list(seen.values()), notes


def _identity_problems(members: Sequence[Instance]) -> list[str]:
    problems = [problem for m in members for problem in m.header.problems]
    uids = [m.header.sop_instance_uid for m in members if m.header.sop_instance_uid]
    if len(set(uids)) < len(uids):
        problems.append("two different pictures bear one SOP Instance UID: neither can be trusted")
    return problems


def stack(members: Sequence[Instance]) -> tuple[list[Slice], list[str], list[str]]:
    """Sort slices along the normal; returns them, problems that forbid a volume, and notes about files left out."""
    notes = [f"{m.file.path} is {m.header.left_out}; left out" for m in members if m.header.left_out]
    kept = [m for m in members if not m.header.left_out] or list(members)
    slices, missing = [], False
    for m in kept:
        missing = missing or len(m.header.planes) != m.header.frames
        for frame, plane in enumerate(m.header.planes):
            missing = missing or plane is None
            if plane is not None:
                slices.append(
                    Slice(path=m.file.path, frame=frame, sop_instance_uid=m.header.sop_instance_uid, plane=plane)
                )
    if missing:
        return [], ["slices without position, orientation or spacing: no volume in millimetres can be built"], notes
    problems = _shape_problems(kept, slices)
    if problems:
        return slices, problems, notes
    normal = np.cross(slices[0].plane.row_direction, slices[0].plane.column_direction)
    heights = np.array([np.dot(s.plane.position_mm, normal) for s in slices])
    order = np.argsort(heights, kind="stable")
    ordered = [slices[i] for i in order]
    problems = order_problems(ordered, heights[order], normal)
    references = {m.header.frame_of_reference for m in kept} - {""}
    if len(references) > 1 and (problems or len(references) < len(kept)):
        problems.append(OTHER_REFERENCES)
    elif len(references) > 1:
        notes.append(OWN_REFERENCES)
    return ordered, problems, [*notes, *missing_numbers(m.header.instance_number for m in members)]


def _shape_problems(members: Sequence[Instance], slices: Sequence[Slice]) -> list[str]:
    problems = []
    if len({(m.header.rows, m.header.columns) for m in members}) > 1:
        problems.append("slices of different sizes in one series")
    first = slices[0].plane
    turned = sum(_apart(s.plane, first) > SAME_DIRECTION for s in slices)
    if turned:
        problems.append("slices of different orientations in one series")
    if any(not np.allclose(s.plane.spacing_mm, first.spacing_mm, rtol=1e-3) for s in slices):
        problems.append("slices of different pixel spacing in one series")
    return problems


def _apart(a: Plane, b: Plane) -> float:
    differences = np.subtract((*a.row_direction, *a.column_direction), (*b.row_direction, *b.column_direction))
    return float(np.abs(differences).max())
