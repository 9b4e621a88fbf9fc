"""Four defects that a made tile can have. Each function takes the lit face and returns it with its defect's place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import cv2
import numpy as np

from inspect_ai.phantom.noise import Field, draw, fractal, grid, profile, smooth, step, wander
from inspect_ai.phantom.spot import Spot

Maker: TypeAlias = Callable[[np.random.Generator, Field], tuple[Field, Spot]]


def _blowhole(rng: np.random.Generator, face: Field) -> tuple[Field, Spot]:
    """A round pore, nearly black, with a lit far rim; a smaller one beside it."""
    height, width = face.shape
    row, col = rng.uniform(0.3, 0.7) * height, rng.uniform(0.3, 0.7) * width
    radius = rng.uniform(4.5, 6.0)
    rows, cols = grid((height, width))
    uneven = 1 + 0.12 * smooth(rng, (height, width), 6)
    for r, c, size in ((row, col, radius), (row + rng.uniform(12, 26), col + rng.uniform(-14, 14), radius * 0.4)):
        away = np.hypot((rows - r) * 0.9, cols - c) * uneven
        rim = np.exp(-(((away - size - 1.2) / 1.0) ** 2)) * np.clip((c - cols) / size, 0, 1)
        hole = step(np.asarray(away - size, np.float32), 1.8)
        face = face * (1 + 0.25 * rim) * (1 - 0.80 * hole) + 4 * hole
    return np.asarray(face, np.float32), Spot(row=row, col=col, diameter=2 * radius)


def _crack(rng: np.random.Generator, face: Field) -> tuple[Field, Spot]:
    """A ragged dark line from the upper edge inward, with side branches that thin out."""
    height, width = face.shape
    start = np.array([rng.uniform(0.35, 0.65) * width, rng.uniform(2, 12)])
    trunk = wander(rng, start, np.pi / 2, rng.uniform(0.32, 0.42) * height, 0.06, 4.0)
    trunk[:, 0] += 5 * profile(rng, len(trunk), 6) + 1.6 * profile(rng, len(trunk), 1.4)
    line = np.zeros((height, width), np.float32)
    draw(line, trunk, np.linspace(3.6, 1.5, len(trunk)))
    for at in (len(trunk) // 3, 2 * len(trunk) // 3):
        twig = wander(rng, trunk[at], rng.uniform(0.2, np.pi - 0.2), rng.uniform(14, 30), 0.25, 3.0)
        draw(line, twig, np.linspace(2.0, 0.9, len(twig)), 0.8)
    broken = np.clip(0.85 + 0.25 * smooth(rng, (height, width), 7), 0.3, 1)
    dark = cv2.GaussianBlur(line, (0, 0), 0.55) * broken
    lit = np.roll(dark, 2, axis=1)
    face = face * (1 + 0.18 * lit * (1 - dark)) * (1 - 0.78 * dark)
    middle = trunk[len(trunk) // 2]
    reach = float(np.linalg.norm(trunk[-1] - trunk[0]))
    return np.asarray(face, np.float32), Spot(row=float(middle[1]), col=float(middle[0]), diameter=reach)


def _break(rng: np.random.Generator, face: Field) -> tuple[Field, Spot]:
    """A shell-shaped chip out of a lower corner: rough dark floor, curved ripples, a bright lip."""
    height, width = face.shape
    rows, cols = grid((height, width))
    centre = np.array([width * rng.choice([0.12, 0.88]), height * rng.uniform(0.94, 1.0)])
    radius = rng.uniform(0.14, 0.19) * width
    away = np.hypot(cols - centre[0], (rows - centre[1]) * rng.uniform(0.9, 1.2))
    edge = away - radius * (1 + 0.14 * smooth(rng, (height, width), 30) + 0.03 * smooth(rng, (height, width), 6))
    chip = step(np.asarray(edge, np.float32), 2.0)
    ripples = 1 + 0.22 * np.sin(away / rng.uniform(2.2, 3.0) + smooth(rng, (height, width), 20))
    floor = face.mean() * (0.48 + 0.13 * fractal(rng, (height, width), 12, 3)) * ripples
    lip = np.exp(-(((edge - 0.5) / 1.3) ** 2)) * np.clip(0.6 + 0.6 * smooth(rng, (height, width), 9), 0, 1.4)
    face = face * (1 - chip) + np.clip(floor, 6, None) * chip
    shadow = np.exp(-(((edge + 3) / 2.0) ** 2))
    face = face * (1 - 0.5 * shadow) + 55 * lip
    row = float(min(centre[1], height - 1 - radius * 0.45))
    return np.asarray(face, np.float32), Spot(row=row, col=float(centre[0]), diameter=2 * radius)


def _fray(rng: np.random.Generator, face: Field) -> tuple[Field, Spot]:
    """A worn, dull area that the grinding never reached: leaf-shaped, dark, with a few scratches and bright crumbs."""
    height, width = face.shape
    rows, cols = grid((height, width))
    row, col = rng.uniform(0.45, 0.6) * height, rng.uniform(0.42, 0.58) * width
    tall, wide = rng.uniform(0.30, 0.38) * height, rng.uniform(0.17, 0.23) * width
    narrowing = 1 - 0.35 * np.clip((row - rows) / tall, -0.3, 1)
    edge = (np.hypot((rows - row) / tall, (cols - col) / (wide * narrowing)) - 1) * wide
    edge = edge + 2.6 * smooth(rng, (height, width), 26) + 0.7 * smooth(rng, (height, width), 3)
    leaf = step(np.asarray(edge, np.float32), 1.8)
    dull = cv2.GaussianBlur(face, (0, 0), 14) * (0.52 + 0.035 * fractal(rng, (height, width), 9, 4))
    marks = np.zeros((height, width), np.float32)
    for _ in range(7):
        path = wander(rng, rng.normal((col, row), (wide * 0.5, tall * 0.5)), rng.uniform(0, 6.3), 30, 0.06, 4.0)
        draw(marks, path, np.full(len(path), 1.0), rng.uniform(0.06, 0.2))
    for _ in range(5):
        crumb = np.array([col + rng.uniform(-0.6, 0.6) * wide, row + tall * rng.uniform(0.85, 1.0)])
        draw(marks, np.stack([crumb, crumb + rng.uniform(-3, 3, 2)]), np.array([2.0]), rng.uniform(0.8, 2.0))
    worn = face * (1 - leaf) + dull * leaf
    return np.asarray(worn * (1 + marks), np.float32), Spot(row=row, col=col, diameter=2 * wide)


DEFECTS: Final[dict[str, Maker]] = {"blowhole": _blowhole, "crack": _crack, "break": _break, "fray": _fray}
