"""Sizes of marked objects, in pixels of the source picture: connected parts of masks, or boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from inspect_ai.datasets.folder import Row

BOXES = "boxes"  # column of labels.csv: "left top right bottom" in pixels, several joined by ";"
LEAST_AREA_PX = 4  # a smaller part of a mask is a slip of the pen


@dataclass(frozen=True, slots=True, kw_only=True)
class Objects:
    """Scale of the marked objects of a folder. Diameters are those of circles of equal area, in source pixels.

    marked_by: masks or boxes. small, median, large: 5th, 50th and 95th percentiles; share: median share of the picture.
    """

    marked_by: str
    count: int
    small_px: float
    median_px: float
    large_px: float
    share: float


def areas_of(root: Path, row: Row) -> list[float]:
    """Areas in pixels of all objects that are marked on one picture."""
    if row.masks:
        return [area for mask in row.masks for area in _parts(root / mask)]
    return [_box(text) for text in dict(row.columns).get(BOXES, "").split(";") if text.strip()]


def objects_of(areas: Sequence[float], shares: Sequence[float], marked_by: str) -> Objects | None:
    """Summarise areas in pixels and as shares of their picture; None where nothing is marked."""
    if not areas:
        return None
    diameters = 2.0 * np.sqrt(np.asarray(areas) / np.pi)
    small, median, large = np.percentile(diameters, (5, 50, 95))
    return Objects(
        marked_by=marked_by,
        count=len(areas),
        small_px=round(float(small), 1),
        median_px=round(float(median), 1),
        large_px=round(float(large), 1),
        share=round(float(np.median(shares)), 5),
    )


def _parts(mask: Path) -> list[float]:
    read = cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE)
    if read is None:
        return []  # training refuses it by name
    count, _, stats, _ = cv2.connectedComponentsWithStats((read > 0).astype(np.uint8))
    areas = stats[1:count, cv2.CC_STAT_AREA]
    return [float(area) for area in areas if area >= LEAST_AREA_PX]


def _box(text: str) -> float:
    """Area of "left top right bottom"; 0 for anything else."""
    try:
        left, top, right, bottom = (float(word) for word in text.split())
    except ValueError:
        return 0.0
    return max(0.0, right - left) * max(0.0, bottom - top)
