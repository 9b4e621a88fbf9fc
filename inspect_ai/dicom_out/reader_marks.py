"""Marks that a reader drew: each on its source picture, with its outline, its area and the finding on which it lies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.audit import DrawnMark, MarkKind
from inspect_ai.dicom_out.identity import derived_uid
from inspect_ai.dicom_out.marks import Mark, apart
from inspect_ai.dicom_out.report_parts import PIXEL_CENTRE, circle_points
from inspect_ai.dicom_out.sources import Place, Sources
from inspect_ai.domain import Decision, Finding, Millimetres

FINE = 4  # bits of a pixel's parts in which OpenCV takes corners
Pair = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderMark:
    """Mark of a reader on its picture. number: from 1, as it was drawn; on: the machine's mark on which it lies."""

    number: int
    drawn: DrawnMark
    place: Place
    tracking_uid: str
    on: Mark | None

    @property
    def tracking_id(self) -> str:
        """Name of the mark for people."""
        return f"reader's mark {self.number}" + (f" on {self.on.tracking_id}" if self.on else "")

    @property
    def has_area(self) -> bool:
        """True for what encloses something."""
        return min(extent_px(self.drawn, self.place)) > 0


def reader_marks(
    drawn: Sequence[DrawnMark],
    blinded: bool,
    decision: Decision,
    marks: Sequence[Mark],
    sources: Sources,
    entry_hash: str,
) -> tuple[tuple[ReaderMark, ...], tuple[str, ...]]:
    """Marks of an answer, and remarks on those whose picture is not there. marks: those of the decision."""
    found, remarks = [], []
    for number, one in enumerate(drawn, 1):
        place = _place(one, blinded, decision, sources)
        if place is None:
            remarks.append(f"the reader's mark {number} lies on no picture of the study")
            continue
        on = _nearest(one, place, marks)
        uid = derived_uid("reader", entry_hash, str(number)) if on is None else on.tracking_uid
        found.append(ReaderMark(number=number, drawn=one, place=place, tracking_uid=uid, on=on))
    return tuple(found), tuple(remarks)


def region_points(mark: ReaderMark) -> tuple[str, list[Pair]]:
    """Graphic type of a mark and its points as x, y from the outer corner of the first pixel, within the picture."""
    header, drawn = mark.place.source.instance.header, mark.drawn
    points = [(col + PIXEL_CENTRE, row + PIXEL_CENTRE) for row, col in drawn.points]
    if drawn.kind is MarkKind.CIRCLE and mark.has_area:
        return circle_points(points[0], radii_px(drawn, mark.place))
    within = [(min(max(x, 0.0), header.columns), min(max(y, 0.0), header.rows)) for x, y in points]
    if len(set(within)) == 1:
        return "POINT", within[:1]
    if drawn.kind is MarkKind.BOX:
        (left, top), (right, bottom) = within[0], within[-1]
        return "POLYLINE", [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    return "POLYLINE", [*within, within[0]]


def area_of(mark: ReaderMark) -> NDArray[np.bool_]:
    """[H, W], true within a box, circle or outline."""
    header, drawn = mark.place.source.instance.header, mark.drawn
    if drawn.kind is MarkKind.CIRCLE:
        (row, col), (down, across) = drawn.points[0], radii_px(drawn, mark.place)
        rows, columns = np.ogrid[: header.rows, : header.columns]
        return np.asarray(((rows - row) / down) ** 2 + ((columns - col) / across) ** 2 <= 1.0, np.bool_)
    corners = np.array(drawn.points)
    if drawn.kind is MarkKind.BOX:
        (top, left), (bottom, right) = corners
        corners = np.array([(top, left), (top, right), (bottom, right), (bottom, left)])
    mask = np.zeros((header.rows, header.columns), np.uint8)
    limit = 4 * max(header.rows, header.columns)  # far outside is outside: OpenCV counts in 32 bits
    fixed = np.rint(np.clip(corners[:, ::-1], -limit, limit) * (1 << FINE)).astype(np.int32)
    cv2.fillPoly(mask, [fixed], 1, shift=FINE)
    return mask > 0


def radii_px(drawn: DrawnMark, place: Place) -> Pair:
    """Radii of a circle in rows and columns: on a slice it was drawn round in millimetres, on a picture in pixels."""
    down, across = place.spacing_mm if place.spacing_mm is not None and drawn.slice is not None else (1.0, 1.0)
    (row, col), (rim_row, rim_col) = drawn.points
    radius = math.hypot((rim_row - row) * down, (rim_col - col) * across)
    return radius / down, radius / across


def extent_px(drawn: DrawnMark, place: Place) -> Pair:
    """Height and width of a mark in pixels."""
    if drawn.kind is MarkKind.CIRCLE:
        down, across = radii_px(drawn, place)
        return 2 * down, 2 * across
    height, width = np.ptp(np.array(drawn.points), axis=0)
    return float(height), float(width)


def _place(drawn: DrawnMark, blinded: bool, decision: Decision, sources: Sources) -> Place | None:
    """Picture that was on the screen: a slice, or the picture of the highest finding, the first in blinded reading."""
    if drawn.slice is not None:
        return sources.slice_at(drawn.slice)
    highest = decision.findings[0].image_index if decision.findings and not blinded else 0
    return sources.picture_at(highest)


def _nearest(drawn: DrawnMark, place: Place, marks: Sequence[Mark]) -> Mark | None:
    """Mark of the machine that is the same thing as a drawn one, by the rule that holds between two decisions."""
    distances = [(apart(mark.finding, like), i) for i, mark in enumerate(marks) if (like := _like(drawn, place, mark))]
    nearest = min(distances, default=(math.inf, 0))
    return marks[nearest[1]] if nearest[0] < 1.0 else None


def _like(drawn: DrawnMark, place: Place, mark: Mark) -> Finding | None:
    """Finding at the place of a drawn mark; None where that and the machine's lie in different pictures."""
    row, col = _centre(drawn)
    position = _position(place, row, col)
    both = position is not None and mark.finding.position_mm is not None
    if not both and (place.source is not mark.place.source or place.frame != mark.place.frame):
        return None
    sizes = () if place.spacing_mm is None else zip(extent_px(drawn, place), place.spacing_mm, strict=True)
    diameter = max((pixels * step for pixels, step in sizes), default=None)
    return replace(
        mark.finding, row=round(row), col=round(col), position_mm=position, diameter_mm=diameter, axes_mm=None
    )


def _centre(drawn: DrawnMark) -> Pair:
    if drawn.kind is MarkKind.CIRCLE:
        return drawn.points[0]
    points = np.array(drawn.points)
    row, col = (points.min(axis=0) + points.max(axis=0)) / 2
    return float(row), float(col)


def _position(place: Place, row: float, col: float) -> Millimetres | None:
    """Place in the patient of a pixel (PS3.3 equation C.7.6.2.1-1)."""
    planes = place.source.instance.header.planes
    plane = planes[(place.frame or 1) - 1 if len(planes) > 1 else 0] if planes else None
    if plane is None:
        return None
    down, across = row * plane.spacing_mm[0], col * plane.spacing_mm[1]
    x, y, z = (
        at + r * across + c * down
        for at, r, c in zip(plane.position_mm, plane.row_direction, plane.column_direction, strict=True)
    )
    return (x, y, z)
