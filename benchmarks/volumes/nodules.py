"""Made nodules and made vessels in real lungs: shapes in millimetres, seen through the blur and the slices of a series.

A shape takes the place of lung, never of tissue, and the noise of the series stays as it is. In plane the blur is a
Gaussian measured at the skin; across slices a voxel is the mean of what lies in its slice, so that a small nodule in a
thick slice is as faint as it would be. On a slice a vessel that crosses it looks like a nodule; only the slices above
and below tell them apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.volumes.scene import BOX_MARGIN_MM, Place, Scene, near_box
from benchmarks.volumes.shapes import LONGEST, REACH_MM, MadeNodule, MadeShape, MadeVessel, Style, Vector
from inspect_ai.domain import Floats
from inspect_ai.errors import InputError

DIAMETERS_MM = (3.0, 20.0)
DENSITIES_HU = (-100.0, 80.0)
STYLES: tuple[Style, ...] = ("solid", "hazy", "spiculated", "lobulated")
LOBES = 0.12  # of the radius, one wave's height on a lobulated border
SLOPES = (0.1, 0.8)  # of a made vessel: millimetres in plane for each along z
STREAK = 0.5  # of its diameter: so far a slice may draw it out; steeper ones would give themselves away on one slice
BEND, TAPER = 0.006, 0.004  # standard deviations of a vessel's, a millimetre
LEAST_COURSE_MM = 30.0  # a vessel that is shorter could pass for a long nodule
FINE = 3  # grid points a pixel side on which shapes are drawn
FINE_MM = 0.35  # distance of the layers of a slice in which they are drawn
TRIES = 20_000
DIRECTIONS = np.array(
    [(z, r, c) for z in (-1, 0, 1) for r in (-1, 0, 1) for c in (-1, 0, 1) if (z, r, c) != (0, 0, 0)], np.float64
)
AROUND = DIRECTIONS / np.linalg.norm(DIRECTIONS, axis=1, keepdims=True)  # [26, 3], unit vectors


def added(
    scene: Scene, things: Sequence[tuple[MadeShape, Place]], first: int = 0, last: int | None = None
) -> NDArray[np.int16]:
    """Slices first..last (not with it) of the series with the shapes in them, each centred at a place in voxels."""
    hu = scene.volume.hu[first:last].copy()
    for shape, place in things:
        for z in range(first, first + len(hu)):
            found = seen_in_slice(scene, shape, place, z)
            if found is not None:
                share, rows, columns = found
                level, excess = (
                    part[z, rows, columns].astype(np.float32) for part in (scene.level_hu, scene.excess_hu)
                )
                change = np.maximum(share * (shape.density_hu - level) - excess, 0)
                hu[z - first, rows, columns] += np.rint(change).astype(np.int16)
    return hu


def seen_in_slice(scene: Scene, shape: MadeShape, place: Place, z: int) -> tuple[Floats, slice, slice] | None:
    """Share of the shape [h, w] in the pixels of a slice, after the blur, and which rows and columns these are."""
    import cv2

    thick, row_mm, col_mm = scene.volume.spacing_mm
    low = (z - 0.5 - place[0]) * thick
    window = shape.window(low, low + thick)
    if window is None:
        return None
    margin = 4 * scene.blur_mm
    rows = _pixels(place[1], window[:2], row_mm, margin, scene.volume.hu.shape[1])
    columns = _pixels(place[2], window[2:], col_mm, margin, scene.volume.hu.shape[2])
    if rows.stop <= rows.start or columns.stop <= columns.start:
        return None
    layers = math.ceil(thick / FINE_MM)
    depths = low + (np.arange(layers, dtype=np.float32) + 0.5) / layers * thick
    r, c = (
        ((np.arange((s.stop - s.start) * FINE, dtype=np.float32) + 0.5) / FINE - 0.5 + s.start - at) * mm
        for s, at, mm in ((rows, place[1], row_mm), (columns, place[2], col_mm))
    )
    fine = np.zeros((len(r), len(c)), np.float32)
    for depth in depths[:, None, None]:
        fine += shape.inside(depth, r[:, None], c[None, :])
    pixel_blur = (row_mm**2 + col_mm**2) / 24  # variance of averaging over a pixel, which the measured blur contains
    sigma_mm = math.sqrt(max(scene.blur_mm**2 - pixel_blur, (0.1 * row_mm) ** 2))
    blurred = cv2.GaussianBlur(
        fine / layers, (0, 0), sigmaX=sigma_mm / col_mm * FINE, sigmaY=sigma_mm / row_mm * FINE
    )  # [h * FINE, w * FINE]
    share = blurred.reshape(rows.stop - rows.start, FINE, columns.stop - columns.start, FINE).mean(axis=(1, 3))
    return share.astype(np.float32), rows, columns


def _pixels(at: float, window: tuple[float, float], mm: float, margin: float, count: int) -> slice:
    return slice(
        max(0, math.floor(at + (window[0] - margin) / mm)), min(count, math.ceil(at + (window[1] + margin) / mm) + 1)
    )


def draw_nodule(random: np.random.Generator) -> MadeNodule:
    """Diameter log-uniform, density uniform, style and form at random."""
    diameter = _diameter(random)
    style = STYLES[int(random.integers(len(STYLES)))]
    stretch = np.exp(random.uniform(-0.5, 0.5, 3) * math.log(LONGEST))
    stretch /= np.prod(stretch) ** (1 / 3)
    turned = np.linalg.qr(random.normal(size=(3, 3)))[0] / stretch[:, None]  # [3, 3]; no change of volume
    lobes = tuple(
        (LOBES, _vector(random.normal(0, 2.5, 3)), float(random.uniform(0, 2 * math.pi)))
        for _ in range(3 if style == "lobulated" else 0)
    )
    spikes = tuple(
        (
            _vector(_direction(random)),
            float(diameter / 2 * random.uniform(1.4, 2.0)),
            float(min(random.uniform(0.4, 0.8), diameter / 6)),
        )
        for _ in range(int(random.integers(5, 12)) if style == "spiculated" else 0)
    )
    return MadeNodule(
        diameter_mm=diameter,
        density_hu=float(random.uniform(*DENSITIES_HU)),
        style=style,
        axes=(_vector(turned[0]), _vector(turned[1]), _vector(turned[2])),
        lobes=lobes,
        swell=_swell(lobes),
        spikes=spikes,
    )


def draw_vessel(random: np.random.Generator, scene: Scene, place: Place) -> MadeVessel | None:
    """A tube of a nodule's diameters and densities through the place, as far as lung goes; None if that is short."""
    diameter = _diameter(random)
    steepest = np.clip(STREAK * diameter / scene.volume.spacing_mm[0], 2 * SLOPES[0], SLOPES[1])
    slope, angle = random.uniform(SLOPES[0], steepest), random.uniform(0, 2 * math.pi)
    whole = MadeVessel(
        diameter_mm=diameter,
        density_hu=float(random.uniform(*DENSITIES_HU)),
        slope=(float(slope * math.cos(angle)), float(slope * math.sin(angle))),
        bend=(float(random.normal(0, BEND)), float(random.normal(0, BEND))),
        taper=float(random.normal(0, TAPER)),
        course=(-REACH_MM, REACH_MM),
    )
    vessel = replace(whole, course=_course(whole, scene, place))
    return vessel if vessel.length_mm() >= LEAST_COURSE_MM else None


