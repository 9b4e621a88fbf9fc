"""A made chest CT: anatomy slice by slice, trees and nodules in space, then the scanner's blur and noise."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.phantom import chest_organs, chest_wall
from inspect_ai.phantom.chest_frame import SIDE, SLICES, Level, cover, lay, levels, oval, to_mm
from inspect_ai.phantom.chest_organs import HILA
from inspect_ai.phantom.lung_nodules import Nodule, choose_nodules, lay_nodule
from inspect_ai.phantom.lung_raster import fill
from inspect_ai.phantom.lung_tree import Branches, airways, grow_tree, join
from inspect_ai.phantom.noise import Field, fractal, smooth

VESSEL_HU, AIRWAY_HU = 40.0, -960.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chest:
    """Made chest CT. hu: [D, H, W] int16, lowest slice first, on the grid of chest_frame; and its nodules."""

    hu: NDArray[np.int16]
    nodules: tuple[Nodule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Anatomy:
    """Anatomy without trees and nodules: hu, and distances to the lungs' border and to the ribs' pleura, [D, H, W]."""

    hu: Field
    depth: NDArray[np.float16]
    wall: NDArray[np.float16]


def make_chest(rng: np.random.Generator, *, nodules: bool) -> Chest:
    """Make one series of SLICES slices."""
    body = _anatomy(rng)
    share, air, walls = (np.zeros(body.hu.shape, np.float32) for _ in range(3))
    trees = _trees(rng, body.depth)
    vessels = join([tree for tree, _ in trees])
    fill(share, vessels)
    for _, tubes in trees:
        fill(walls, tubes, 0.65)
        fill(air, tubes)
    hu = body.hu
    hu += walls * 0.7 * np.maximum(VESSEL_HU - hu, 0)
    hu += air * (AIRWAY_HU - hu) * (body.depth < 4)
    hu += share * np.maximum(VESSEL_HU - hu, 0)
    placed = choose_nodules(rng, body.depth, body.wall, vessels) if nodules else ()
    for nodule in placed:
        lay_nodule(rng, hu, nodule)
    return Chest(hu=_scan(rng, hu), nodules=placed)


def _anatomy(rng: np.random.Generator) -> _Anatomy:
    """Lay tissues slice by slice."""
    shape = (SLICES, SIDE, SIDE)
    body = _Anatomy(hu=np.empty(shape, np.float32), depth=np.empty(shape, np.float16), wall=np.empty(shape, np.float16))
    for level in levels(rng, 1.9):
        hu = np.full((SIDE, SIDE), -1000.0, np.float32)
        _table(level, hu)
        pleura, surface = chest_wall.cavity(level), chest_wall.skin(level)
        organs = chest_organs.organs(level)
        spine = chest_wall.spine_hull(level)
        middle = chest_organs.hull([*(distance for distance, _ in organs), spine])
        below = chest_organs.domes(level)
        depth = np.maximum(np.maximum(pleura, -middle), -below)
        chest_wall.wall(rng, level, hu, pleura, surface)
        _inside(rng, level, hu, pleura, below, organs)
        lay(hu, depth, _parenchyma(rng, level), 1.3)
        chest_wall.spine(level, hu, rng)
        chest_organs.airway(level, hu)
        body.hu[level.index] = hu
        body.depth[level.index] = np.clip(depth, -100, 100)
        body.wall[level.index] = np.clip(pleura, -100, 100)
    return body


def _inside(
    rng: np.random.Generator, level: Level, hu: Field, pleura: Field, below: Field, organs: list[tuple[Field, float]]
) -> None:
    """Fill the cavity: fat, then organs, each a little uneven; the belly under the diaphragm."""
    lay(hu, pleura, chest_organs.FAT_HU)
    for distance, value in organs:
        lay(hu, np.maximum(distance, pleura + 1.5), value)
    chest_organs.abdomen(level, np.maximum(below, pleura + 1.5), hu)
    hu += cover(pleura) * 4 * smooth(rng, (SIDE, SIDE), 9) * (hu > -200)


def _parenchyma(rng: np.random.Generator, level: Level) -> Field:
    """Air-filled lung: denser towards the back, uneven on several scales, crossed by the oblique fissures."""
    base = -872 + 0.22 * (level.y + 80) + 9 * fractal(rng, (SIDE, SIDE), 40, 4, 0.7)
    off = (level.z - 95) * 0.75 - level.y * 0.66 + 6 * np.sin(level.x / 23)
    return np.asarray(base + 55 * np.exp(-((off / 1.0) ** 2)), np.float32)


def _table(level: Level, hu: Field) -> None:
    """Lay the couch: two thin curved sheets and foam between."""
    for height, value, half in ((116.0, -350.0, 0.8), (134.0, -420.0, 0.9)):
        sheet = np.abs(level.straight_y - height + level.straight_x**2 / 1500) - half
        lay(hu, np.asarray(sheet, np.float32), value)
    cloth = oval(level, (0.0, 0.0), (153.0, 111.0), boxy=0.4)
    lay(hu, np.asarray(np.abs(cloth) - 0.25, np.float32), -880.0)


def _trees(rng: np.random.Generator, depth: NDArray[np.float16]) -> list[tuple[Branches, Branches]]:
    """Arteries with their bronchi, and veins, of both lungs."""
    grown = []
    inside = np.argwhere(depth[:, ::2, ::2] < -3.5).astype(np.float64) * (1, 2, 2)
    places = to_mm(inside + rng.uniform(-0.5, 0.5, inside.shape))
    for side in (-1, 1):
        own = places[places[:, 0] * side > 0]
        hilum = np.array(HILA[side])
        for vein in (False, True):
            tips = own[rng.integers(0, len(own), 1000)]
            root = hilum + (np.array([0.0, 2.0, -16.0]) if vein else np.array([0.0, -2.0, 2.0]))
            tree = grow_tree(rng, root, np.array([float(side), 0.1, -0.2]), tips)
            none = Branches(start=np.zeros((0, 3)), end=np.zeros((0, 3)), radius=np.zeros(0), end_radius=np.zeros(0))
            grown.append((tree, none if vein else airways(rng, tree, 1.5)))
    return grown


def _scan(rng: np.random.Generator, hu: Field) -> NDArray[np.int16]:
    """Add blur of focal spot and detector, and noise with the spectrum that a reconstruction kernel leaves."""
    out = np.empty(hu.shape, np.int16)
    ramp, middle, quiet = _noise_spectrum(), _from_middle(), np.float32(rng.uniform(20, 25))
    previous = np.zeros((SIDE, SIDE), np.float32)
    for index, clean in enumerate(hu):
        blurred = cv2.GaussianBlur(clean, (0, 0), 0.62)
        sharp = blurred + 0.35 * (blurred - cv2.GaussianBlur(blurred, (0, 0), 1.1))
        white = rng.standard_normal((SIDE, SIDE), dtype=np.float32)
        noise = np.fft.irfft2(np.fft.rfft2(white) * ramp, s=(SIDE, SIDE)).astype(np.float32)
        level = quiet * (1 + 0.45 * cover(middle, 60.0))
        mixed = (noise + 0.35 * previous) / np.float32(1.06)
        previous = noise
        out[index] = np.clip(np.rint(sharp + mixed * level), -1024, 2500)
    return out


def _from_middle() -> Field:
    """Distance to the body's middle, where noise is strongest."""
    axis = (np.arange(SIDE, dtype=np.float32) - SIDE / 2) / np.float32(SIDE)
    return np.asarray((np.hypot(axis[None], axis[:, None] * 1.3) - 0.25) * 300, np.float32)


def _noise_spectrum() -> Field:
    """[H, W/2 + 1] amplitude of noise by frequency, scaled to deviation 1: a ramp, damped by the kernel."""
    rows, cols = np.fft.fftfreq(SIDE), np.fft.rfftfreq(SIDE)
    frequency = np.hypot(rows[:, None], cols[None])
    amplitude = np.sqrt(frequency + 0.01) * np.exp(-((frequency / 0.30) ** 2.4))
    full = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)[None])
    power = (full + 0.01) * np.exp(-2 * ((full / 0.30) ** 2.4))
    return np.asarray(amplitude / np.sqrt(power.mean()), np.float32)
