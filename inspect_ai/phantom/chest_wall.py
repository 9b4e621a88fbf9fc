"""Skin, fat, muscle, ribs, shoulder blades, breastbone and spine, by depth from the pleura and angle from the back."""

from __future__ import annotations

import numpy as np

from inspect_ai.phantom.chest_frame import SIDE, Level, lay, lay_bone, oval, rod
from inspect_ai.phantom.noise import Field, fractal, smooth

HEIGHTS = (0, 40, 80, 120, 150, 175, 192, 206)
CAVITY_HALF_WIDTH = (124, 126, 124, 116, 104, 84, 64, 44)
CAVITY_HALF_DEPTH = (80, 84, 82, 77, 68, 55, 44, 32)
CAVITY_MIDDLE_Y = (0, -2, -2, 0, 4, 12, 18, 24)
BODY_HALF_WIDTH = (146, 147, 147, 149, 151, 152, 151, 149)
BODY_HALF_DEPTH = (103, 105, 104, 101, 97, 92, 87, 83)
RIB_STEP_MM, RIB_DROP_MM = 26.0, 104.0
VERTEBRA_MM = 23.0
MUSCLE_HU, FAT_HU = 55.0, -104.0


def _at(table: tuple[float, ...], z: float) -> float:
    """A table's value at height z, interpolated."""
    return float(np.interp(z, HEIGHTS, table))


def cavity(level: Level) -> Field:
    """Distance to the pleura's outer sheet; outside the ribs follow."""
    radii = (_at(CAVITY_HALF_WIDTH, level.z), _at(CAVITY_HALF_DEPTH, level.z))
    return oval(level, (0.0, _at(CAVITY_MIDDLE_Y, level.z)), radii, boxy=0.3)


def skin(level: Level) -> Field:
    """Distance to the skin."""
    radii = (_at(BODY_HALF_WIDTH, level.z), _at(BODY_HALF_DEPTH, level.z))
    return oval(level, (0.0, 2.0), radii, boxy=0.4)


def spine_hull(level: Level) -> Field:
    """Distance to the vertebral body with its flanks; the lungs keep off it."""
    return np.minimum(oval(level, (0.0, 66.0), (19.0, 19.0)), oval(level, (0.0, 88.0), (30.0, 20.0)))


def wall(rng: np.random.Generator, level: Level, hu: Field, pleura: Field, surface: Field) -> None:
    """Lay everything between pleura and skin into the slice."""
    middle = np.float32(_at(CAVITY_MIDDLE_Y, level.z))
    angle = np.arctan2(np.abs(level.x), level.y - middle)  # 0 at the back, π in front
    texture = fractal(rng, (SIDE, SIDE), 12, 2)
    lay(hu, surface, np.asarray(FAT_HU + 6 * texture, np.float32))
    lay(hu, np.maximum(surface, -surface - np.float32(1.8)), 10.0)
    _muscle(level, hu, pleura, surface, angle, texture)
    _blade(level, hu, pleura, angle)
    _ribs(level, hu, pleura, angle, texture)
    _breastbone(level, hu, texture)
    for side in (-1.0, 1.0):
        collar = rod(level, (side * 20, -46, 172), (side * 118, -14, 202), 5.5)
        if collar is not None:
            lay_bone(hu, collar, 700.0, 260.0)


def _muscle(level: Level, hu: Field, pleura: Field, surface: Field, angle: Field, texture: Field) -> None:
    """Lay muscle between all ribs; thick about the shoulder blades, in front of the upper ribs and beside the spine."""
    upper = np.float32(np.clip((level.z - 50) / 70, 0, 1))
    high = np.float32(np.clip((level.z - 100) / 50, 0, 1))
    thick = 12.5 + upper * 24 * np.exp(-(((angle - 0.95) / 0.42) ** 2)) + 6 * np.exp(-(((angle - 1.2) / 0.6) ** 2))
    folds = _folds(level)
    thick = thick + high * 15 * np.exp(-(((angle - 2.35) / 0.38) ** 2)) + 1.5 * folds
    thick = thick + np.float32(np.clip((level.z - 132) * 0.85, 0, 70))  # the shoulder girdle
    depth = np.maximum(pleura - thick, surface + 6 + 7 * high + 1.2 * folds)
    muscle = np.asarray(MUSCLE_HU + 7 * texture, np.float32)
    lay(hu, depth.astype(np.float32), muscle)
    plane = np.exp(-(((pleura - 10.5 - folds) / 0.9) ** 2)) * 0.8  # fat between the layers
    cells = np.exp(-((folds / 0.16) ** 2)) * np.clip((pleura - 14) / 4, 0, 0.9)
    hu += np.maximum(plane, cells) * (depth < -1) * (FAT_HU - hu)
    for side in (-1, 1):
        beside = oval(level, (side * 25.0, 92.0), (21.0, 13.0), turn=side * 0.25, boxy=0.35)
        lay(hu, np.maximum(beside, surface + 7), muscle)