def _course(vessel: MadeVessel, scene: Scene, place: Place) -> tuple[float, float]:
    """The heights between which its axis stays in the lung, and the whole of it off the annotated boxes."""
    z = np.arange(-REACH_MM, REACH_MM + 0.5)
    axis = np.stack([z, *vessel.axis(z)], axis=1) / scene.volume.spacing_mm + place  # [heights, 3]
    clear_mm = BOX_MARGIN_MM + float(vessel.radius(z).max()) * math.hypot(1, SLOPES[1])
    blocked = z[~scene.is_usable(axis) | near_box(scene, axis, clear_mm)]
    return float(max(blocked[blocked <= 0], default=-REACH_MM)), float(min(blocked[blocked >= 0], default=REACH_MM))


def nodule_in(random: np.random.Generator, scene: Scene, columns: tuple[int, int]) -> tuple[MadeNodule, Place]:
    """A nodule whose ball fits into the lung between two columns. Raises InputError if none is found."""
    for _ in range(TRIES):
        nodule, place = draw_nodule(random), scene.random_place(random, columns)
        around = place + AROUND * (nodule.diameter_mm / 2) / scene.volume.spacing_mm
        if scene.is_parenchyma(place) and scene.is_usable(around).all():
            return nodule, place
    raise InputError(_no_room(scene))


