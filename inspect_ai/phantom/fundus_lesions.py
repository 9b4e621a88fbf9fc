"""Signs of referable diabetic retinopathy: micro-aneurysms, dot and blot haemorrhages, hard exudates, cotton wool."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inspect_ai.phantom.fundus_vessels import Eye
from inspect_ai.phantom.noise import Field, Points, fractal, grid, smooth, step
from inspect_ai.phantom.spot import Spot


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesions:
    """Coverage 0..1 of blood, fat and swollen nerve fibre, [H, W] each, and the places of the groups."""

    blood: Field
    exudate: Field
    cotton: Field
    spots: tuple[Spot, ...]


def make_lesions(rng: np.random.Generator, eye: Eye, amount: float = 1.0) -> Lesions:
    """Make lesions of moderate retinopathy (amount 1), spread over the posterior pole as in patients."""
    shape = (eye.size, eye.size)
    scale = eye.size / 720
    blood, exudate, cotton = (np.zeros(shape, np.float32) for _ in range(3))
    rough = smooth(rng, shape, 5.5 * scale)
    spots = []
    for place in _places(rng, eye, int(26 * amount), 0.10, 0.42):
        _blob(blood, place, rng.uniform(1.5, 2.8) * scale, rough, 0.15, rng.uniform(0.6, 0.95))
    for place in _places(rng, eye, int(15 * amount), 0.12, 0.40):
        radius = min(rng.lognormal(1.55, 0.38), 10.0) * scale
        _blob(blood, place, radius, rough, 0.14, rng.uniform(0.6, 0.95), stretch=rng.uniform(0.6, 1.5))
        spots.append(Spot(row=float(place[1]), col=float(place[0]), diameter=2 * radius))
    rings = _places(rng, eye, 1 + round(1.4 * amount), 0.11, 0.24)
    for place in rings:
        radius = rng.uniform(20, 38) * scale
        _circinate(rng, exudate, place, radius, rough, scale)
        spots.append(Spot(row=float(place[1]), col=float(place[0]), diameter=2 * radius))
    for place in _places(rng, eye, round(2 * amount), 0.26, 0.36):
        radius = rng.uniform(13, 19) * scale
        _cotton(rng, cotton, place, radius)
        spots.append(Spot(row=float(place[1]), col=float(place[0]), diameter=2 * radius))
    return Lesions(blood=blood, exudate=exudate, cotton=cotton, spots=tuple(spots))


def _places(rng: np.random.Generator, eye: Eye, count: int, near: float, far: float) -> list[Points]:
    """Places (column, row) at near..far picture sides from the fovea, off the disc and inside the field."""
    found: list[Points] = []
    middle = np.array([eye.size / 2, eye.size / 2])
    while len(found) < count:
        angle, away = rng.uniform(0, 2 * np.pi), np.sqrt(rng.uniform(near**2, far**2)) * eye.size
        place = eye.fovea + away * np.array([np.cos(angle), np.sin(angle)])
        off_disc = np.linalg.norm(place - eye.disc) > 1.9 * eye.disc_radius
        if off_disc and np.linalg.norm(place - middle) < 0.88 * eye.field_radius:
            found.append(place)
    return found


def _blob(
    canvas: Field, place: Points, radius: float, rough: Field, uneven: float, value: float, stretch: float = 1.0
) -> None:
    """Put one uneven blot with a soft edge into its box of the canvas."""
    reach = int(radius * 2 + 4)
    col, row = int(place[0]), int(place[1])
    top, left = max(row - reach, 0), max(col - reach, 0)
    part = canvas[top : row + reach, left : col + reach]
    rows, cols = grid((part.shape[0], part.shape[1]))
    away = np.hypot((rows + top - place[1]) * stretch, (cols + left - place[0]) / max(stretch, 1.0))
    away = away * (1 + uneven * rough[top : row + reach, left : col + reach])
    np.maximum(part, step(np.asarray(away - radius, np.float32), max(1.2, radius * 0.35)) * value, out=part)


def _circinate(
    rng: np.random.Generator, canvas: Field, place: Points, radius: float, rough: Field, scale: float
) -> None:
    """Put a broken ring of waxy specks, denser on one side, with a few inside, into the canvas."""
    dense = rng.uniform(0, 2 * np.pi)
    for _ in range(48):
        angle = dense + rng.normal(0, 1.25)
        away = radius * (rng.normal(1.0, 0.14) if rng.random() < 0.8 else rng.uniform(0.1, 0.9))
        spot = place + away * np.array([np.cos(angle), 0.85 * np.sin(angle)])
        size = min(rng.lognormal(0.75, 0.5), 6.5) * scale
        _blob(canvas, spot, size, rough, 0.4, rng.uniform(0.55, 1.0), stretch=rng.uniform(0.7, 1.5))


def _cotton(rng: np.random.Generator, canvas: Field, place: Points, radius: float) -> None:
    """Put a feathery white patch without an edge into the canvas."""
    reach = int(radius * 2)
    top, left = int(place[1]) - reach, int(place[0]) - reach
    part = canvas[max(top, 0) : top + 2 * reach, max(left, 0) : left + 2 * reach]
    shape = (part.shape[0], part.shape[1])
    rows, cols = grid(shape)
    away = np.hypot((rows - shape[0] / 2) * 1.35, cols - shape[1] / 2) / radius
    away = away + 0.22 * fractal(rng, shape, radius * 0.7, 3)
    np.maximum(part, np.exp(-(np.maximum(away, 0) ** 2) * 1.6).astype(np.float32), out=part)
