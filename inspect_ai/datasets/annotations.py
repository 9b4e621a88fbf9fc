"""Tables of annotated nodules: LUNA16's columns in millimetres, or boxes in slices as ct_series has them.

LUNA16 (A. Setio et al., Medical Image Analysis 42 (2017) 1): seriesuid, coordX, coordY, coordZ (patient coordinates,
which are DICOM's LPS) and diameter_mm. Boxes: series_uid, sop_instance_uid, row_min, col_min, row_max, col_max; the
boxes of one `lesion` (default: of one series) are one nodule.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from inspect_ai.domain import Millimetres
from inspect_ai.errors import InputError

POSITIONS = ("seriesuid", "coordX", "coordY", "coordZ", "diameter_mm")
BOXES = ("series_uid", "sop_instance_uid", "row_min", "col_min", "row_max", "col_max")

Row: TypeAlias = Mapping[str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceBox:
    """First and last row and column of a nodule in one slice, in pixels from 0."""

    sop_instance_uid: str
    rows: tuple[float, float]
    columns: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedNodule:
    """One nodule of one series: a centre (LPS) with a diameter, or boxes in its slices. name: for messages."""

    series_uid: str
    name: str
    centre_mm: Millimetres | None = None
    diameter_mm: float | None = None
    boxes: tuple[SliceBox, ...] = ()


def read_annotations(path: Path) -> tuple[AnnotatedNodule, ...]:
    """All nodules of a table, in its order. Raises InputError for a file that is no such table, naming the line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            columns = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = columns
            rows = [(reader.line_num, row) for row in reader]
    except OSError as e:
        raise InputError(f"{path} cannot be read ({e.strerror}). Name the CSV file with the nodules.") from e
    except (UnicodeDecodeError, csv.Error) as e:
        raise InputError(f"{path} is no table in UTF-8 ({e}). Save it as CSV UTF-8.") from e
    if set(POSITIONS) <= set(columns):
        return tuple(_positioned(row, line, path) for line, row in rows)
    if set(BOXES) <= set(columns):
        return _boxed(rows, path)
    raise InputError(
        f"{path} has neither LUNA16's columns ({', '.join(POSITIONS)}) nor those of boxes ({', '.join(BOXES)})."
    )


def _positioned(row: Row, line: int, path: Path) -> AnnotatedNodule:
    x, y, z, diameter = (_number(row, name, line, path) for name in POSITIONS[1:])
    if diameter < 0:
        raise InputError(f"{path}, line {line}: diameter_mm is {diameter:g}. Give millimetres.")
    series = _text(row, "seriesuid")
    return AnnotatedNodule(series_uid=series, name=f"line {line}", centre_mm=(x, y, z), diameter_mm=diameter)


def _boxed(rows: Sequence[tuple[int, Row]], path: Path) -> tuple[AnnotatedNodule, ...]:
    found: dict[tuple[str, str], list[SliceBox]] = {}
    for line, row in rows:
        top, left, bottom, right = (_number(row, name, line, path) for name in BOXES[2:])
        if bottom < top or right < left:
            raise InputError(f"{path}, line {line}: the box ends before it begins. Correct it.")
        box = SliceBox(sop_instance_uid=_text(row, "sop_instance_uid"), rows=(top, bottom), columns=(left, right))
        found.setdefault((_text(row, "series_uid"), _text(row, "lesion")), []).append(box)
    return tuple(
        AnnotatedNodule(series_uid=series, name=f"lesion {lesion or number + 1}", boxes=tuple(boxes))
        for number, ((series, lesion), boxes) in enumerate(found.items())
    )


def _number(row: Row, name: str, line: int, path: Path) -> float:
    text = _text(row, name)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{path}, line {line}: {name} is {text!r}, no number. Correct it.")
    return value


def _text(row: Row, name: str) -> str:
    return (row.get(name) or "").strip()
