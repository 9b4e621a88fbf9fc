"""Nodule candidates: the blobs of a series that are most like nodules, each once, with its diameter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from inspect_ai.domain import Millimetres, Volume

from .blobs import BRIGHTEST_HU, Blobs, Values, find_blobs
from .lungs import Lungs
from .measuring import axes_of
from .ranking import likeness

DIAMETERS_MM = (3.0, 30.0)
SCALE_ERROR = (0.6, 1.4)  # how far a measured diameter may lie from the scale at which its blob was found


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A bright blob in a lung, in the volume's own voxels.

    strength: what it is ranked by, log-odds of a nodule by its shape alone (ranking.py). axes_mm: see measuring.py.
    """

    slice_index: int
    row: float
    col: float
    diameter_mm: float
    strength: float
    axes_mm: Millimetres | None = None


def find_candidates(
    volume: Volume, lungs: Lungs, merge_mm: float = 5.0, most: int = 64, weakest: float = -np.inf
) -> list[Candidate]:
    """At most so many blobs of at least that strength, strongest first; of those within `merge_mm` or a radius one."""
    if not lungs.mask.any():
        return []
    blobs = find_blobs(volume, lungs)
    strength = likeness(blobs.features)
    kept = merged(blobs, strength, merge_mm, most, weakest)
    found = _candidates(blobs, strength, kept, volume)
    return [_sized(volume, candidate, lungs.air_hu) for candidate in found]


def _sized(volume: Volume, candidate: Candidate, air_hu: float) -> Candidate:
    diameter = _measured(volume, candidate, air_hu)
    place = candidate.slice_index, candidate.row, candidate.col
    return replace(candidate, diameter_mm=diameter, axes_mm=axes_of(volume, place, diameter, air_hu))


def merged(blobs: Blobs, strength: Values, merge_mm: float, most: int, weakest: float = -np.inf) -> list[int]:
    """Indices of the strongest, each keeping weaker ones away by `merge_mm` or the larger of the two radii."""
    order = np.argsort(-strength, kind="stable")
    order = order[strength[order] >= weakest]
    places, radii = blobs.places_mm[order], np.clip(blobs.radius_mm[order], *np.array(DIAMETERS_MM) / 2)
    free = np.ones(len(order), bool)
    kept: list[int] = []
    for index in range(len(order)):
        if free[index]:
            kept.append(int(order[index]))
            if len(kept) == most:
                break
            apart = np.maximum(np.maximum(radii, radii[index]), merge_mm)
            free &= ((places - places[index]) ** 2).sum(axis=1) >= apart**2
    return kept


def _candidates(blobs: Blobs, strength: Values, kept: Sequence[int], volume: Volume) -> list[Candidate]:
    """Places from the volume's first corner -> candidates in its voxels, of which (0, 0, 0) has its centre at 0."""
    last = len(volume.hu) - 1
    source = blobs.places_mm / np.array(volume.spacing_mm) - 0.5
    return [
        Candidate(
            slice_index=min(int(source[i, 0] + 0.5), last),
            row=float(source[i, 1]),
            col=float(source[i, 2]),
            diameter_mm=float(np.clip(2.0 * blobs.radius_mm[i], *DIAMETERS_MM)),
            strength=float(strength[i]),
        )
        for i in kept
    ]


def _measured(volume: Volume, candidate: Candidate, air_hu: float) -> float:
    """Diameter of the largest disc near the candidate, in its slice, that is brighter than half its contrast.

    The scale at which the candidate was found bounds it, so that a nodule on the pleura does not become the wall.
    """
    reach_mm = candidate.diameter_mm
    grid_mm = reach_mm / 16
    to_source = [
        [grid_mm / volume.spacing_mm[2], 0.0, candidate.col - 24 * grid_mm / volume.spacing_mm[2]],
        [0.0, grid_mm / volume.spacing_mm[1], candidate.row - 24 * grid_mm / volume.spacing_mm[1]],
    ]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    near = cv2.warpAffine(
        volume.hu[candidate.slice_index], np.array(to_source), (49, 49), flags=flags, borderValue=-1000
    )
    middle = float(np.median(near[22:27, 22:27]))
    bright = (near > (min(middle, BRIGHTEST_HU) + air_hu) / 2).astype(np.uint8)
    depth = np.minimum(cv2.distanceTransform(bright, cv2.DIST_L2, 5)[18:31, 18:31], 24)  # no limit where all is bright
    eaten_mm = float(np.mean(volume.spacing_mm[1:]))  # by blur and noise, half a pixel a side
    measured = 2 * depth.max() * grid_mm + eaten_mm
    low, high = SCALE_ERROR
    return float(np.clip(measured, max(low * reach_mm, DIAMETERS_MM[0]), min(high * reach_mm, DIAMETERS_MM[1])))
