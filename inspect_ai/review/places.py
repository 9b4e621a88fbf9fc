"""Places that a reader's answer to a volume speaks of, for labels: what they drew, or what the machine had listed.

A positive answer labels what the reader drew. Without a drawing it confirms the machine's finding, where there is one
alone. What a reader did not draw is not labelled by it: nobody says that they looked at all of it. A negative answer
says of each listed finding that it is none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from inspect_ai.audit import DrawnMark, MarkKind
from inspect_ai.domain import Finding, Millimetres, Volume
from inspect_ai.errors import InputError

LEAST_MM = 5.0  # a point, or a small circle, names what lies so near


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Place in patient coordinates. drawn: by the reader, so that the machine had no part in choosing it."""

    position_mm: Millimetres
    radius_mm: float
    drawn: bool


def places_of(
    marks: Sequence[DrawnMark], findings: Sequence[Finding], volume: Volume, *, positive: bool
) -> list[Place]:
    """Places in one volume that an answer labels, all of them with the answer's side.

    Raises InputError where the answer names none.
    """
    listed = [
        Place(position_mm=finding.position_mm, radius_mm=max((finding.diameter_mm or 0.0) / 2, LEAST_MM), drawn=False)
        for finding in findings
        if finding.position_mm is not None and finding.series_uid in (None, volume.series_uid)
    ]
    if not positive:
        return listed
    drawn = [_drawn(mark, volume) for mark in marks if mark.slice is not None]
    if drawn:
        return drawn
    if len(listed) != 1:
        raise InputError("a positive answer to a volume without a mark, where no single finding says what it confirms")
    return listed


def _drawn(mark: DrawnMark, volume: Volume) -> Place:
    """Middle and half extent of a mark on its slice."""
    _, row_mm, col_mm = volume.spacing_mm
    points = mark.points
    if mark.kind is MarkKind.CIRCLE:
        (row, col), rim = points[0], points[-1]
        radius = math.hypot((rim[0] - row) * row_mm, (rim[1] - col) * col_mm)
    else:
        rows, cols = [point[0] for point in points], [point[1] for point in points]
        row, col = (min(rows) + max(rows)) / 2, (min(cols) + max(cols)) / 2
        radius = math.hypot((max(rows) - min(rows)) * row_mm, (max(cols) - min(cols)) * col_mm) / 2
    position = volume.position_mm(float(mark.slice or 0), row, col)
    return Place(position_mm=position, radius_mm=max(radius, LEAST_MM), drawn=True)
