"""Positions of slices and frames in space: PS3.3 C.7.6.2.1.1; of enhanced objects C.7.6.16."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from inspect_ai.errors import InputError
from inspect_ai.ingest.header_validation import is_several, numbers, written

Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """Position of a slice in LPS millimetres. spacing_mm: between rows, between columns.

    unit_mm: of the last decimal of each coordinate. thickness_mm: nominal, None where none is written.
    """

    position_mm: Vector
    row_direction: Vector
    column_direction: Vector
    spacing_mm: tuple[float, float]
    unit_mm: Vector = field(default=(0.0, 0.0, 0.0), compare=False)
    thickness_mm: float | None = field(default=None, compare=False)


def planes_of(ds: Any, frames: int) -> tuple[tuple[Plane | None, ...], list[str]]:
    """Read the planes of the frames, and their faults.

    Raises InputError where frames and functional groups disagree.
    """
    per_frame = ds.get("PerFrameFunctionalGroupsSequence")
    if not per_frame:
        plane, problem = _plane(ds, ds, ds)
        return (plane,), [problem] if problem else []
    if len(per_frame) != frames:
        raise InputError(f"{frames} frames but {len(per_frame)} per-frame functional groups")
    shared = (ds.get("SharedFunctionalGroupsSequence") or [None])[0]
    found = []
    for group in per_frame:
        position = _group(group, shared, "PlanePositionSequence")
        orientation = _group(group, shared, "PlaneOrientationSequence")
        measures = _group(group, shared, "PixelMeasuresSequence")
        found.append(_plane(position, orientation, measures))
    return tuple(p for p, _ in found), sorted({problem for _, problem in found if problem})


def _group(own: Any, shared: Any, name: str) -> Any:
    """Item of a functional group: the frame's own, else the shared one, else None."""
    for source in (own, shared):
        if source is not None and source.get(name):
            return source.get(name)[0]
    return {}


def _plane(position: Any, orientation: Any, measures: Any) -> tuple[Plane | None, str | None]:
    at = written(position, "ImagePositionPatient")
    if not (at and written(orientation, "ImageOrientationPatient") and written(measures, "PixelSpacing")):
        return None, None
    try:
        p = numbers(position, "ImagePositionPatient")
        d = numbers(orientation, "ImageOrientationPatient")
        s = numbers(measures, "PixelSpacing")
    except InputError as e:  # one fault a series; the files themselves can be read
        return None, str(e)
    if len(p) != 3 or len(d) != 6 or len(s) != 2 or not all(map(math.isfinite, [*p, *d, *s])):
        return None, "position, orientation or spacing is incomplete"
    if min(s) <= 0:
        return None, "pixel spacing is zero or negative"
    row, column = d[:3], d[3:]
    length = math.hypot(*row), math.hypot(*column)
    across = sum(a * b for a, b in zip(row, column, strict=True))
    if max(abs(n - 1) for n in length) > 1e-2 or abs(across) > 1e-2:
        return None, "the direction cosines are no pair of unit vectors at a right angle"
    plane = Plane(
        position_mm=(p[0], p[1], p[2]),
        row_direction=(row[0], row[1], row[2]),
        column_direction=(column[0], column[1], column[2]),
        spacing_mm=(s[0], s[1]),
        unit_mm=(_unit(at[0]), _unit(at[1]), _unit(at[2])),
        thickness_mm=_thickness(measures),
    )
    return plane, None


def _unit(text: str) -> float:
    """Unit of the last decimal that is no zero: 0.1 for "12.50", 1 for "12.0"; 0 for what is no decimal number."""
    try:
        exponent = Decimal(text).normalize().as_tuple().exponent
    except InvalidOperation:
        return 0.0
    return 10.0 ** min(exponent, 0) if isinstance(exponent, int) else 0.0


def _thickness(measures: Any) -> float | None:
    """SliceThickness in mm; None where it is missing, zero or no number, as it often is."""
    try:
        found = numbers(measures, "SliceThickness")
    except InputError:
        return None
    return found[0] if found and 0 < found[0] < math.inf else None


def many(value: Any) -> list[Any]:
    """Values of an element that may have one or several."""
    return list(value) if is_several(value) else [value]
