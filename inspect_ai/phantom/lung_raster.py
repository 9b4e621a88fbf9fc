"""Trees as voxels, with the partial volume that dims a thin vessel: thick pieces by distance, thin ones by mass."""

from __future__ import annotations

import numpy as np

from inspect_ai.phantom.chest_frame import PIXEL_MM, SIDE, SLICE_MM, SLICES, to_mm, to_voxel
from inspect_ai.phantom.lung_tree import Branches, Vectors
from inspect_ai.phantom.noise import Field

SHAPE = (SLICES, SIDE, SIDE)
VOXEL_MM3 = PIXEL_MM * PIXEL_MM * SLICE_MM
SPLIT_MM = 0.95  # pieces thinner than this are splatted
HEIGHTS = np.array([-0.36, -0.12, 0.12, 0.36]) * SLICE_MM  # where a slice of this thickness is sampled


def fill(canvas: Field, branches: Branches, grow_mm: float = 0.0) -> None:
    """Raise canvas [D, H, W] to the share of each voxel that the pieces (grown by grow_mm) take."""
    thick = branches.thicker(SPLIT_MM)
    for start, end, r0, r1 in zip(
        thick.start, thick.end, thick.radius + grow_mm, thick.end_radius + grow_mm, strict=True
    ):
        _piece(canvas, start, end, float(r0), float(r1))
    thin = branches.thinner(SPLIT_MM)
    if len(thin.radius) and grow_mm == 0:
        np.maximum(canvas, np.minimum(_splat(thin), 1.0), out=canvas)


def _piece(canvas: Field, start: Vectors, end: Vectors, r0: float, r1: float) -> None:
    """Draw one tapering piece, by the distance of every voxel near it."""
    reach = max(r0, r1) + 1.5
    corners = to_voxel(np.stack([np.minimum(start, end) - reach, np.maximum(start, end) + reach]))
    low = np.maximum(np.floor(corners[0]).astype(int), 0)
    high = np.minimum(np.ceil(corners[1]).astype(int) + 1, SHAPE)
    if (high <= low).any():
        return
    (z0, y0, x0), (z1, y1, x1) = low.tolist(), high.tolist()
    first = to_mm(np.array([[z0, y0, x0]], np.float64))[0]
    dx = (first[0] + np.arange(x1 - x0) * PIXEL_MM - start[0])[None, None, None]
    dy = (first[1] + np.arange(y1 - y0) * PIXEL_MM - start[1])[None, None, :, None]
    dz = ((first[2] + np.arange(z1 - z0) * SLICE_MM - start[2])[:, None] + HEIGHTS)[:, :, None, None]
    run = end - start
    along = np.clip((dx * run[0] + dy * run[1] + dz * run[2]) / max(float(run @ run), 1e-6), 0, 1)
    off = np.sqrt((dx - along * run[0]) ** 2 + (dy - along * run[1]) ** 2 + (dz - along * run[2]) ** 2)
    share = np.clip(0.5 - (off - (r0 + (r1 - r0) * along)) / PIXEL_MM, 0, 1).mean(1)
    part = canvas[z0:z1, y0:y1, x0:x1]
    np.maximum(part, share.astype(np.float32), out=part)


def _splat(thin: Branches) -> Field:
    """[D, H, W] volume share of thin pieces: their mass, spread over the eight voxels about each of many points."""
    step = 0.65
    lengths = np.linalg.norm(thin.end - thin.start, axis=1)
    counts = np.maximum(np.ceil(lengths / step).astype(int), 1)
    owner = np.repeat(np.arange(len(counts)), counts)
    order = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    t = (order + 0.5) / counts[owner]
    points = thin.start[owner] + (thin.end - thin.start)[owner] * t[:, None]
    radius = thin.radius[owner] + (thin.end_radius - thin.radius)[owner] * t
    mass = np.pi * radius**2 * (lengths / counts)[owner] / VOXEL_MM3
    voxels = to_voxel(points)
    base = np.floor(voxels).astype(np.int64)
    part = voxels - base
    total = np.zeros(np.prod(SHAPE), np.float64)
    for corner in np.ndindex(2, 2, 2):
        at = base + corner
        weight = mass * np.prod(np.where(corner, part, 1 - part), axis=1)
        inside = ((at >= 0) & (at < SHAPE)).all(1)
        flat = np.ravel_multi_index(tuple(at[inside].T), SHAPE)
        total += np.bincount(flat, weights=weight[inside], minlength=total.size)
    return np.asarray(total.reshape(SHAPE), np.float32)
