"""Bright blobs in the lungs: maxima of the scale-normalised Laplacian at three octaves of scale, and their features.

Scale space after T. Lindeberg, IJCV 30 (1998) 79. Nothing is decided here: a blob on a vessel, on the pleura or of
ground glass is a blob like any other, and ranking.py says from its features how much it is like a nodule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.domain import Floats, Millimetres, Volume

from .grid import Mask, bounding_box, on_grid, shrink
from .lungs import Lungs

OCTAVES = ((1.0, 8.0), (2.0, 14.0), (4.0, 20.0))  # grid in mm, reach of the closing over the pleura in mm
FINEST_SIGMAS_PX = (1.0, 1.26, 1.59, 2.0)  # in the first octave: down to nodules of 3 mm
SIGMAS_PX = (1.26, 1.59, 2.0)  # in the others
BRIGHTEST_HU = 0.0  # what is brighter (tissue, bone, contrast medium) is no more nodule-like for it
FAINTEST_HU = 40.0  # Laplacian response: below it is noise; of real nodules one in 300 is fainter
THICK_SLICE = 0.3  # weight across slices thicker than a blob: makes a blob in one slice look as round as it is
AROUND = 3.2  # sigma in octave grid cells of what counts as a blob's surroundings
RINGS = (1.0, 1.6, 2.4)  # radii of the rings around a blob, in its own radius
DIRECTIONS = np.arange(16) * np.pi / 8
RANKS = (0, 2, 5, 8, 13)  # of the 16 drops of a ring, the smallest first
ACROSS = (1.0, 1.8)  # distances above and below, in radii
BESIDE = 1.2  # the same, where the brightest of what lies a radius aside counts: an oblique vessel goes on there
RADIUS = float(np.sqrt(3.0))  # of a ball, in sigmas at which its Laplacian is largest
LEAST_CONTRAST_HU, OWN_CONTRAST_HU = 20.0, 50.0  # drops are shares of the peak above lung, and of no less than this

At = tuple[NDArray[np.intp], ...]
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Blobs:
    """places_mm [N, 3]: from the volume's first corner along slices, rows and columns; sigma_mm [N]; features [N, F].

    The features are those of FEATURES, in that order, without a unit: curvatures and drops are shares of the contrast.
    """

    places_mm: Values = field(compare=False, repr=False)
    sigma_mm: Values = field(compare=False, repr=False)
    features: Floats = field(compare=False, repr=False)

    @property
    def radius_mm(self) -> Values:
        """[N] of the ball that each answers to."""
        return RADIUS * self.sigma_mm


FEATURES = (
    "log2 of sigma in mm", "peak (1000 HU)", "Laplacian", "least curvature", "middle curvature", "most curvature",
    "less curvature in the slice", "more curvature in the slice", "least of most", "less of more in the slice",
    *(f"drop {rank} at {ring} radii" for ring in RINGS for rank in (*RANKS, "of the brightest pair")),
    *(f"{which} drop across slices at {reach} radii" for reach in ACROSS for which in ("less", "more")),
    "less drop across and aside", "more drop across and aside", "lung around",
)  # fmt: skip


def find_blobs(volume: Volume, lungs: Lungs) -> Blobs:
    """All blobs with their centres in the closed lungs, at ten scales from sigma 1 mm to 8 mm."""
    hu, spacing = volume.hu, volume.spacing_mm
    parts: list[tuple[Values, Values, Floats]] = []
    for octave_mm, reach_mm in OCTAVES:
        hu, spacing = shrink(hu, spacing, octave_mm)
        inside = on_grid(lungs.closed(reach_mm), hu.shape)
        if inside.any():
            sigmas = FINEST_SIGMAS_PX if octave_mm == OCTAVES[0][0] else SIGMAS_PX
            parts += _of_octave(hu, inside, spacing, [sigma * octave_mm for sigma in sigmas], octave_mm, lungs)
    if not parts:
        return Blobs(
            places_mm=np.empty((0, 3)), sigma_mm=np.empty(0), features=np.empty((0, len(FEATURES)), np.float32)
        )
    places, sigma, features = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Blobs(places_mm=places, sigma_mm=sigma, features=features)


def _of_octave(
    hu: NDArray[np.int16],
    inside: Mask,
    spacing: Millimetres,
    sigmas_mm: Sequence[float],
    octave_mm: float,
    lungs: Lungs,
) -> list[tuple[Values, Values, Floats]]:
    """Places, sigma and features of the blobs of one octave, a part a scale."""
    box = bounding_box(inside)
    corner = np.array([s.start for s in box])
    inside = inside[box]
    clipped = np.full(inside.shape, lungs.air_hu, np.float32)
    np.minimum(hu[box], np.float32(BRIGHTEST_HU), out=clipped, where=inside > 0)
    lung_around = smoothed(lungs.mask.astype(np.float32), AROUND * octave_mm, lungs.spacing_mm)
    last_cell = np.array(lungs.mask.shape) - 1
    parts = []
    for sigma_mm in sigmas_mm:
        smooth = smoothed(clipped, sigma_mm, spacing)
        weights = tuple(max((sigma_mm / mm) ** 2, THICK_SLICE) for mm in spacing)
        response = _laplacian(smooth, weights)
        at = _maxima(response, inside)
        shapes, shift = _features(smooth, response, at, weights, sigma_mm, spacing, lungs.air_hu)
        places = (np.stack(at, axis=1) + shift + corner + 0.5) * spacing  # [N, 3]
        cells = np.clip((places / lungs.spacing_mm).astype(int), 0, last_cell)
        features = np.column_stack([shapes, lung_around[tuple(cells.T)]]).astype(np.float32)
        parts.append((places, np.full(len(places), sigma_mm), features))
    return parts


def smoothed(hu: Floats, sigma_mm: float, spacing: Millimetres) -> Floats:
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


def _maxima(response: Floats, inside: Mask) -> At:
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


def _features(
    smooth: Floats,
    response: Floats,
    at: At,
    weights: Sequence[float],
    sigma_mm: float,
    spacing: Millimetres,
    air_hu: float,
) -> tuple[Values, Values]:
    """Features [N, F - 1] without the last, and shift [N, 3] from the voxel to the peak, in the slice alone."""
    last = np.array(smooth.shape) - 1

    def value(dz: int, dr: int, dc: int) -> Values:
        place = (np.clip(i + by, 0, end) for i, by, end in zip(at, (dz, dr, dc), last, strict=True))
        return smooth[tuple(place)].astype(np.float64)

    peak = value(0, 0, 0)
    contrast = np.maximum(peak - air_hu + OWN_CONTRAST_HU, LEAST_CONTRAST_HU)
    hessian, shift = _hessian(value, peak, weights)
    curved = -np.linalg.eigvalsh(hessian)[:, ::-1]  # [N, 3], the least curvature of a bright peak first
    in_slice = -np.linalg.eigvalsh(hessian[:, 1:, 1:])[:, ::-1]  # [N, 2]
    columns = [
        np.full(len(peak), np.log2(sigma_mm)),
        peak / 1000,
        response[at] / contrast,
        *(curved / contrast[:, None]).T,
        *(in_slice / contrast[:, None]).T,
        curved[:, 0] / np.maximum(curved[:, 2], 1.0),
        in_slice[:, 0] / np.maximum(in_slice[:, 1], 1.0),
        *_drops(value, peak, contrast, RADIUS * sigma_mm, spacing),
    ]
    return np.stack(columns, axis=1), shift


def _hessian(value: Callable[[int, int, int], Values], peak: Values, weights: Sequence[float]) -> tuple[Values, Values]:
    """Weighted second differences [N, 3, 3], and the peak's shift [N, 3] from its voxel: none across slices."""
    hessian, shift = np.empty((len(peak), 3, 3)), np.zeros((len(peak), 3))
    steps = np.eye(3, dtype=int)
    for a in range(3):
        plus, minus = value(*steps[a]), value(*-steps[a])
        hessian[:, a, a] = weights[a] * (plus + minus - 2 * peak)
        if a > 0:
            curve = np.minimum(plus + minus - 2 * peak, -1e-6)
            shift[:, a] = np.clip((minus - plus) / (2 * curve), -0.5, 0.5)
        for b in range(a):
            mixed = value(*(steps[a] + steps[b])) + value(*-(steps[a] + steps[b]))
            mixed -= value(*(steps[a] - steps[b])) + value(*(steps[b] - steps[a]))
            hessian[:, a, b] = hessian[:, b, a] = np.sqrt(weights[a] * weights[b]) * mixed / 4
    return hessian, shift


