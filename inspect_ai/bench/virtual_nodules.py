"""Made nodules and made vessels in real lungs: shapes in millimetres, seen through the blur and the slices of a series.

A shape takes the place of lung, never of tissue, and the noise of the series stays as it is. In plane the blur is a
Gaussian measured at the skin; across slices a voxel is the mean of what lies in its slice, so that a small nodule in a
thick slice is as faint as it would be. On a slice a vessel that crosses it looks like a nodule; only the slices above
and below tell them apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from inspect_ai.bench.lung_scene import Place, Scene
from inspect_ai.domain import Floats
from inspect_ai.errors import InputError

Vector = tuple[float, float, float]  # along slices, rows, columns
Window = tuple[float, float, float, float]  # first row, last row, first column, last column, millimetres
Style = Literal["solid", "hazy", "spiculated", "lobulated"]

DIAMETERS_MM = (3.0, 20.0)
DENSITIES_HU = (-100.0, 80.0)
STYLES: tuple[Style, ...] = ("solid", "hazy", "spiculated", "lobulated")
LONGEST = 1.4  # longest axis of a nodule over its shortest
HAZE = 0.5  # share of the radius over which a ground-glass edge fades
LOBES = 0.12  # of the radius, one wave's height on a lobulated border
SPIKE_DENSITY = 0.8
SLOPES = (0.15, 0.8)  # of a made vessel: millimetres in plane for each along z; steeper ones show as streaks
LEAST_COURSE_MM = 30.0  # a vessel that is shorter could pass for a long nodule
REACH_MM = 60.0  # how far a made vessel may run to each side
FINE = 3  # grid points a pixel side on which shapes are drawn
FINE_MM = 0.6  # distance of the layers of a slice in which they are drawn
TRIES = 20_000
DIRECTIONS = np.array(
    [(z, r, c) for z in (-1, 0, 1) for r in (-1, 0, 1) for c in (-1, 0, 1) if (z, r, c) != (0, 0, 0)], np.float64
)
AROUND = DIRECTIONS / np.linalg.norm(DIRECTIONS, axis=1, keepdims=True)  # [26, 3], unit vectors


class Shape(Protocol):
    """Something to put into a lung, in millimetres from its centre along slices, rows and columns."""

    diameter_mm: float
    density_hu: float

    def inside(self, z: Floats, r: Floats, c: Floats) -> Floats:
        """Share of the shape, 0..1, at places that broadcast."""

    def window(self, low: float, high: float) -> Window | None:
        """What it may fill in a slice between two heights; None for nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nodule:
    """A ball, stretched, lobulated or spiked; of the volume of a ball of `diameter_mm` (spikes and haze left aside)."""

    diameter_mm: float
    density_hu: float
    style: Style = "solid"
    axes: tuple[Vector, Vector, Vector] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))  # rows: place -> ball
    lobes: tuple[tuple[float, Vector, float], ...] = ()  # height, wave vector, phase
    swell: float = 1.0  # keeps the volume whatever the lobes do
    spikes: tuple[tuple[Vector, float, float], ...] = ()  # direction, length and half width in millimetres

    def inside(self, z: Floats, r: Floats, c: Floats) -> Floats:
        """Share of the nodule at each place."""
        a, b, d = (z * row[0] + r * row[1] + c * row[2] for row in self.axes)
        away = np.sqrt(a * a + b * b + d * d)
        border = np.full_like(away, self.diameter_mm / 2 * self.swell)
        for height, wave, phase in self.lobes:
            along = (a * wave[0] + b * wave[1] + d * wave[2]) / np.maximum(away, np.float32(1e-3))
            border *= 1 + np.float32(height) * np.cos(along + np.float32(phase))
        if self.style == "hazy":
            return np.clip((1 - away / border) / np.float32(HAZE), 0, 1)
        share = (away <= border).astype(np.float32)
        for direction, length, half_width in self.spikes:
            along = z * direction[0] + r * direction[1] + c * direction[2]
            aside = np.sqrt(np.maximum(z * z + r * r + c * c - along * along, 0))
            thin = half_width * np.clip(1.2 - along / length, 0, 1)
            share = np.maximum(share, SPIKE_DENSITY * ((along > 0) & (along < length) & (aside <= thin)))
        return share.astype(np.float32)

    def window(self, low: float, high: float) -> Window | None:
        """A square around it, in the slices that it or its spikes reach."""
        reach = max([self.diameter_mm / 2 * LONGEST * 1.25, *(length for _, length, _ in self.spikes)])
        return None if low > reach or high < -reach else (-reach, reach, -reach, reach)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vessel:
    """A slightly bent, slightly tapering tube that passes through slices between two heights."""

    diameter_mm: float
    density_hu: float
    slope: tuple[float, float]  # millimetres along rows and columns for each along z, at the centre
    bend: tuple[float, float]  # and how much that grows a millimetre
    taper: float  # relative change of the radius a millimetre
    course: tuple[float, float]  # first and last height

    def axis(self, z: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Row and column of the axis at each height."""
        r, c = (s * z + b * z * z / 2 for s, b in zip(self.slope, self.bend, strict=True))
        return r, c

    def radius(self, z: NDArray[np.floating]) -> NDArray[np.floating]:
        """At each height."""
        return np.asarray(self.diameter_mm / 2 * np.clip(1 + self.taper * z, 0.6, 1.4))

    def inside(self, z: Floats, r: Floats, c: Floats) -> Floats:
        """1 within the radius of the axis, which is taken as straight near each height."""
        at_r, at_c = self.axis(z)
        aside_r, aside_c = r - at_r, c - at_c
        lean_r, lean_c = (s + b * z for s, b in zip(self.slope, self.bend, strict=True))
        along = (aside_r * lean_r + aside_c * lean_c) ** 2 / (1 + lean_r**2 + lean_c**2)
        near = aside_r**2 + aside_c**2 - along <= self.radius(z) ** 2
        return np.asarray(near & (z >= self.course[0]) & (z <= self.course[1]), np.float32)

    def window(self, low: float, high: float) -> Window | None:
        """Around the axis between two heights."""
        low, high = max(low, self.course[0]), min(high, self.course[1])
        if low >= high:
            return None
        z = np.linspace(low, high, 5)
        r, c = self.axis(z)
        lean = math.sqrt(1 + sum((abs(s) + abs(b) * REACH_MM) ** 2 for s, b in zip(self.slope, self.bend, strict=True)))
        reach = float(self.radius(z).max()) * lean
        return float(r.min()) - reach, float(r.max()) + reach, float(c.min()) - reach, float(c.max()) + reach

    def length_mm(self) -> float:
        """Of its whole course."""
        z = np.linspace(*self.course, 200)
        r, c = self.axis(z)
        return float(np.sqrt(np.diff(z) ** 2 + np.diff(r) ** 2 + np.diff(c) ** 2).sum())


def added(
    scene: Scene, things: Sequence[tuple[Shape, Place]], first: int = 0, last: int | None = None
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


def seen_in_slice(scene: Scene, shape: Shape, place: Place, z: int) -> tuple[Floats, slice, slice] | None:
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
    for depth in depths:
        fine += shape.inside(np.float32(depth)[None, None], r[:, None], c[None, :])
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


def draw_nodule(random: np.random.Generator) -> Nodule:
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
    return Nodule(
        diameter_mm=diameter,
        density_hu=float(random.uniform(*DENSITIES_HU)),
        style=style,
        axes=(_vector(turned[0]), _vector(turned[1]), _vector(turned[2])),
        lobes=lobes,
        swell=_swell(lobes),
        spikes=spikes,
    )


def draw_vessel(random: np.random.Generator, scene: Scene, place: Place) -> Vessel | None:
    """A tube of a nodule's diameters and densities through the place, as far as lung goes; None if that is short."""
    slope = random.uniform(*SLOPES)
    angle = random.uniform(0, 2 * math.pi)
    lean = (float(slope * math.cos(angle)), float(slope * math.sin(angle)))
    bend = (float(random.normal(0, 0.006)), float(random.normal(0, 0.006)))
    whole = Vessel(
        diameter_mm=_diameter(random),
        density_hu=float(random.uniform(*DENSITIES_HU)),
        slope=lean,
        bend=bend,
        taper=float(random.normal(0, 0.004)),
        course=(-REACH_MM, REACH_MM),
    )
    z = np.arange(-REACH_MM, REACH_MM + 0.5)
    r, c = whole.axis(z)
    free = scene.has_room(np.stack([z, r, c], axis=1) / scene.volume.spacing_mm + place)
    if not free[len(z) // 2]:
        return None
    blocked = np.flatnonzero(~free)
    below, above = blocked[blocked < len(z) // 2], blocked[blocked > len(z) // 2]
    low = float(z[below[-1]]) if below.size else -REACH_MM
    high = float(z[above[0]]) if above.size else REACH_MM
    vessel = Vessel(
        diameter_mm=whole.diameter_mm,
        density_hu=whole.density_hu,
        slope=lean,
        bend=bend,
        taper=whole.taper,
        course=(low, high),
    )
    return vessel if vessel.length_mm() >= LEAST_COURSE_MM else None


def nodule_in(random: np.random.Generator, scene: Scene, columns: tuple[int, int]) -> tuple[Nodule, Place]:
    """A nodule whose ball has room in the lung between two columns. Raises InputError if none is found."""
    for _ in range(TRIES):
        nodule, place = draw_nodule(random), scene.random_place(random, columns)
        around = place + AROUND * (nodule.diameter_mm / 2) / scene.volume.spacing_mm
        if scene.is_parenchyma(place) and scene.has_room(around).all():
            return nodule, place
    raise InputError(_no_room(scene))


def vessel_in(random: np.random.Generator, scene: Scene, columns: tuple[int, int]) -> tuple[Vessel, Place]:
    """A made vessel through a place of the lung between two columns. Raises InputError if none is found."""
    for _ in range(TRIES):
        place = scene.random_place(random, columns)
        vessel = draw_vessel(random, scene, place) if scene.is_parenchyma(place) else None
        if vessel is not None:
            return vessel, place
    raise InputError(_no_room(scene))


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
