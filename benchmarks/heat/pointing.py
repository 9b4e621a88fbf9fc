"""Localisation by heat maps: pure measures of one map against one mask, and figures over groups.

Pointing game: the map's peak lies on the mask, or within 15 px of it (Zhang et al. 2016, arXiv 1608.00507). Energy: the
share of the map's mass on the mask (Score-CAM's energy-based pointing game, Wang et al. 2020, arXiv 1910.01279). Here
against pixel masks, where both papers had boxes or instances; and pictures of one group (one tile, one patient) count
together, since they are not independent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from scipy.ndimage import distance_transform_edt

from benchmarks.heat.results import Mask, Pointing
from benchmarks.statistics import Estimate, Values, group_means, mean_of_groups
from inspect_ai.domain import Floats, Unit
from inspect_ai.plugins import HEAT_STRIDE, hottest

TOLERANCE_PX = 15  # of the picture as it was taken, as published
FLAT = 1e-6  # contrast of a map, relative to its peak, below which it points nowhere


MEASURES: dict[str, Callable[[Pointing], float]] = {
    "hit": lambda p: float(p.distance_px == 0.0),
    "hit_near": lambda p: float(p.distance_px <= TOLERANCE_PX),
    "energy": lambda p: p.energy,
    "beyond": lambda p: p.beyond,
    "area": lambda p: p.area,
    "area_near": lambda p: p.area_near,
}


def point(heat: Floats, unit: Unit, mask: Mask) -> Pointing:
    """heat: [h, w] over the padded unit, any sign; mask: [H, W] of the unit, not empty."""
    if not mask.any():
        raise ValueError("an empty mask cannot be pointed at")
    distances = distances_px(mask, unit.scale_px)
    peak = peak_px(heat, unit)
    whole = upsampled(heat)
    inside = whole[: mask.shape[0], : mask.shape[1]]
    return Pointing(
        distance_px=math.inf if is_flat(heat) else float(distances[peak]),
        energy=energy_inside(inside, mask),
        beyond=mass_beyond(whole, inside),
        area=float((mask > 0).mean()),
        area_near=float((distances <= TOLERANCE_PX).mean()),
    )


def is_flat(heat: Floats) -> bool:
    """True for a map with nothing positive in it, or no place above the others."""
    shown = np.maximum(heat, 0.0)
    return bool(shown.max() - shown.min() <= FLAT * shown.max())


def peak_px(heat: Floats, unit: Unit) -> tuple[int, int]:
    """Row and column, in unit pixels, of the very place that a finding names."""
    row, col, _ = hottest(heat, unit)
    height, width = unit.pixels.shape[-2:]
    r = round((row - unit.origin_px[0]) / unit.scale_px[0])
    c = round((col - unit.origin_px[1]) / unit.scale_px[1])
    return min(max(r, 0), height - 1), min(max(c, 0), width - 1)


def upsampled(heat: Floats) -> Floats:
    """[h, w] -> [8 h, 8 w], the padded unit: the positive part, bilinear between the cells' centres."""
    shown = np.maximum(np.ascontiguousarray(heat, np.float32), 0.0)
    size = (heat.shape[1] * HEAT_STRIDE, heat.shape[0] * HEAT_STRIDE)
    return np.asarray(cv2.resize(shown, size, interpolation=cv2.INTER_LINEAR), np.float32)


def energy_inside(shown: Floats, mask: Mask) -> float:
    """Share of a non-negative map [H, W] on the mask [H, W]; a map of zeros counts as uniform."""
    total = float(shown.sum(dtype=np.float64))
    if total <= 0.0:
        return float((mask > 0).mean())
    return float(shown[mask > 0].sum(dtype=np.float64)) / total


def mass_beyond(whole: Floats, inside: Floats) -> float:
    """Share of the padded unit's mass that lies outside the unit; none of a map of zeros."""
    total = float(whole.sum(dtype=np.float64))
    return max(0.0, 1.0 - float(inside.sum(dtype=np.float64)) / total) if total > 0.0 else 0.0


def distances_px(mask: Mask, scale_px: tuple[float, float]) -> Values:
    """[H, W]: how far each unit pixel lies from the mask, in pixels of the picture."""
    return np.asarray(distance_transform_edt(mask == 0, sampling=scale_px), np.float64)


def figures(pointings: Sequence[Pointing], groups: Sequence[str]) -> dict[str, Estimate]:
    """Every measure of one map maker, over groups."""
    return {name: mean_of_groups(group_means([of(p) for p in pointings], groups)) for name, of in MEASURES.items()}


def differences(mine: Sequence[Pointing], first: Sequence[Pointing], groups: Sequence[str]) -> dict[str, Estimate]:
    """Every measure minus that of the first map maker on the same pictures: paired within groups."""
    paired = {name: [of(a) - of(b) for a, b in zip(mine, first, strict=True)] for name, of in MEASURES.items()}
    return {name: mean_of_groups(group_means(values, groups)) for name, values in paired.items()}
