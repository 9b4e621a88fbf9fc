"""Drawing of the inspected picture, and of the same in grey with the heat map's colours and numbered marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.domain import Floats
from inspect_ai.text import printable

STRONGEST = 0.7  # opacity of the hottest places; what lies under them must stay readable
PALEST = 70  # of 255: where in the colour map a faint heat begins, since its first colours are black
SMALL_PX = 384  # pictures much smaller than this are enlarged by a whole factor, so that marks have room
SEEN_PX = 300  # width of a picture on the page: marks are sized for that
LEAST_RADIUS_PX = 8
GAP_PX = 4  # between a mark's place and its circle
FONT, FONT_SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.5
LABEL_LIMIT = 24  # characters
INK, RIM = (255, 255, 255), (0, 0, 0)

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A thin circle with its label (its number if it has none), in pixels of the picture that is drawn."""

    row: float
    col: float
    diameter_px: float | None = None
    label: str = ""


def draw(
    picture: Floats, *, heat: Floats | None, marks: Sequence[Mark] = (), limit_px: int = 512
) -> tuple[bytes, bytes]:
    """Draw the picture, and the picture with heat map and marks, as PNG; neither side longer than `limit_px`.

    picture: [H, W] or [H, W, 3] RGB in 0..1; heat: [h, w] >= 0 over the whole picture. Heat is coloured from its median
    to its own peak: colours show place, not amount. Without heat the picture keeps its own colours under the marks.
    """
    eight = _eight_bits(picture)  # [H, W] or [H, W, 3] BGR
    factor = _factor(max(eight.shape[:2]), limit_px)
    size = max(1, round(eight.shape[1] * factor)), max(1, round(eight.shape[0] * factor))
    shown = _resized(eight, size, cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)
    marked = _three_channels(shown) if heat is None else _coloured(shown, heat)
    for number, mark in enumerate(marks, 1):
        _circle(marked, mark, factor, printable(mark.label, LABEL_LIMIT) or str(number))
    return _png(shown), _png(marked)


def _factor(longest: int, limit_px: int) -> float:
    return limit_px / longest if longest > limit_px else max(1, min(round(SMALL_PX / longest), limit_px // longest))


def _eight_bits(picture: Floats) -> Bytes:
    values = np.rint(np.clip(np.nan_to_num(picture), 0.0, 1.0) * 255.0).astype(np.uint8)
    return np.ascontiguousarray(values if values.ndim == 2 else values[..., ::-1])


def _resized(pixels: Bytes, size: tuple[int, int], how: int) -> Bytes:
    return pixels if pixels.shape[1::-1] == size else np.asarray(cv2.resize(pixels, size, interpolation=how), np.uint8)


def _coloured(picture: Bytes, heat: Floats) -> Bytes:
    """[H, W, 3] BGR: the picture in grey, so that all colour is heat, under colours opaque where heat is high."""
    grey = picture if picture.ndim == 2 else np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
    size = (picture.shape[1], picture.shape[0])
    height = _above_median(np.asarray(cv2.resize(_finite(heat), size, interpolation=cv2.INTER_LINEAR), np.float32))
    level = np.rint(PALEST + (255 - PALEST) * height).astype(np.uint8)
    colours = cv2.applyColorMap(level, cv2.COLORMAP_INFERNO)
    alpha = (STRONGEST * np.minimum(1.0, 1.5 * height))[..., None]
    return np.asarray(np.rint(grey[..., None] * (1.0 - alpha) + colours * alpha), np.uint8)


def _three_channels(picture: Bytes) -> Bytes:
    """Copy as [H, W, 3]."""
    return np.repeat(picture[..., None], 3, axis=-1) if picture.ndim == 2 else picture.copy()


def _finite(heat: Floats) -> Floats:
    return np.ascontiguousarray(np.nan_to_num(heat, nan=0.0, posinf=0.0, neginf=0.0), np.float32)


def _above_median(heat: Floats) -> Floats:
    """[h, w] in 0..1, the peak 1; all 0 for even heat. Attention has a floor that it spreads over the whole picture."""
    floor, peak = float(np.median(heat)), float(heat.max())
    return np.asarray(np.clip((heat - floor) / max(peak - floor, 1e-12), 0.0, 1.0), np.float32)


def _circle(canvas: Bytes, mark: Mark, factor: float, label: str) -> None:
    """Draw it white with a black rim, readable on any colour; the label beside the circle, inside the picture."""
    height, width = canvas.shape[:2]
    longest = max(height, width)
    if not abs(mark.row) + abs(mark.col) + (mark.diameter_px or 0.0) < 10 * longest / factor:
        return  # far outside or no number
    col, row = round(mark.col * factor), round(mark.row * factor)
    larger = max(1.0, longest / SEEN_PX)
    radius = min(round(max(LEAST_RADIUS_PX * larger, (mark.diameter_px or 0.0) * factor / 2 + GAP_PX)), longest)
    (text_width, text_height), _ = cv2.getTextSize(label, FONT, FONT_SCALE * larger, 1)
    beside = col + radius + 3
    left = beside if beside + text_width < width else col - radius - 3 - text_width
    at = (
        min(max(left, 1), max(1, width - text_width - 1)),
        min(max(row + text_height // 2, text_height + 1), height - 2),
    )
    fine = 1 if larger < 1.3 else 2
    for colour, thickness in ((RIM, fine + 2), (INK, fine)):
        cv2.circle(canvas, (col, row), radius, colour, thickness, cv2.LINE_AA)
        cv2.putText(canvas, label, at, FONT, FONT_SCALE * larger, colour, thickness, cv2.LINE_AA)


def _png(picture: Bytes) -> bytes:
    return cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 6])[1].tobytes()
