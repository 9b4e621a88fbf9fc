"""Marks that a reader draws: from the browser's JSON to the log, and back."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from inspect_ai.audit import DrawnMark, Entry, MarkKind
from inspect_ai.errors import UsageError

MARKS_MOST, POINTS_MOST = 100, 4000
POINTS = {MarkKind.POINT: (1, 1), MarkKind.BOX: (2, 2), MarkKind.CIRCLE: (2, 2), MarkKind.FREEHAND: (3, POINTS_MOST)}
FARTHEST_PX = 1e6


def drawn_from(text: str) -> tuple[DrawnMark, ...]:
    """Marks of an answer. Raises UsageError for what is no list of marks."""
    try:
        given = json.loads(text or "[]")
        marks = tuple(_mark(one) for one in given) if isinstance(given, list) else None
    except (ValueError, TypeError, KeyError, RecursionError):
        marks = None
    if marks is None:
        raise UsageError("The marks of this answer cannot be read. Draw them again.")
    if len(marks) > MARKS_MOST:
        raise UsageError(f"An answer keeps {MARKS_MOST} marks at most.")
    return marks


def drawn_view(said: Sequence[Entry]) -> list[dict[str, Any]]:
    """Marks of the last answer that has some, as the viewer draws them."""
    for entry in reversed(said):
        if marks := entry.review().marks:
            return [
                {"kind": mark.kind.value, "slice": mark.slice, "points": [list(point) for point in mark.points]}
                for mark in marks
            ]
    return []


def _mark(given: dict[str, Any]) -> DrawnMark:
    kind = MarkKind(given["kind"])
    points = tuple((float(row), float(col)) for row, col in given["points"])
    least, most = POINTS[kind]
    if not least <= len(points) <= most or not all(
        math.isfinite(v) and abs(v) < FARTHEST_PX for p in points for v in p
    ):
        raise ValueError("a mark lies outside of any picture")
    at = given.get("slice")
    if at is not None and not (isinstance(at, int) and 0 <= at < 100_000):
        raise ValueError("a mark lies in no slice")
    return DrawnMark(kind=kind, points=points, slice=at)
