"""Axes of a candidate in millimetres: what of it is brighter than half its contrast, cut from vessels and wall.

Long axis and the short axis perpendicular to it lie in the slice with the largest section, as in RECIST 1.1
(E. Eisenhauer et al., European Journal of Cancer 45 (2009) 228); the third is the height across slices.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.domain import Millimetres, Volume

from .grid import Mask, opened

BRIGHTEST_HU = 0.0  # core of a nodule that holds calcium or contrast medium
LEAST_CONTRAST_HU = 100.0  # between core and lung: below it the half is noise
AROUND = 1.5  # diameters from the centre to the sides of what is looked at
LEAST_AROUND_MM = 8.0
CUT = 0.4  # of the radius: discs of this radius do not pass along a vessel that is thinner
LONGEST = 2.0  # diameters: a longer axis belongs to a vessel or to the wall


def axes_of(volume: Volume, place: tuple[int, float, float], diameter_mm: float, air_hu: float) -> Millimetres | None:
    """Long axis, short axis and height of what lies at a place (slice, row, column); None where it cannot be told.

    That is where it goes on to the sides of what is looked at, runs into vessel or wall, or has no contrast.
    """
    from scipy import ndimage  # the command line starts without it

    part, centre = _cut(volume, place, max(AROUND * diameter_mm, LEAST_AROUND_MM))
    z, r, c = centre
    core = min(float(np.median(part[z, max(r - 1, 0) : r + 2, max(c - 1, 0) : c + 2])), BRIGHTEST_HU)
    if core - air_hu < LEAST_CONTRAST_HU:
        return None
    radius_px = max(1.0, CUT * diameter_mm / 2 / float(np.mean(volume.spacing_mm[1:])))
    bright = np.stack([opened(one.astype(np.uint8), radius_px) for one in part > (core + air_hu) / 2])
    labels, _ = ndimage.label(bright)
    label = labels[centre]
    if label == 0:
        return None
    body = labels == label
    if body[:, [0, -1]].any() or body[:, :, [0, -1]].any():
        return None
    found = _axes(body, volume.spacing_mm)
    return found if max(found) <= LONGEST * diameter_mm else None


def _cut(
    volume: Volume, place: tuple[int, float, float], reach_mm: float
) -> tuple[NDArray[np.int16], tuple[int, int, int]]:
    """[d, h, w] of the volume around a place, and where the place lies in it."""
    spans, centre = [], []
    for at, mm, count in zip(place, volume.spacing_mm, volume.hu.shape, strict=True):
        middle, reach = min(max(round(at), 0), count - 1), max(1, round(reach_mm / mm))
        low = max(0, middle - reach)
        spans.append(slice(low, min(count, middle + reach + 1)))
        centre.append(middle - low)
    z, r, c = centre
    return volume.hu[tuple(spans)], (z, r, c)


def _axes(body: NDArray[np.bool_], spacing: Millimetres) -> Millimetres:
    widest: Mask = body[int(body.sum(axis=(1, 2)).argmax())].astype(np.uint8)
    contours, _ = cv2.findContours(widest, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = cv2.convexHull(max(contours, key=len))[:, 0].astype(np.float64) * (spacing[2], spacing[1])  # [N, 2] x, y
    apart = hull[:, None] - hull[None]  # [N, N, 2]
    first, second = np.unravel_index(int((apart**2).sum(axis=2).argmax()), apart.shape[:2])
    pixel = float(np.mean(spacing[1:]))  # centres of pixels lie half a pixel inside
    long = float(np.hypot(*apart[first, second]))
    along = apart[first, second] / long if long else np.array((1.0, 0.0))
    across = hull @ np.array((-along[1], along[0]))
    slices = np.flatnonzero(body.any(axis=(1, 2)))
    return long + pixel, float(np.ptp(across)) + pixel, float(slices[-1] - slices[0] + 1) * spacing[0]
