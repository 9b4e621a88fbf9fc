"""Grids over a volume: averaged down, carried from one to another; and masks of slices, widened, narrowed, filled."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.domain import Millimetres

Mask = NDArray[np.uint8]  # 0 or 1


def shrink(hu: NDArray[np.int16], spacing_mm: Millimetres, target_mm: float) -> tuple[NDArray[np.int16], Millimetres]:
    """[D, H, W] -> [d, h, w] averaged to voxels of about `target_mm`, never finer than before; and the new spacing."""
    depth, height, width = hu.shape
    slab = max(1, min(depth, int(target_mm / spacing_mm[0] + 0.01)))
    rows, columns = (
        max(1, min(n, round(n * mm / target_mm))) for n, mm in ((height, spacing_mm[1]), (width, spacing_mm[2]))
    )
    small = np.empty((-(-depth // slab), rows, columns), np.int16)
    for index in range(len(small)):
        part = hu[index * slab : (index + 1) * slab]
        slices = [cv2.resize(one, (columns, rows), interpolation=cv2.INTER_AREA) for one in part]
        small[index] = slices[0] if len(slices) == 1 else np.mean(slices, axis=0)
    return small, (spacing_mm[0] * slab, spacing_mm[1] * height / rows, spacing_mm[2] * width / columns)


def on_grid(mask: Mask, shape: tuple[int, ...]) -> Mask:
    """The mask on another grid over the same volume."""
    slices = np.minimum(((np.arange(shape[0]) + 0.5) * len(mask) / shape[0]).astype(int), len(mask) - 1)
    whole = np.empty(shape, np.uint8)
    for index, z in enumerate(slices):
        whole[index] = cv2.resize(mask[z], (shape[2], shape[1]), interpolation=cv2.INTER_NEAREST)
    return whole


def bounding_box(mask: Mask) -> tuple[slice, slice, slice]:
    """Of a mask that is not empty, two voxels wider."""
    spans = [np.flatnonzero(mask.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    z, r, c = (slice(max(0, int(span[0]) - 2), int(span[-1]) + 3) for span in spans)
    return z, r, c


def dilated(mask: Mask, radius_px: float) -> Mask:
    """[h, w], by a disc."""
    return (cv2.distanceTransform(1 - mask, cv2.DIST_L2, 5) <= radius_px).astype(np.uint8) if mask.any() else mask


def eroded(mask: Mask, radius_px: float) -> Mask:
    """[h, w], by a disc; beyond the picture the mask goes on."""
    return (cv2.distanceTransform(mask, cv2.DIST_L2, 5) > radius_px).astype(np.uint8) if not mask.all() else mask


def opened(mask: Mask, radius_px: float) -> Mask:
    """[h, w] without what a disc does not fit into."""
    return dilated(eroded(mask, radius_px), radius_px)


def closed(mask: Mask, radius_px: float) -> Mask:
    """[h, w] with the bays that a disc does not fit into."""
    return eroded(dilated(mask, radius_px), radius_px)


def without_holes(mask: Mask, widest_px: float) -> Mask:
    """[h, w] with all holes filled that are not wider than a disc of that diameter."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(1 - mask, connectivity=4)
    left, top, width, height, area = stats.T
    inside = (left > 0) & (top > 0) & (left + width < mask.shape[1]) & (top + height < mask.shape[0])
    filled = inside & (area <= np.pi / 4 * widest_px**2)
    filled[0] = False  # the mask itself
    whole: Mask = mask | filled[labels].astype(np.uint8)
    return whole