def vessel_in(random: np.random.Generator, scene: Scene, columns: tuple[int, int]) -> tuple[MadeVessel, Place]:
    """A made vessel through a place of the lung between two columns. Raises InputError if none is found."""
    for _ in range(TRIES):
        place = scene.random_place(random, columns)
        vessel = draw_vessel(random, scene, place) if scene.is_parenchyma(place) else None
        if vessel is not None:
            return vessel, place
    raise InputError(_no_room(scene))


def twin_in(random: np.random.Generator, scene: Scene, columns: tuple[int, int]) -> tuple[MadeVessel, Place]:
    """A made vessel that on its key slice is as wide, as bright and as soft at its edge as a nodule would be there."""
    vessel, place = vessel_in(random, scene, columns)
    nodule = replace(draw_nodule(random), diameter_mm=vessel.diameter_mm, spikes=())
    twin = replace(vessel, hazy=nodule.style == "hazy")
    (peak, area), (own_peak, own_area) = (_on_key_slice(scene, shape, place) for shape in (nodule, twin))
    level = float(scene.level_hu[tuple(np.rint(place).astype(int))])
    density = level + (nodule.density_hu - level) * min(1.0, peak / own_peak)
    return replace(twin, density_hu=density, diameter_mm=twin.diameter_mm * math.sqrt(area / own_area)), place


def _on_key_slice(scene: Scene, shape: MadeShape, place: Place) -> tuple[float, float]:
    """Largest share of a shape there, and how many pixels hold at least half of that."""
    seen = seen_in_slice(scene, shape, place, round(place[0]))
    if seen is None:
        return 1.0, 1.0
    return float(seen[0].max()), float((seen[0] >= seen[0].max() / 2).sum())


def _no_room(scene: Scene) -> str:
    return f"Series {scene.volume.series_uid} has no room for made nodules in one of its lungs. Give a whole chest."


def _diameter(random: np.random.Generator) -> float:
    low, high = np.log(DIAMETERS_MM)
    return float(np.exp(random.uniform(low, high)))


def _direction(random: np.random.Generator) -> NDArray[np.float64]:
    vector = random.normal(size=3)
    return np.asarray(vector / np.linalg.norm(vector))


def _vector(values: NDArray[np.float64]) -> Vector:
    z, r, c = (float(v) for v in values)
    return z, r, c


def _swell(lobes: Sequence[tuple[float, Vector, float]]) -> float:
    """Factor on the radius that gives a lobulated ball the volume of a round one, by a sum over the sphere."""
    index = np.arange(1000) + 0.5  # a Fibonacci lattice: equal areas
    height, turn = 1 - 2 * index / 1000, math.pi * (1 + math.sqrt(5)) * index
    ring = np.sqrt(1 - height**2)
    unit = np.stack([height, ring * np.cos(turn), ring * np.sin(turn)], axis=1)
    border = np.ones(len(unit))
    for wave_height, wave, phase in lobes:
        border *= 1 + wave_height * np.cos(unit @ np.array(wave) + phase)
    return float(np.mean(border**3) ** (-1 / 3))
