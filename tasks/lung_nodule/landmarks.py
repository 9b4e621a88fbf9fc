"""Hounsfield units of slices that were stretched to 8 bits each by its own range, by two landmarks.

The modes of lung and of soft tissue are at nearly the same Hounsfield units in every chest; where both are in view they
fix the straight line that leads back. Neighbouring slices show nearly the same anatomy, so each is first brought to the
grey scale of one of them by a robust straight line (least trimmed squares, P. Rousseeuw, JASA 1984), and the landmarks
are looked for in all of them together.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.domain import Floats

LUNG_HU, TISSUE_HU = -850.0, 40.0
SMOOTH_GREY = 2.5  # of 256 levels, standard deviation: noise of the histogram, not the two peaks of fat and muscle
LEAST_PEAK = 0.30  # of the highest peak on its side: a lower one is vessels, bone or a corner of the room
LEAST_SHARE = 0.02  # of the pixels, brighter than halfway: with less there is no soft tissue to speak of
BRIGHTEST_SHARE = 0.998  # of the pixels: without soft tissue, what is brighter lies in the middle of vessels
LEAST_APART = 20  # grey levels between the landmarks; nearer ones are one peak
TRIMMED = 0.7  # share of the pixels that the line between two slices is fitted to: the others show other anatomy
ROUNDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Landmarks:
    """Grey levels of lung and soft tissue in the scale of one slice. tissue_seen: False where vessels stood in."""

    lung: float
    tissue: float
    tissue_seen: bool


def hounsfield(slices: NDArray[np.uint8], key: int) -> Floats | None:
    """[D, H, W] grey -> [D, H, W] Hounsfield units, as far as two landmarks tell; None where there are none.

    key: the slice in whose grey scale the landmarks are looked for.
    """
    same = one_scale(slices, key)
    found = landmarks(same)
    if found is None:
        return None
    per_grey = (TISSUE_HU - LUNG_HU) / (found.tissue - found.lung)
    return np.asarray(LUNG_HU + (same - found.lung) * per_grey, np.float32)


def one_scale(slices: NDArray[np.uint8], key: int) -> Floats:
    """[D, H, W] in the grey scale of slice `key`."""
    grey = slices.astype(np.float32)
    blurred = [cv2.GaussianBlur(one, (0, 0), 1.5) for one in grey]
    lines = [(1.0, 0.0) if z == key else _line(blurred[z], blurred[key]) for z in range(len(grey))]
    return np.stack([slope * one + offset for one, (slope, offset) in zip(grey, lines, strict=True)])


def landmarks(grey: Floats) -> Landmarks | None:
    """Find the modes of lung and soft tissue; None without two sides of a histogram.

    Of several peaks on a side the brightest counts: muscle rather than fat, lung rather than the air of the room.
    """
    levels = np.clip(grey, 0, 255).reshape(1, -1)  # cv2 takes a third axis for channels
    counts = np.bincount(levels.astype(np.uint8).ravel(), minlength=256).astype(np.float64)
    counts[[0, 255]] = 0.0  # cut off there: no mode of anything
    smooth = cv2.GaussianBlur(counts[None], (0, 0), SMOOTH_GREY, borderType=cv2.BORDER_CONSTANT)[0]
    split, _ = cv2.threshold(levels.astype(np.uint8), 0, 255, cv2.THRESH_OTSU)
    lung = _brightest_peak(smooth, 0, int(split) + 1)
    if lung is None:
        return None
    seen = float((levels > split).mean()) >= LEAST_SHARE
    tissue = _brightest_peak(smooth, int(split) + 1, 256) if seen else None
    bright = float(np.quantile(levels, BRIGHTEST_SHARE)) if tissue is None else tissue
    if bright - lung < LEAST_APART:
        return None
    return Landmarks(lung=lung, tissue=bright, tissue_seen=tissue is not None)


def _brightest_peak(counts: NDArray[np.float64], first: int, last: int) -> float | None:
    """Level of the brightest maximum among [first, last) that is not much lower than the highest; None without one."""
    padded = np.pad(counts, 1)
    is_peak = (counts > padded[:-2]) & (counts >= padded[2:])
    levels = np.flatnonzero(is_peak)
    levels = levels[(levels >= first) & (levels < last)]
    if not len(levels):
        return None
    high = levels[counts[levels] >= LEAST_PEAK * counts[levels].max()]
    return float(high[-1])


def _line(of: Floats, to: Floats) -> tuple[float, float]:
    """Slope and offset that bring one slice to the grey scale of another, by the pixels that agree best."""
    x, y = of.ravel().astype(np.float64), to.ravel().astype(np.float64)
    kept = np.ones(len(x), bool)
    slope, offset = 1.0, 0.0
    for _ in range(ROUNDS):
        spread = x[kept].var()
        if spread == 0.0:
            return 1.0, 0.0
        slope = float(np.mean((x[kept] - x[kept].mean()) * (y[kept] - y[kept].mean())) / spread)
        offset = float(y[kept].mean() - slope * x[kept].mean())
        apart = np.abs(slope * x + offset - y)
        kept = apart <= np.quantile(apart, TRIMMED)
    return (slope, offset) if slope > 0.0 else (1.0, 0.0)