def _folds(level: Level) -> Field:
    """A wavy field that changes slowly from slice to slice; its zero lines part one muscle from the next."""
    sway = np.sin(level.y / 17 + level.z / 41) * 2
    return np.asarray(
        np.sin(level.x / 15 + sway) + np.sin(level.y / 11 + 1.6 * np.sin(level.x / 19 + level.z / 33)), np.float32
    )


def _blade(level: Level, hu: Field, pleura: Field, angle: Field) -> None:
    """Lay the shoulder blade: a thin bent plate over the upper ribs, thick at its outer border."""
    if level.z < 72:
        return
    reach = np.clip((level.z - 72) / 60, 0, 1)
    inner, outer = 0.85 - 0.25 * reach, 0.95 + 0.30 * reach
    across = 17.5 + 4 * np.sin((angle - 0.7) * 3)
    half = 1.7 + 2.6 * np.exp(-(((angle - outer) / 0.10) ** 2))
    sideways = np.maximum(inner - angle, angle - outer - 0.04) * 110
    plate = np.maximum(np.abs(pleura - across) - half, sideways)
    lay_bone(hu, np.asarray(plate, np.float32), 560.0, 260.0, 1.5)


def _ribs(level: Level, hu: Field, pleura: Field, angle: Field, texture: Field) -> None:
    """Lay all ribs at once: they repeat every RIB_STEP_MM and sink by RIB_DROP_MM on their way to the front."""
    course = level.z + np.float32(RIB_DROP_MM) * (angle / np.float32(np.pi)) ** np.float32(1.15)
    shift = np.where(level.x > 0, np.float32(5.0), np.float32(0.0))
    height = np.mod(course + shift, np.float32(RIB_STEP_MM)) - np.float32(RIB_STEP_MM / 2)
    flat = np.sqrt((height / np.float32(6.3)) ** 2 + ((pleura - np.float32(5.2)) / np.float32(3.4)) ** 2)
    rib = ((flat - 1) * 3.4).astype(np.float32)
    bony = np.clip((2.50 - angle) / 0.06, 0, 1) * np.clip((angle - 0.28) / 0.05, 0, 1)
    hidden = 12 * (1 - bony)
    gristle = np.maximum(rib, 12 * np.clip((2.45 - angle) / 0.05, 0, 1))
    gristle = np.maximum(gristle, 12 * np.clip((angle - 3.0) / 0.05, 0, 1)) if level.z < 130 else rib + 40
    lay(hu, gristle.astype(np.float32), np.asarray(95 + 10 * texture, np.float32))
    marrow = np.asarray(210 + 60 * texture, np.float32)
    lay_bone(hu, np.asarray(rib + hidden, np.float32), 760.0, marrow, 1.3)


def _breastbone(level: Level, hu: Field, texture: Field) -> None:
    """Lay the sternum in front, wider at its handle."""
    if not 52 < level.z < 178:
        return
    front = _at(CAVITY_MIDDLE_Y, level.z) - _at(CAVITY_HALF_DEPTH, level.z) - 6.0
    wide = 24.0 if level.z > 148 else 16.0
    bone = oval(level, (0.0, front), (wide, 6.2), boxy=0.6)
    lay_bone(hu, bone, 420.0, np.asarray(130 + 45 * texture, np.float32))


def spine(level: Level, hu: Field, rng: np.random.Generator) -> None:
    """Lay vertebral bodies and discs in turn, with arch, processes and the cord's canal, after the lungs."""
    texture = smooth(rng, (SIDE, SIDE), 4)
    phase = level.z % VERTEBRA_MM
    body = oval(level, (0.0, 64.0), (16.5, 14.0), boxy=0.25)
    if phase < 4.5:
        lay(hu, body, np.asarray(92 + 8 * texture, np.float32))
    else:
        end_plate = 330.0 if phase < 6.5 or phase > VERTEBRA_MM - 2 else 190.0
        lay_bone(hu, body, 470.0, np.asarray(end_plate + 55 * texture, np.float32))
    base = level.z - phase
    for side in (-1.0, 1.0):
        parts = (
            ((side * 13, 74, base + 15), (side * 12, 82, base + 14), 4.2),
            ((side * 12, 84, base + 13), (side * 1, 93, base + 8), 3.4),
            ((side * 13, 82, base + 15), (side * 37, 88, base + 17), 4.6),
        )
        for start, end, radius in parts:
            bone = rod(level, start, end, radius)
            if bone is not None:
                lay_bone(hu, bone, 560.0, 260.0)
    process = rod(level, (0, 95, base + 10), (0, 108, base - 6), 3.6)
    if process is not None:
        lay_bone(hu, process, 520.0, 230.0)
    canal = oval(level, (0.0, 83.5), (9.5, 7.5))
    lay(hu, canal, 12.0)
    lay(hu, canal + np.float32(3.0), 38.0)
