"""Organs between and below the lungs: heart, great vessels, airway, gullet, liver, spleen, stomach."""

from __future__ import annotations

import numpy as np

from inspect_ai.phantom.chest_frame import Level, ball, lay, oval, rod
from inspect_ai.phantom.noise import Field

BLOOD_HU, HEART_HU, SOFT_HU, FAT_HU, AIR_HU = 44.0, 48.0, 40.0, -100.0, -985.0
CARINA = (-2.0, 14.0, 122.0)
HILA = {-1: (-36.0, 12.0, 98.0), 1: (38.0, 16.0, 100.0)}  # where vessels and bronchi enter, right lung first


def organs(level: Level) -> list[tuple[Field, float]]:
    """Distances of the mediastinum's organs at this level with their Hounsfield units, in the order of laying."""
    z = level.z
    found: list[tuple[Field | None, float]] = [
        (ball(level, (26, -22, 46), (54, 40, 54), -0.6), HEART_HU),
        (ball(level, (-14, -16, 62), (33, 36, 46)), BLOOD_HU),
        (ball(level, (3, 12, 78), (36, 17, 22)), BLOOD_HU),
        (rod(level, (14, -26, 80), (13, -20, 104), 14.0), BLOOD_HU),
        (rod(level, (14, -18, 104), (38, 12, 104), 11.0), BLOOD_HU),
        (rod(level, (10, -12, 97), (-36, 4, 96), 10.5), BLOOD_HU),
        (rod(level, (-20, 8, 80), (-42, 14, 86), 7.5), BLOOD_HU),
        (rod(level, (22, 10, 80), (44, 18, 82), 7.5), BLOOD_HU),
        (rod(level, (-12, -14, 76), (-16, -22, 138), 15.0), BLOOD_HU),
        (rod(level, (-12, -20, 140), (17, 30, 142), 11.5), BLOOD_HU),
        (rod(level, (-31, -8, 84), (-29, -16, 158), 9.0), BLOOD_HU),
        (rod(level, (-24, -22, 158), (20, -22, 164), 7.0), BLOOD_HU),
        (rod(level, (-8, -10, 146), (-20, -4, 210), 6.5), BLOOD_HU),
        (rod(level, (4, 2, 146), (12, 2, 210), 4.5), BLOOD_HU),
        (rod(level, (15, 16, 146), (26, 14, 210), 5.5), BLOOD_HU),
        (rod(level, (-26, -20, 160), (-30, -10, 212), 7.5), BLOOD_HU),
        (rod(level, (22, -20, 164), (28, -8, 212), 7.5), BLOOD_HU),
        (oval(level, (4.0 + 0.02 * z, 33.0), (8.0, 5.5)), SOFT_HU),
    ]
    if z < 146:
        found.append((oval(level, (21.0 - 0.02 * z, 46.0), (12.0, 12.0)), BLOOD_HU))
    if 60 < z < 190:  # the remains of the thymus, under all other tissue
        found.insert(0, (oval(level, (3.0, -58.0 + 0.12 * z), (12.0 if z > 100 else 18.0, 20.0)), FAT_HU))
    return [(distance, value) for distance, value in found if distance is not None]


def hull(distances: list[Field], blend_mm: float = 5.0, margin_mm: float = 3.0) -> Field:
    """Distance to the whole mediastinum: its organs' smooth union, with the fat that fills the corners between them."""
    total = sum(np.exp(-np.clip(d, -60, 60) / np.float32(blend_mm)) for d in distances)
    return np.asarray(-np.float32(blend_mm) * np.log(total) - np.float32(margin_mm), np.float32)


def airway(level: Level, hu: Field) -> None:
    """Lay windpipe and main bronchi: a wall, then air."""
    right, left = HILA[-1], HILA[1]
    tubes = (
        (rod(level, (-1, 4, 215), CARINA, 8.5), 8.5),
        (rod(level, CARINA, (right[0] + 2, right[1], right[2]), 6.5), 6.5),
        (rod(level, CARINA, (left[0] - 4, left[1], left[2] - 2), 6.0), 6.0),
        (rod(level, (right[0] + 4, right[1], right[2]), (-32.0, 22.0, 70.0), 4.6), 4.6),
        (rod(level, (left[0] - 4, left[1], left[2] - 2), (38.0, 26.0, 70.0), 4.4), 4.4),
    )
    for distance, _ in tubes:
        lay(hu, None if distance is None else distance - np.float32(1.6), SOFT_HU)
    for distance, _ in tubes:
        lay(hu, distance, AIR_HU)


def domes(level: Level) -> Field:
    """Distance to the tissue below the diaphragm: negative under its two domes."""
    right = 56 - 64 * ((level.x + 60) / 80) ** 2 - 58 * ((level.y + 12) / 88) ** 2
    left = 46 - 60 * ((level.x - 60) / 78) ** 2 - 60 * ((level.y + 12) / 84) ** 2
    slope_r = np.sqrt(1 + (0.02 * (level.x + 60)) ** 2 + (0.015 * (level.y + 12)) ** 2)
    slope_l = np.sqrt(1 + (0.0197 * (level.x - 60)) ** 2 + (0.017 * (level.y + 12)) ** 2)
    return np.asarray(np.minimum((level.z - right) / slope_r, (level.z - left) / slope_l), np.float32)


def abdomen(level: Level, below: Field, hu: Field) -> None:
    """Lay the liver under the right dome, spleen and stomach with its gas under the left, fat between."""
    lay(hu, below, FAT_HU)
    lay(hu, np.maximum(below + 2, level.x - np.float32(22 - 0.25 * level.y.mean())), 58.0)
    spleen = ball(level, (86, 30, 4), (32, 44, 44))
    stomach = ball(level, (54, -20, 4), (46, 50, 50))
    if spleen is not None:
        lay(hu, np.maximum(below + 2.5, spleen), 50.0)
    if stomach is not None:
        lay(hu, np.maximum(below + 2.5, stomach), 34.0)
        gas = np.maximum(stomach + 3, level.y + np.float32(34))
        lay(hu, np.maximum(below + 6, gas), AIR_HU)
