"""Nodule candidates: bright blobs at three octaves of scale, ranked by roundness, contrast, size and lung around them.

The ranking is a dot filter after Q. Li, S. Sone, K. Doi, Medical Physics 30 (2003) 2040: here steeper, times the
diameter, and taken at the blobs' centres alone. Its numbers were chosen with virtual nodules in real lungs
(tests/benchmarks/lung_candidates.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.domain import Floats, Millimetres, Volume

from .grid import Mask, bounding_box, on_grid, shrink
from .lungs import Lungs

DIAMETERS_MM = (3.0, 30.0)
OCTAVES = ((1.0, 8.0), (2.0, 14.0), (4.0, 20.0))  # grid in mm, reach of the closing over the pleura in mm
SIGMAS_PX = (1.26, 1.59, 2.0)  # within an octave
BRIGHTEST_HU = 0.0  # what is brighter (tissue, bone, contrast medium) is no more nodule-like for it
FAINTEST_HU = 40.0  # Laplacian response: below it is noise
FLATTEST_HU = 10.0  # second difference along a blob's longest axis: below it is a tube
THICK_SLICE = 0.3  # weight across slices thicker than a blob: makes a blob in one slice look as round as it is
AROUND = 3.2  # sigma in octave grid cells of what counts as a blob's surroundings
IN_LUNG = (0.2, 0.5)  # share of lung there: counts nothing at the first, all from the second (a flat wall leaves 0.4)
SCALE_ERROR = (0.6, 1.4)  # how far a measured diameter may lie from the scale at which its blob was found


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A bright blob in a lung, in the volume's own voxels.

    strength: what it is ranked by, Hounsfield units times millimetres, less where not round or not in the lung.
    """

    slice_index: int
    row: float
    col: float
    diameter_mm: float
    strength: float


def find_candidates(volume: Volume, lungs: Lungs, merge_mm: float = 5.0, most: int = 64) -> list[Candidate]:
    """At most so many bright blobs in the closed lungs, strongest first; of those within `merge_mm` or a radius one."""
    if not lungs.mask.any():
        return []
    found: list[Candidate] = []
    hu, spacing = volume.hu, volume.spacing_mm
    for octave_mm, reach_mm in OCTAVES:
        hu, spacing = shrink(hu, spacing, octave_mm)
        inside = on_grid(lungs.closed(reach_mm), hu.shape)
        if inside.any():
            places, strength, diameter = _blobs(hu, inside, spacing, octave_mm, lungs)
            found += _candidates(places, strength, diameter, volume)
    kept = _merged(found, volume.spacing_mm, merge_mm, most)
    return [replace(candidate, diameter_mm=_measured(volume, candidate, lungs.air_hu)) for candidate in kept]


