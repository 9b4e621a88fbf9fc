"""Frame of a made chest: voxel grid in patient millimetres, bent coordinates, distances to simple shapes.

x runs to the patient's left, y to the back, z to the head (LPS); distances are negative inside, in millimetres.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.phantom.noise import Field

SIDE = 416  # pixels
PIXEL_MM = 0.76
SLICES = 68
SLICE_MM = 3.0
MIDDLE_Y_MM = 12.0  # the table stands below the body, so the picture's middle lies behind the chest's


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One slice: its height, the bent coordinates of its pixels, [H, W] each, and the straight ones, [1, W] and [H, 1].

    coarse_x and coarse_y are the bent ones at half the resolution: distances are smooth, so they are measured there.
    """

    index: int
    z: float
    x: Field
    y: Field
    straight_x: Field
    straight_y: Field
    coarse_x: Field
    coarse_y: Field


def to_voxel(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Patient millimetres [N, 3] (x, y, z) to voxel indices [N, 3] (slice, row, column)."""
    half = (SIDE - 1) / 2
    rows = (points[:, 1] - MIDDLE_Y_MM) / PIXEL_MM + half
    return np.stack([points[:, 2] / SLICE_MM, rows, points[:, 0] / PIXEL_MM + half], 1)


def to_mm(voxels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Voxel indices [N, 3] (slice, row, column) to patient millimetres [N, 3] (x, y, z)."""
    half = (SIDE - 1) / 2
    y = (voxels[:, 1] - half) * PIXEL_MM + MIDDLE_Y_MM
    return np.stack([(voxels[:, 2] - half) * PIXEL_MM, y, voxels[:, 0] * SLICE_MM], 1)


def levels(rng: np.random.Generator, bend_mm: float) -> Iterator[Level]:
    """Slices from the lowest up. Coordinates are bent by a smooth field, so that no organ is an exact ellipse."""
    half = (SIDE - 1) / 2
    axis = ((np.arange(SIDE, dtype=np.float32) - half) * PIXEL_MM).astype(np.float32)
    coarse = rng.standard_normal((2, SLICES // 11 + 3, 7, 7), dtype=np.float32) * np.float32(bend_mm * 1.3)
    for index in range(SLICES):
        low, part = divmod(index / 11, 1.0)
        blend = np.float32(part * part * (3 - 2 * part))
        knots = coarse[:, int(low)] * (1 - blend) + coarse[:, int(low) + 1] * blend
        bent = [cv2.resize(k, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for k in knots]
        across, down = axis[None], axis[:, None] + np.float32(MIDDLE_Y_MM)
        x, y = (across + bent[0]).astype(np.float32), (down + bent[1]).astype(np.float32)
        half_x, half_y = (cv2.resize(v, (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_AREA) for v in (x, y))
        yield Level(
            index=index,
            z=index * SLICE_MM,
            x=x,
            y=y,
            straight_x=across,
            straight_y=down,
            coarse_x=np.asarray(half_x, np.float32),
            coarse_y=np.asarray(half_y, np.float32),
        )


def _fine(coarse: Field) -> Field:
    """A distance measured at half resolution, at full resolution."""
    return np.asarray(cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR), np.float32)


def oval(
    level: Level, centre: tuple[float, float], radii: tuple[float, float], turn: float = 0.0, boxy: float = 0.0
) -> Field:
    """Distance to an ellipse (boxy 0) or an oval with fuller corners, measured along the ray from its centre."""
    right, down = level.coarse_x - np.float32(centre[0]), level.coarse_y - np.float32(centre[1])
    if turn:
        cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
        right, down = right * cos + down * sin, down * cos - right * sin
    away = np.sqrt(right * right + down * down)
    wide, deep = np.square(right / np.float32(radii[0])), np.square(down / np.float32(radii[1]))
    ratio = np.sqrt(wide + deep)
    if boxy:  # a share of the fourth-power oval: looks like a power between 2 and 4 at a tenth of the cost
        ratio += np.float32(boxy) * (np.sqrt(np.sqrt(wide * wide + deep * deep)) - ratio)
    return _fine(away * (1 - 1 / np.maximum(ratio, np.float32(1e-3))))


def ball(
    level: Level, centre: tuple[float, float, float], radii: tuple[float, float, float], turn: float = 0.0
) -> Field | None:
    """Distance to an ellipsoid's cut at this level; None where it does not reach."""
    rest = 1 - ((level.z - centre[2]) / radii[2]) ** 2
    if rest <= 0.02:
        return None
    scale = float(np.sqrt(rest))
    return oval(level, centre[:2], (radii[0] * scale, radii[1] * scale), turn)


def rod(
    level: Level, start: tuple[float, float, float], end: tuple[float, float, float], radius: float
) -> Field | None:
    """Distance to a rod with round ends in space; None where it is farther than 8 mm above or below."""
    if not min(start[2], end[2]) - radius - 8 < level.z < max(start[2], end[2]) + radius + 8:
        return None
    p, q = np.array(start, np.float32), np.array(end, np.float32)
    run = q - p
    dx, dy, dz = level.coarse_x - p[0], level.coarse_y - p[1], np.float32(level.z) - p[2]
    along = np.clip((dx * run[0] + dy * run[1] + dz * run[2]) / max(float(run @ run), 1e-6), 0, 1)
    off = np.sqrt((dx - along * run[0]) ** 2 + (dy - along * run[1]) ** 2 + (dz - along * run[2]) ** 2)
    return _fine(off - np.float32(radius))


def cover(distance: Field, soft_mm: float = 1.0) -> Field:
    """Share 0..1 of each voxel that lies inside."""
    return np.asarray(np.clip(0.5 - distance / np.float32(soft_mm), 0, 1), np.float32)


def lay(hu: Field, distance: Field | None, value: float | Field, soft_mm: float = 1.0) -> None:
    """Put a tissue into the slice wherever `distance` is negative, with partial volume at its edge."""
    if distance is not None:
        hu += cover(distance, soft_mm) * (value - hu)


def lay_bone(hu: Field, distance: Field, cortex: float, marrow: float | Field, wall_mm: float = 1.7) -> None:
    """Put a bone: a dense shell around marrow."""
    lay(hu, distance, cortex)
    lay(hu, distance + np.float32(wall_mm), marrow, 1.6)
