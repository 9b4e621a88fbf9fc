"""Masks for training from what a reader drew."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.audit import DrawnMark, MarkKind

POINT_RADIUS_PX = 3  # a point marks a place, not an area


def mask_of(marks: Sequence[DrawnMark], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """[H, W] with 255 inside of any mark."""
    mask = np.zeros(shape, np.uint8)
    for mark in marks:
        points = np.rint(np.array(mark.points)[:, ::-1]).astype(np.int32)  # x, y
        first, last = points[0], points[-1]
        if mark.kind is MarkKind.BOX:
            cv2.rectangle(mask, first.tolist(), last.tolist(), 255, cv2.FILLED)
        elif mark.kind is MarkKind.FREEHAND:
            cv2.fillPoly(mask, [points], 255)
        else:
            rim = round(float(np.hypot(*(last - first)))) if mark.kind is MarkKind.CIRCLE else POINT_RADIUS_PX
            cv2.circle(mask, first.tolist(), rim, 255, cv2.FILLED)
    return mask