def _drops(
    value: Callable[[int, int, int], Values], peak: Values, contrast: Values, radius_mm: float, spacing: Millimetres
) -> list[Values]:
    """How far the surroundings lie below the peak: on rings in the slice, and in the slices above and below."""
    columns: list[Values] = []
    for ring in RINGS:
        down = np.rint(ring * radius_mm * np.sin(DIRECTIONS) / spacing[1]).astype(int)
        right = np.rint(ring * radius_mm * np.cos(DIRECTIONS) / spacing[2]).astype(int)
        around = np.stack([value(0, r, c) for r, c in zip(down, right, strict=True)], axis=1)
        drops = (peak[:, None] - around) / contrast[:, None]  # [N, 16]
        pair = np.maximum(drops[:, :8], drops[:, 8:]).min(axis=1)  # both ends of a vessel that runs through are bright
        columns += [*np.sort(drops, axis=1)[:, RANKS].T, pair]
    for reach in ACROSS:
        step = max(1, round(reach * radius_mm / spacing[0]))
        columns += _in_order((peak - value(step, 0, 0)) / contrast, (peak - value(-step, 0, 0)) / contrast)
    step, aside = max(1, round(BESIDE * radius_mm / spacing[0])), max(1, round(radius_mm / spacing[1]))
    grid = [(r * aside, c * aside) for r in (-1, 0, 1) for c in (-1, 0, 1)]
    brightest = [np.max([value(side * step, r, c) for r, c in grid], axis=0) for side in (-1, 1)]
    return columns + _in_order(*((peak - one) / contrast for one in brightest))


def _in_order(a: Values, b: Values) -> list[Values]:
    return [np.minimum(a, b), np.maximum(a, b)]
