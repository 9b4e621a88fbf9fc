"""Masses above the certified range: thick soft tissue that lung encloses from above and below and from two sides.

The heart, the great vessels and the liver's dome are thick too, but nowhere does lung lie both above and below them
within the height that a mass may have. Its numbers were chosen on two series with one tumour each (73 x 69 and 54 x 78
mm) and two healthy hila: they say what is found, not how often. A mass that reaches the wall is larger than measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.domain import Millimetres, Volume

from .grid import Mask, opened, shrink
from .lungs import GRID_MM, Lungs

SOFT_HU = -300.0  # soft tissue and the ground glass around it
REACH_MM = 60.0  # from a place in a mass to the lung around it
HEIGHT_MM = 75.0  # from the lung below to the lung above
SIDES = 2  # of left, right, front and back, on which lung lies that near
CORE_MM, WHOLE_MM = 9.0, 6.0  # radii of the discs that fit into a mass's core, and into what belongs to it
LEAST_CORE_ML = 5.0  # a ball of 21 mm: hila measured 3 ml
SMALLEST_MM = 30.0  # longest axis: what is smaller is a nodule, and the finder's


@dataclass(frozen=True, slots=True, kw_only=True)
class Mass:
    """size_mm: height, rows and columns of its box, the wall's side cut off; place: its core in the volume's voxels."""

    size_mm: Millimetres
    slice_index: int
    row: int
    col: int

    def sentence(self, volume: Volume) -> str:
        """What a person must know of it."""
        height, rows, columns = self.size_mm
        x, y, z = volume.position_mm(self.slice_index, self.row, self.col)
        return (
            f"a mass of at least {max(rows, columns):.0f} x {min(rows, columns):.0f} mm, {height:.0f} mm high, lies in "
            f"slice {self.slice_index + 1} at row {self.row}, column {self.col} ({x:.0f}, {y:.0f}, {z:.0f} mm): "
            "outside the range of 3 to 30 mm that is certified. Look at it"
        )


def find_masses(volume: Volume, lungs: Lungs) -> list[Mass]:
    """Masses with an axis above SMALLEST_MM, largest core first."""
    from scipy import ndimage  # the command line starts without it

    if not lungs.mask.any():
        return []
    hu, spacing = shrink(volume.hu, volume.spacing_mm, GRID_MM)
    soft = (hu > SOFT_HU) & (lungs.mask == 0)
    before, after = _lung_beside(lungs.mask, 0, spacing[0])
    column = soft & (before <= REACH_MM) & (after <= REACH_MM) & (before + after <= HEIGHT_MM)
    sides = np.zeros(soft.shape, np.uint8)
    for axis in (1, 2):
        for distance in _lung_beside(lungs.mask, axis, spacing[axis]):
            sides += distance <= REACH_MM
    cores, count = ndimage.label(_opened(column & (sides >= SIDES), CORE_MM, spacing))
    wholes, _ = ndimage.label(_opened(column & (sides > 0), WHOLE_MM, spacing))
    millilitres = np.bincount(cores.ravel(), minlength=count + 1) * np.prod(spacing) / 1000
    factor = np.array(volume.hu.shape) / np.array(hu.shape)
    found = []
    for label in sorted(range(1, count + 1), key=lambda one: -millilitres[one]):
        if millilitres[label] >= LEAST_CORE_ML:
            core = cores == label
            size_mm = _size(core, wholes, spacing)
            if max(size_mm) > SMALLEST_MM:
                middle = (np.array(_middle(core)) + 0.5) * factor - 0.5
                z, r, c = (round(v) for v in middle)
                found.append(Mass(size_mm=size_mm, slice_index=z, row=r, col=c))
    return found


def _lung_beside(lung: Mask, axis: int, mm: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Millimetres [d, h, w] to the nearest lung before and after along an axis; infinite where there is none."""
    places = np.arange(lung.shape[axis], dtype=np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
    before = np.maximum.accumulate(np.where(lung > 0, places, -np.inf), axis=axis)
    after = np.flip(np.minimum.accumulate(np.flip(np.where(lung > 0, places, np.inf), axis), axis=axis), axis)
    return ((places - before) * mm).astype(np.float32), ((after - places) * mm).astype(np.float32)


def _opened(mask: NDArray[np.bool_], radius_mm: float, spacing: Millimetres) -> Mask:
    """[d, h, w] slice by slice."""
    radius = radius_mm / float(np.mean(spacing[1:]))
    return np.stack([opened(one.astype(np.uint8), radius) for one in mask])


def _size(core: NDArray[np.bool_], wholes: NDArray[np.int32], spacing: Millimetres) -> Millimetres:
    """Box of what belongs to the core."""
    labels = np.setdiff1d(np.unique(wholes[core]), [0])
    whole = core | np.isin(wholes, labels)
    spans = [np.flatnonzero(whole.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    height, rows, columns = (float((s[-1] - s[0] + 1) * mm) for s, mm in zip(spans, spacing, strict=True))
    return height, rows, columns


def _middle(core: NDArray[np.bool_]) -> tuple[int, int, int]:
    """The deepest place of the core's largest slice: inside it, whatever its form."""
    z = int(core.sum(axis=(1, 2)).argmax())
    depth = cv2.distanceTransform(np.pad(core[z].astype(np.uint8), 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    r, c = np.unravel_index(int(depth.argmax()), depth.shape)
    return z, int(r), int(c)
