"""Sides of the patient at both ends of each axis of a volume, by DICOM's letters (PS3.3 C.7.6.1.1.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from inspect_ai.domain import Millimetres, StudyRef, Volume
from inspect_ai.errors import InputError
from inspect_ai.ingest.data_set import parsed
from inspect_ai.ingest.slice_reader import SliceReader
from inspect_ai.ingest.volumes.encoded import damage_named, path_of

SIDES = (("R", "L"), ("A", "P"), ("F", "H"))  # towards falling and rising x, y and z of the patient (C.7.6.2.1.1)
SEEN = 0.1  # cosine from which an axis leans towards a further side; six degrees are no oblique plane to a reader
AXES = ("slice", "row", "col")
TYPE = "AnatomicalOrientationType"

Orientation = Mapping[str, Sequence[str]]


class PlacedReader(SliceReader):
    """Reader of slices that knows where its axes lead in the patient, too."""

    def directions(self) -> tuple[Millimetres, Millimetres, Millimetres]:
        """Unit vectors along increasing slice, row and column index, in patient coordinates."""
        plane = self._slices[0].plane
        (rx, ry, rz), (cx, cy, cz) = plane.row_direction, plane.column_direction
        normal = (ry * cz - rz * cy, rz * cx - rx * cz, rx * cy - ry * cx)  # slices ascend along it
        return normal, plane.column_direction, plane.row_direction


def directions_of(volume: Volume) -> tuple[Millimetres, Millimetres, Millimetres]:
    """Unit vectors along increasing slice, row and column index, in patient coordinates."""
    return volume.normal, volume.column_direction, volume.row_direction


def orientation(root: Path, ref: StudyRef, directions: Sequence[Millimetres]) -> Orientation | None:
    """Sides at the first and the last index of each axis; None where they may not be those of an upright biped.

    An animal's coordinates (Anatomical Orientation Type QUADRUPED) have other names than these letters.
    """
    if not _is_biped(path_of(root, ref.files[0])):  # an attribute of the series
        return None
    return {axis: [sides(_reversed(d)), sides(d)] for axis, d in zip(AXES, directions, strict=True)}


def sides(direction: Millimetres) -> str:
    """Letters of the sides that a direction leads to, the strongest first; a further one where it leans there."""
    strengths = sorted(zip(map(abs, direction), direction, SIDES, strict=True), reverse=True)
    return "".join(
        pair[along > 0] for at, (strength, along, pair) in enumerate(strengths) if at == 0 or strength > SEEN
    )


def _reversed(direction: Millimetres) -> Millimetres:
    x, y, z = direction
    return (-x, -y, -z)


def _is_biped(path: Path) -> bool:
    try:
        with path.open("rb") as f, damage_named():
            header, _, _ = parsed(f, ["SOPClassUID", TYPE])
    except (OSError, InputError):
        return False
    return str(header.get(TYPE) or "BIPED").strip(" \0").upper() == "BIPED"
