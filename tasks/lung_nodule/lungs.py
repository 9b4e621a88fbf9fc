"""Where the lungs are, on a 2 mm grid: air that does not reach the sides of the picture; what of them is cut off."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.domain import Millimetres, Volume

from .grid import Mask, closed, dilated, opened, shrink, without_holes

AIR_HU = -400  # lung and other air below, tissue above; halfway between lung (-850) and tissue (50)
GAS_HU = -960  # the median of bowel gas and of the room is lower, that of emphysema is not
GRID_MM = 2.0
AIRWAY_MM = 9.0  # half the width of a trachea: what is narrower in a slice is no lung
LUNG_LITRES = 0.1  # smallest part of lung that counts
CUT_LUNG_HU = -930  # at the sides of the picture: the median of lung is higher, that of room and foam lower
LARGEST_BRIDGE_MM = 60.0  # a hole of a lung's slice that is wider is heart or liver


@dataclass(frozen=True, slots=True, kw_only=True)
class Lungs:
    """mask: [d, h, w], 1 in the lungs' air, on a grid of `spacing_mm` over the whole volume; *_hu: medians.

    cut_litres: lung that reaches the sides of the picture, so that a part of it lies outside; it is not in the mask.
    """

    mask: Mask = field(compare=False, repr=False)
    spacing_mm: Millimetres
    air_hu: float
    tissue_hu: float
    cut_litres: float = 0.0

    @property
    def litres(self) -> float:
        """Volume of the lungs' air."""
        return float(self.mask.sum()) * float(np.prod(self.spacing_mm)) / 1e6

    @property
    def ends(self) -> tuple[float, float]:
        """Area in the first and in the last slice of the grid, as shares of the largest area in one."""
        areas = self.mask.sum(axis=(1, 2), dtype=np.int64)
        largest = max(int(areas.max()), 1)
        return float(areas[0]) / largest, float(areas[-1]) / largest

    def closed(self, reach_mm: float) -> Mask:
        """[d, h, w] the lungs with their holes, and with bays up to twice the reach: nodules on the pleura, vessels."""
        spacing = float(np.mean(self.spacing_mm[1:]))
        return np.stack(
            [closed(without_holes(mask, LARGEST_BRIDGE_MM / spacing), reach_mm / spacing) for mask in self.mask]
        )


def find_lungs(volume: Volume) -> Lungs:
    """Air that does not reach the sides of the picture, in wide pieces; trachea and large bronchi are too narrow.

    The answer for the last volume is kept: quality, candidates and coverage of one series ask for the same.
    """
    global _last
    if _last is not None and _last[0]() is volume.hu and _last[1] == volume.spacing_mm:
        return _last[2]
    lungs = _found(volume)
    _last = (weakref.ref(volume.hu), volume.spacing_mm, lungs)
    return lungs


_last: tuple[weakref.ref[NDArray[Any]], Millimetres, Lungs] | None = None


def _found(volume: Volume) -> Lungs:
    from scipy import ndimage  # the command line starts without it

    hu, spacing = shrink(volume.hu, volume.spacing_mm, GRID_MM)
    air = (hu < AIR_HU).astype(np.uint8)
    radius_px = AIRWAY_MM / float(np.mean(spacing[1:]))
    wide = np.stack([opened(mask, radius_px) for mask in air])
    labels, count = ndimage.label(wide)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    outside = np.unique(np.concatenate([labels[:, [0, -1]].ravel(), labels[:, :, [0, -1]].ravel()]))
    voxel_mm3 = float(np.prod(spacing))
    beside = [label for label in outside if label and sizes[label] * voxel_mm3 > LUNG_LITRES * 1e6]
    cut = sum(int(sizes[label]) for label in beside if np.median(hu[labels == label]) > CUT_LUNG_HU)
    sizes[0] = sizes[outside] = 0
    large = np.flatnonzero(sizes * voxel_mm3 > LUNG_LITRES * 1e6)
    lungs = [label for label in large if np.median(hu[labels == label]) > GAS_HU]
    core = np.isin(labels, lungs).astype(np.uint8)
    gas = ((wide > 0) | (hu < GAS_HU)).astype(np.uint8) & (1 - core)
    other = np.stack([dilated(opened(part, 1.0), 2.0) for part in gas])
    mask = _grown(air & (1 - other), core)
    inside, rest = hu[mask > 0], hu[:, ::2, ::2][hu[:, ::2, ::2] > AIR_HU]
    return Lungs(
        mask=mask,
        spacing_mm=spacing,
        air_hu=float(np.median(inside)) if inside.size else np.nan,
        tissue_hu=float(np.median(rest)) if rest.size else np.nan,
        cut_litres=cut * voxel_mm3 / 1e6,
    )


def _grown(air: Mask, core: Mask) -> Mask:
    """[d, h, w] the pieces of each slice's air that touch the core or a piece kept next to it: narrow recesses."""
    labels = np.stack([cv2.connectedComponents(one, connectivity=4)[1] for one in air])
    mask = core & air
    down, up = range(len(air)), range(len(air) - 1, -1, -1)
    for order, before in ((down, -1), (up, 1)):
        for z in order:
            near = mask[z] | mask[z + before] if 0 <= z + before < len(air) else mask[z]
            kept = np.zeros(labels[z].max() + 1, np.uint8)
            kept[labels[z][near > 0]] = 1
            kept[0] = 0
            mask[z] |= kept[labels[z]]
    return mask