def _blobs(
    hu: NDArray[np.int16], inside: Mask, spacing: Millimetres, octave_mm: float, lungs: Lungs
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """All local maxima of the scale-normalised Laplacian at three scales: millimetres [N, 3] from the volume's first
    corner along slices, rows and columns; strength; diameter.
    """
    box = bounding_box(inside)
    corner = np.array([s.start for s in box])
    inside = inside[box]
    clipped = np.full(inside.shape, lungs.air_hu, np.float32)
    np.minimum(hu[box], np.float32(BRIGHTEST_HU), out=clipped, where=inside > 0)
    lung_around = _smoothed(lungs.mask.astype(np.float32), AROUND * octave_mm, lungs.spacing_mm)
    found = []
    for sigma in SIGMAS_PX:
        sigma_mm = sigma * octave_mm
        smooth = _smoothed(clipped, sigma_mm, spacing)
        weights = tuple(max((sigma_mm / mm) ** 2, THICK_SLICE) for mm in spacing)
        at = _maxima(_laplacian(smooth, weights), inside)
        flattest, roundness, shift = _shapes(smooth, at, weights)
        places = (np.stack(at, axis=1) + shift + corner + 0.5) * spacing  # [N, 3]
        cells = np.minimum((places / lungs.spacing_mm).astype(int), np.array(lungs.mask.shape) - 1)
        in_lung = (lung_around[tuple(cells.T)] - IN_LUNG[0]) / (IN_LUNG[1] - IN_LUNG[0])
        diameter = np.full(len(places), np.clip(2.0 * np.sqrt(3.0) * sigma_mm, *DIAMETERS_MM))
        strength = flattest * roundness**2 * np.clip(in_lung, 0.0, 1.0) * diameter
        keep = (flattest > FLATTEST_HU) & (strength > 0)
        found.append((places[keep], strength[keep], diameter[keep]))
    places, strength, diameter = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return places, strength, diameter


def _candidates(
    places_mm: NDArray[np.float64], strength: NDArray[np.float64], diameter: NDArray[np.float64], volume: Volume
) -> list[Candidate]:
    """Places from the volume's first corner -> candidates in its voxels, of which (0, 0, 0) has its centre at 0."""
    last = len(volume.hu) - 1
    source = places_mm / np.array(volume.spacing_mm) - 0.5
    return [
        Candidate(
            slice_index=min(int(z + 0.5), last), row=float(r), col=float(c), diameter_mm=float(d), strength=float(s)
        )
        for (z, r, c), d, s in zip(source, diameter, strength, strict=True)
    ]


def _smoothed(hu: Floats, sigma_mm: float, spacing: Millimetres) -> Floats:
    """[D, H, W] blurred to `sigma_mm` in plane; across slices by what their own thickness has not done already."""
    blurred = np.empty_like(hu)
    for z, one in enumerate(hu):
        blurred[z] = cv2.GaussianBlur(one, (0, 0), sigmaX=sigma_mm / spacing[2], sigmaY=sigma_mm / spacing[1])
    across = np.sqrt(max(0.0, sigma_mm**2 - spacing[0] ** 2 / 12)) / spacing[0]
    if across < 0.3:
        return blurred
    kernel = cv2.getGaussianKernel(2 * int(3 * across + 0.5) + 1, across)
    flat = cv2.sepFilter2D(blurred.reshape(len(hu), -1), -1, np.ones(1), kernel, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(flat, np.float32).reshape(hu.shape)


def _laplacian(smooth: Floats, weights: Sequence[float]) -> Floats:
    """[D, H, W] minus the weighted second differences: positive where a blob is bright. By slices, in the cache."""
    wz, wr, wc = weights
    kernel = np.array([[0, -wr, 0], [-wc, 2 * (wr + wc + wz), -wc], [0, -wr, 0]], np.float32)
    answer = np.empty_like(smooth)
    last = len(smooth) - 1
    for z, one in enumerate(smooth):
        beside = smooth[max(z - 1, 0)] + smooth[min(z + 1, last)]
        answer[z] = cv2.filter2D(one, -1, kernel, borderType=cv2.BORDER_REPLICATE) - np.float32(wz) * beside
    return answer


def _maxima(response: Floats, inside: Mask) -> tuple[NDArray[np.intp], ...]:
    """Indices [N] of the maxima among 26 neighbours inside the mask, those on the sides of slices left out."""
    square = np.ones((3, 3), np.uint8)
    around = [cv2.dilate(one, square) for one in response]
    found = []
    for z, one in enumerate(response):
        highest = np.maximum(np.maximum(around[max(z - 1, 0)], around[z]), around[min(z + 1, len(around) - 1)])
        peaks = (one >= highest) & (one > FAINTEST_HU) & (inside[z] > 0)
        r, c = np.nonzero(peaks[1:-1, 1:-1])
        found.append(np.stack([np.full_like(r, z), r + 1, c + 1]))
    z, r, c = np.concatenate(found, axis=1)
    return z, r, c


def _shapes(
    smooth: Floats, at: tuple[NDArray[np.intp], ...], weights: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Of each place: least curvature in Hounsfield units (0 where it is no peak), its ratio to the largest, and shift.

    The shift [N, 3] leads from the voxel to the peak, in rows and columns; across slices it is 0.
    """
    last = len(smooth) - 1

    def value(*step: int) -> NDArray[np.float64]:
        z, r, c = (index + by for index, by in zip(at, step, strict=True))
        return smooth[np.clip(z, 0, last), r, c].astype(np.float64)

    hessian = np.empty((len(at[0]), 3, 3))
    shift = np.zeros((len(at[0]), 3))
    steps = np.eye(3, dtype=int)
    middle = value(0, 0, 0)
    for a in range(3):
        plus, minus = value(*steps[a]), value(*-steps[a])
        hessian[:, a, a] = weights[a] * (plus + minus - 2 * middle)
        curve = np.minimum(plus + minus - 2 * middle, -1e-6)
        shift[:, a] = np.clip((minus - plus) / (2 * curve), -0.5, 0.5)
        for b in range(a):
            mixed = value(*(steps[a] + steps[b])) + value(*-(steps[a] + steps[b]))
            mixed -= value(*(steps[a] - steps[b])) + value(*(steps[b] - steps[a]))
            hessian[:, a, b] = hessian[:, b, a] = np.sqrt(weights[a] * weights[b]) * mixed / 4
    values = np.linalg.eigvalsh(hessian)  # [N, 3], ascending: the most negative first
    flattest = np.maximum(-values[:, 2], 0.0)
    return flattest, flattest / np.maximum(-values[:, 0], 1e-6), shift * (0, 1, 1)


def _merged(found: Sequence[Candidate], spacing: Millimetres, merge_mm: float, most: int) -> list[Candidate]:
    """The strongest first, each keeping weaker ones away by `merge_mm` or the larger of the two radii."""
    places = np.array([(c.slice_index, c.row, c.col) for c in found]).reshape(-1, 3) * spacing
    radii = np.array([c.diameter_mm / 2 for c in found])
    free = np.ones(len(found), bool)
    kept: list[Candidate] = []
    for index in np.argsort([-c.strength for c in found], kind="stable"):
        if free[index] and len(kept) < most:
            kept.append(found[index])
            apart = np.maximum(np.maximum(radii, radii[index]), merge_mm)
            free &= ((places - places[index]) ** 2).sum(axis=1) >= apart**2
    return kept


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
    depth = cv2.distanceTransform(bright, cv2.DIST_L2, 5)[18:31, 18:31]
    eaten_mm = float(np.mean(volume.spacing_mm[1:]))  # by blur and noise, half a pixel a side
    measured = 2 * depth.max() * grid_mm + eaten_mm
    low, high = SCALE_ERROR
    return float(np.clip(measured, max(low * reach_mm, DIAMETERS_MM[0]), min(high * reach_mm, DIAMETERS_MM[1])))
