"""Random fields and curves that texture the made studies, all drawn from one generator."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Field: TypeAlias = NDArray[np.float32]
Points: TypeAlias = NDArray[np.float64]


def smooth(rng: np.random.Generator, shape: tuple[int, int], cell: float | tuple[float, float]) -> Field:
    """[H, W] field of mean 0 and deviation about 1 whose bumps are `cell` pixels (rows, columns) wide."""
    rows, cols = cell if isinstance(cell, tuple) else (cell, cell)
    height, width = shape
    coarse = rng.standard_normal((int(height / rows) + 5, int(width / cols) + 5), dtype=np.float32)
    # Sampled through a shifted affine grid, so that the lattice does not sit on the picture's corner.
    shift_r, shift_c = rng.uniform(1.5, 2.5, 2)
    matrix = np.array([[1 / cols, 0, shift_c], [0, 1 / rows, shift_r]], np.float32)
    field = cv2.warpAffine(coarse, matrix, (width, height), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
    return np.asarray(field * 1.35, np.float32)


def fractal(
    rng: np.random.Generator, shape: tuple[int, int], cell: float, octaves: int = 4, fall: float = 0.55
) -> Field:
    """[H, W] sum of smooth fields, each half as wide and `fall` as strong as the one before; deviation about 1."""
    weights = fall ** np.arange(octaves)
    total = np.zeros(shape, np.float32)
    for octave, weight in enumerate(weights):
        total += np.float32(weight) * smooth(rng, shape, max(cell / 2**octave, 1.0))
    return np.asarray(total / np.float32(np.sqrt((weights**2).sum())), np.float32)


def profile(rng: np.random.Generator, length: int, cell: float) -> Field:
    """[length] smooth random curve of mean 0 and deviation about 1."""
    return np.asarray(smooth(rng, (1, length), (1.0, cell))[0], np.float32)


def step(distance: Field, softness: float = 1.0) -> Field:
    """Coverage 0..1 of the region at negative `distance`, with an edge `softness` wide."""
    return np.asarray(np.clip(0.5 - distance / np.float32(softness), 0, 1), np.float32)


def grid(shape: tuple[int, int]) -> tuple[Field, Field]:
    """Rows [H, 1] and columns [1, W] as float32, ready to broadcast."""
    return np.arange(shape[0], dtype=np.float32)[:, None], np.arange(shape[1], dtype=np.float32)[None]


def draw(canvas: Field, points: Points, widths: Points, value: float = 1.0) -> None:
    """Draw a polyline (points [N, 2] as column, row) of varying width into canvas, antialiased, keeping the maximum.

    Drawn at a fourfold scale within its box and shrunk again: OpenCV's own lines have whole widths only.
    """
    scale, margin = 4, int(widths.max()) + 3
    low = np.maximum(np.floor(points.min(0)).astype(int) - margin, 0)
    high = np.minimum(np.ceil(points.max(0)).astype(int) + margin, np.array(canvas.shape[::-1]))
    if (high <= low).any():
        return
    width, height = (high - low).tolist()
    fine = np.zeros((height * scale, width * scale), np.uint8)
    spots = np.rint((points - low + 0.5) * scale * 16).astype(np.int32)  # four fractional bits
    for start, end, wide in zip(spots[:-1], spots[1:], widths, strict=False):
        thick = max(round(float(wide) * scale), 1)
        cv2.line(fine, start.tolist(), end.tolist(), 255, thick, cv2.LINE_AA, 4)
    small = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) * np.float32(value / 255)
    part = canvas[low[1] : high[1], low[0] : high[0]]
    np.maximum(part, small, out=part)


def wander(
    rng: np.random.Generator, start: Points, heading: float, length: float, bend: float, step_px: float
) -> Points:
    """[N, 2] points of a walk whose heading drifts; `bend` is the drift's deviation in radians a step, smoothed."""
    count = max(int(length / step_px), 3)
    turns = np.convolve(rng.normal(0, bend, count), np.ones(3) / 3, mode="same")
    angles = heading + np.cumsum(turns)
    moves = np.stack([np.cos(angles), np.sin(angles)], 1) * step_px
    return np.asarray(start + np.concatenate([np.zeros((1, 2)), np.cumsum(moves, 0)]), np.float64)
