"""Pictures for people: what was inspected, and the same with heat map and marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.domain import Floats

STRONGEST = 0.55  # opacity of the hottest place
LEAST_RADIUS_PX = 7.0
LINE = (255, 255, 255)
SHADOW = (0, 0, 0)
SMALLEST_PX = 256  # shorter pictures are enlarged to this side, pixel by pixel


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
    """PNG of the picture, and PNG with heat map and marks.

    picture: [H, W] or [H, W, 3] RGB in 0..1; heat: [h, w] in 0..1.
    """
    colour = _eight_bits(picture)
    height, width = colour.shape[:2]
    longest = max(height, width)
    factor = limit_px / longest if longest > limit_px else max(1, SMALLEST_PX // longest)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_NEAREST
    shown = np.asarray(cv2.resize(colour, size, interpolation=how), np.uint8)
    marked = shown.copy() if heat is None else _with_heat(shown, heat)
    for number, mark in enumerate(marks, 1):
        _circle(marked, mark, factor, mark.label or str(number))
    return _png(shown), _png(marked)


def _eight_bits(picture: Floats) -> NDArray[np.uint8]:
    """[H, W, 3] BGR."""
    values = np.clip(np.nan_to_num(picture) * 255.0, 0, 255).round().astype(np.uint8)
    return np.ascontiguousarray(cv2.cvtColor(values, cv2.COLOR_GRAY2BGR) if values.ndim == 2 else values[..., ::-1])


def _with_heat(shown: NDArray[np.uint8], heat: Floats) -> NDArray[np.uint8]:
    """Heat as colour whose opacity grows with it: cold places stay as they are."""
    smooth = cv2.resize(np.clip(np.nan_to_num(heat), 0, 1), shown.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    colours = cv2.applyColorMap((smooth * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    alpha = (STRONGEST * smooth)[..., None]
    blend: NDArray[np.uint8] = (shown * (1 - alpha) + colours * alpha).round().astype(np.uint8)
    return blend


def _circle(canvas: NDArray[np.uint8], mark: Mark, factor: float, label: str) -> None:
    centre = round(mark.col * factor), round(mark.row * factor)
    radius = round(max(LEAST_RADIUS_PX, (mark.diameter_px or 0.0) * factor / 2 + 3))
    text_at = min(centre[0] + radius + 2, canvas.shape[1] - 12), max(centre[1] - radius + 4, 12)
    for colour, thickness in ((SHADOW, 3), (LINE, 1)):
        cv2.circle(canvas, centre, radius, colour, thickness, cv2.LINE_AA)
        cv2.putText(canvas, label, text_at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, thickness, cv2.LINE_AA)


def _png(picture: NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 6])[1].tobytes()
