"""Solid nodules, nearly round or spiculated, each where such nodules are found: on a vessel, at the wall, deep."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inspect_ai.phantom.chest_frame import PIXEL_MM, SIDE, SLICE_MM, SLICES, to_mm, to_voxel
from inspect_ai.phantom.lung_tree import Branches
from inspect_ai.phantom.noise import Field

NODULE_HU = 42.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Nodule:
    """Centre in patient millimetres (x, y, z), diameter, and number of spicules."""

    centre: tuple[float, float, float]
    diameter_mm: float
    spicules: int
    place: str

    @property
    def diameter_px(self) -> float:
        """Diameter in pixels of a slice."""
        return self.diameter_mm / PIXEL_MM


def choose_nodules(
    rng: np.random.Generator, depth: NDArray[np.float16], wall: NDArray[np.float16], vessels: Branches
) -> tuple[Nodule, ...]:
    """Choose 3 nodules. depth, wall: distances to lung border and rib pleura, [D, H, W], negative inside."""
    beside = _on_vessel(rng, depth, vessels, 9.0)
    at_wall = _at_depth(rng, (wall < -4.5) & (wall > -5.5) & (np.abs(depth - wall) < 0.5), 118, 158, 1)
    deep = _at_depth(rng, (depth < -18) & (wall < -20) & (wall > -34), 130, 160, -1)
    return (
        Nodule(centre=beside, diameter_mm=9.0, spicules=0, place="on a vessel, right lung"),
        Nodule(centre=at_wall, diameter_mm=12.0, spicules=2, place="at the wall, left upper lung"),
        Nodule(centre=deep, diameter_mm=18.0, spicules=14, place="deep in the right upper lung, spiculated"),
    )


def _on_vessel(
    rng: np.random.Generator, depth: NDArray[np.float16], vessels: Branches, diameter: float
) -> tuple[float, float, float]:
    """Place beside a vessel of about 1.3 mm radius in the right mid lung, touching it."""
    voxels = np.rint(to_voxel(vessels.end)).astype(int)
    inside = ((voxels >= 0) & (voxels < (SLICES, SIDE, SIDE))).all(1)
    z, r, c = np.clip(voxels, 0, (SLICES - 1, SIDE - 1, SIDE - 1)).T
    fits = (
        inside
        & (depth[z, r, c] < -16)
        & (vessels.end[:, 0] < -45)
        & (vessels.end[:, 2] > 70)
        & (vessels.end[:, 2] < 120)
    )
    fits &= (vessels.radius > 1.1) & (vessels.radius < 1.6)
    chosen = rng.choice(np.flatnonzero(fits))
    aside = np.cross(vessels.end[chosen] - vessels.start[chosen], rng.normal(0, 1, 3))
    aside /= np.linalg.norm(aside)
    x, y, z_ = vessels.end[chosen] + aside * (diameter / 2 + vessels.radius[chosen] * 0.3)
    return float(x), float(y), float(z_)


def _at_depth(
    rng: np.random.Generator, mask: NDArray[np.bool_], low: float, high: float, side: int
) -> tuple[float, float, float]:
    """A random voxel of the mask between two heights, on one side (+1 is the patient's left)."""
    low_slice, high_slice = int(low / SLICE_MM), int(high / SLICE_MM)
    found = np.argwhere(mask[low_slice:high_slice]) + np.array([low_slice, 0, 0])
    places = to_mm(found.astype(np.float64))
    places = places[places[:, 0] * side > 20]
    x, y, z = rng.choice(places)
    return float(x), float(y), float(z)


def lay_nodule(rng: np.random.Generator, hu: Field, nodule: Nodule) -> None:
    """Put one nodule into hu [D, H, W]: an uneven ball with partial volume at its edge, spicules fading outward."""
    radius = nodule.diameter_mm / 2
    reach = radius * 2.4 + 3
    centre = np.array(nodule.centre)
    corners = to_voxel(np.stack([centre - reach, centre + reach]))
    (z0, y0, x0) = np.maximum(np.floor(corners[0]).astype(int), 0).tolist()
    (z1, y1, x1) = np.minimum(np.ceil(corners[1]).astype(int) + 1, (SLICES, SIDE, SIDE)).tolist()
    first = to_mm(np.array([[z0, y0, x0]], np.float64))[0]
    heights = (np.arange(5) - 2) * SLICE_MM / 5
    dx = (first[0] + np.arange(x1 - x0) * PIXEL_MM - centre[0])[None, None, None]
    dy = (first[1] + np.arange(y1 - y0) * PIXEL_MM - centre[1])[None, None, :, None]
    dz = ((first[2] + np.arange(z1 - z0) * SLICE_MM - centre[2])[:, None] + heights)[:, :, None, None]
    away = np.sqrt(dx**2 + dy**2 + dz**2)
    unit = [d / np.maximum(away, 0.3) for d in (dx, dy, dz)]
    border = np.full(away.shape, radius)
    for _ in range(5):
        k = rng.normal(0, 2.2, 3)
        border += 0.055 * radius * np.cos(unit[0] * k[0] + unit[1] * k[1] + unit[2] * k[2] + rng.uniform(0, 6.3))
    share = np.clip(0.5 - (away - border) / (1.3 * PIXEL_MM), 0, 1)
    for _ in range(nodule.spicules):
        s = rng.normal(0, 1, 3) * (1, 1, 0.5)
        s /= np.linalg.norm(s)
        along = dx * s[0] + dy * s[1] + dz * s[2]
        off = np.sqrt(np.maximum(away**2 - along**2, 0))
        long = radius * rng.uniform(1.4, 2.2)
        thick = np.clip(1.3 * (1 - along / long) + 0.25, 0.05, None)
        spike = np.clip(0.5 - (off - thick) / PIXEL_MM, 0, 1) * (along > 0) * np.clip((long - along) / 2, 0, 1)
        share = np.maximum(share, 0.85 * spike)
    part = hu[z0:z1, y0:y1, x0:x1]
    mean = share.mean(1).astype(np.float32)
    part += mean * np.maximum(np.float32(NODULE_HU) - part, 0)
