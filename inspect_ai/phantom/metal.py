"""Ground metal surfaces like magnetic tiles under a line of lamps: grinding streaks, uneven light, dark borders."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from inspect_ai.phantom.metal_defects import DEFECTS
from inspect_ai.phantom.noise import Field, draw, fractal, grid, profile, smooth, wander
from inspect_ai.phantom.spot import Spot

__all__ = ["Surface", "make_surface"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """A made picture, [H, W] uint8, and the place of its defect if it has one."""

    picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
    spot: Spot | None


def make_surface(rng: np.random.Generator, shape: tuple[int, int], *, defect: str | None, exposure: float) -> Surface:
    """Make one tile. defect: a name of DEFECTS or None; exposure: mean grey of the ground face, about 60 to 110."""
    face = _light(rng, shape) * (1 + _grinding(rng, shape)) * (1 + _stains(rng, shape))
    face *= np.float32(exposure) / face.mean()
    spot = None
    if defect is not None:
        face, spot = DEFECTS[defect](rng, face)
    face = _borders(rng, face)
    noise = rng.standard_normal(shape, dtype=np.float32) * np.sqrt(face.clip(4) * np.float32(0.05))
    # The set's pictures went through a lens and a JPEG before; a slight blur along the grain keeps the streaks.
    picture = cv2.GaussianBlur(face, (0, 0), sigmaX=0.35, sigmaY=0.55) + noise
    return Surface(picture=np.clip(np.rint(picture), 0, 255).astype(np.uint8), spot=spot)


def _light(rng: np.random.Generator, shape: tuple[int, int]) -> Field:
    """Lamps from the side: slow bands across, a brighter zone, a darker one."""
    _, cols = grid(shape)
    across = np.sin(cols / shape[1] * rng.uniform(2, 4.5) + rng.uniform(-1.5, 1.0)) * rng.uniform(0.17, 0.30)
    light = 1 + across + 0.12 * smooth(rng, shape, (shape[0] * 0.45, shape[1] * 0.35))
    return np.asarray(np.maximum(light, 0.25), np.float32)


def _grinding(rng: np.random.Generator, shape: tuple[int, int]) -> Field:
    """Relative brightness of the grain: streaks of several widths and lengths, rare bright grooves, speckle."""
    width = shape[1]
    grain = np.zeros(shape, np.float32)
    for cell, length, weight in (
        (1.0, 90, 0.018),
        (2.0, 120, 0.022),
        (1.2, 24, 0.015),
        (2.2, 9, 0.012),
        (2.0, 3, 0.019),
        (5, 160, 0.018),
        (16, 300, 0.030),
    ):
        grain += np.float32(weight) * smooth(rng, shape, (length, cell))
    grooves = np.zeros(width, np.float32)
    where = rng.integers(2, width - 2, rng.integers(8, 20))
    grooves[where] = np.minimum(rng.exponential(0.18, len(where)), 0.5)
    strength = np.clip(0.6 + 0.7 * smooth(rng, shape, (70, 30)), 0, 1.6)
    grain += cv2.GaussianBlur(grooves[None], (0, 0), 0.5) * strength
    dashes = np.maximum(smooth(rng, shape, (5, 1.0)) - 1.8, 0) * 0.11  # short bright glints along the grooves
    return np.asarray(grain + dashes * (1 + strength) + 0.016 * smooth(rng, shape, 1.2), np.float32)


def _stains(rng: np.random.Generator, shape: tuple[int, int]) -> Field:
    """Relative darkening that a good tile shows too: clouds, hair-thin scuffs, pores of a pixel."""
    clouds = -0.05 * np.maximum(fractal(rng, shape, 60, 3) - 0.4, 0)
    scuffs = np.zeros(shape, np.float32)
    for _ in range(rng.integers(3, 8)):
        start = rng.uniform((0, 0), (shape[1], shape[0]))
        path = wander(rng, start, rng.uniform(0, 2 * np.pi), rng.uniform(12, 45), 0.35, 3.0)
        draw(scuffs, path, np.full(len(path), 1.2), rng.uniform(0.05, 0.22))
    for _ in range(rng.integers(3, 9)):
        centre = rng.uniform((4, 4), (shape[1] - 4, shape[0] - 4))
        draw(scuffs, np.stack([centre, centre + 0.2]), np.array([1.3]), rng.uniform(0.1, 0.3))
    return np.asarray(clouds - cv2.GaussianBlur(scuffs, (0, 0), 0.6), np.float32)


def _borders(rng: np.random.Generator, face: Field) -> Field:
    """The tile's chamfers and background: bands on the long sides, a bowed dark end above or below."""
    height, width = face.shape
    rows, cols = grid((height, width))
    for side in (0, 1):
        inward = cols if side == 0 else width - 1 - cols
        edge = rng.uniform(-9, 3.5) + 0.5 * profile(rng, height, 70)[:, None]
        chamfer = rng.uniform(7, 16)
        band = (inward > edge) & (inward < edge + chamfer)
        face = np.where(band, face * np.float32(rng.uniform(0.7, 1.0)), face)
        glint = np.exp(-(((inward - edge - chamfer) / 1.3) ** 2)) * rng.uniform(0.0, 0.4)
        behind = rng.uniform(6, 16) + 3 * smooth(rng, (height, width), (40, 4))
        fade = np.clip(inward - edge + 0.5, 0, 1)
        face = np.asarray((face * (1 + glint)) * fade + behind * (1 - fade), np.float32)
    for side in (0, 1):
        inward = rows if side == 0 else height - 1 - rows
        bow = rng.uniform(-9, 1) + rng.uniform(-4, 6) * np.cos((cols / width - 0.5) * 3) + 0.3 * profile(rng, width, 30)
        fade = np.clip((inward - bow) / 1.5, 0, 1)
        rim = 1 - 0.25 * np.exp(-(((inward - bow) / 4) ** 2))
        face = np.asarray(face * rim * fade + rng.uniform(8, 18) * (1 - fade), np.float32)
    return face
