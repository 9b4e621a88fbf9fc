"""Shapes of made nodules and made vessels, in millimetres from their centre along slices, rows and columns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from inspect_ai.domain import Floats

Vector = tuple[float, float, float]  # along slices, rows, columns
Window = tuple[float, float, float, float]  # first row, last row, first column, last column, millimetres
Style = Literal["solid", "hazy", "spiculated", "lobulated"]

LONGEST = 1.4  # longest axis of a nodule over its shortest
HAZE = 0.5  # share of the radius over which a ground-glass edge fades
SPIKE_DENSITY = 0.8
REACH_MM = 60.0  # how far a made vessel may run to each side


class MadeShape(Protocol):
    """Something to put into a lung, in millimetres from its centre along slices, rows and columns."""

    @property
    def diameter_mm(self) -> float:
        """Diameter of a ball of its volume, or of a tube."""

    @property
    def density_hu(self) -> float:
        """Density of its material."""

    def inside(self, z: Floats, r: Floats, c: Floats) -> Floats:
        """Share of the shape, 0..1, at places that broadcast."""

    def window(self, low: float, high: float) -> Window | None:
        """Window that it may fill in a slice between two heights; None for nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeNodule:
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
            return np.asarray(np.clip((1 - away / border) / HAZE, 0, 1), np.float32)
        share = (away <= border).astype(np.float32)
        for direction, length, half_width in self.spikes:
            along = z * direction[0] + r * direction[1] + c * direction[2]
            aside = np.sqrt(np.maximum(z * z + r * r + c * c - along * along, 0))
            thin = half_width * np.clip(1.2 - along / length, 0, 1)
            share = np.maximum(share, SPIKE_DENSITY * ((along > 0) & (along < length) & (aside <= thin)))
        return np.asarray(share, np.float32)

    def window(self, low: float, high: float) -> Window | None:
        """A square around it, in the slices that it or its spikes reach."""
        reach = max([self.diameter_mm / 2 * LONGEST * 1.25, *(length for _, length, _ in self.spikes)])
        return None if low > reach or high < -reach else (-reach, reach, -reach, reach)


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeVessel:
    """A slightly bent, slightly tapering tube that passes through slices between two heights."""

    diameter_mm: float
    density_hu: float
    slope: tuple[float, float]  # millimetres along rows and columns for each along z, at the centre
    bend: tuple[float, float]  # and how much that grows a millimetre
    taper: float  # relative change of the radius a millimetre
    course: tuple[float, float]  # first and last height
    hazy: bool = False

    def axis(self, z: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Row and column of the axis at each height."""
        r, c = (s * z + b * z * z / 2 for s, b in zip(self.slope, self.bend, strict=True))
        return r, c

    def radius(self, z: NDArray[np.floating]) -> NDArray[np.floating]:
        """Radius at each height."""
        return np.asarray(self.diameter_mm / 2 * np.clip(1 + self.taper * z, 0.6, 1.4))

    def inside(self, z: Floats, r: Floats, c: Floats) -> Floats:
        """Share of the tube at each place; near each height its axis is taken as straight."""
        at_r, at_c = self.axis(z)
        aside_r, aside_c = r - at_r, c - at_c
        lean_r, lean_c = (s + b * z for s, b in zip(self.slope, self.bend, strict=True))
        along = (aside_r * lean_r + aside_c * lean_c) ** 2 / (1 + lean_r**2 + lean_c**2)
        away = np.sqrt(np.maximum(aside_r**2 + aside_c**2 - along, 0)) / self.radius(z)
        share = np.clip((1 - away) / HAZE, 0, 1) if self.hazy else away <= 1
        return np.asarray(share * ((z >= self.course[0]) & (z <= self.course[1])), np.float32)

    def window(self, low: float, high: float) -> Window | None:
        """Window around the axis between two heights."""
        low, high = max(low, self.course[0]), min(high, self.course[1])
        if low >= high:
            return None
        z = np.linspace(low, high, 5)
        r, c = self.axis(z)
        lean = math.sqrt(1 + sum((abs(s) + abs(b) * REACH_MM) ** 2 for s, b in zip(self.slope, self.bend, strict=True)))
        reach = float(self.radius(z).max()) * lean
        return float(r.min()) - reach, float(r.max()) + reach, float(c.min()) - reach, float(c.max()) + reach

    def length_mm(self) -> float:
        """Length of its whole course."""
        z = np.linspace(*self.course, 200)
        r, c = self.axis(z)
        return float(np.sqrt(np.diff(z) ** 2 + np.diff(r) ** 2 + np.diff(c) ** 2).sum())
