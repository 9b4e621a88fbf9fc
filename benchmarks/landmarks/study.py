"""Windows around the lungs of real series, stretched to 8 bits each by its own range, and brought back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.volumes.scene import Scene, open_scenes
from inspect_ai.domain import Floats, Image, Study, StudyRef
from inspect_ai.plugins import task_named
from inspect_ai.settings import Settings
from inspect_ai.stacks import STACK

SIDE_PX, DEPTH = 128, 5  # of a stack of lidc_nodules
WINDOW_HU = (-1000.0, 400.0)  # that the task shows
BETWEEN_HU = (-500.0, 200.0)  # vessels and nodules: what a nodule is told by


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """Of each window with landmarks: median error in Hounsfield units over all its pixels that lie between two values.

    lung: below -700 HU; between: from -500 to 200 HU. Where no landmarks are found the slices count as they are stored.
    """

    lung: NDArray[np.float64] = field(repr=False)
    between: NDArray[np.float64] = field(repr=False)


def errors_hu(data: Path, *, windows: int, seed: int) -> dict[str, Errors]:
    """Measure so many windows of every series below a folder. Raises InputError for a folder without series."""
    return {scene.name: _errors(scene, windows, seed) for scene in open_scenes(data, Settings())}


def _errors(scene: Scene, windows: int, seed: int) -> Errors:
    """Errors of what the task makes of the stretched windows, in its own window of Hounsfield units."""
    task = task_named("lung_nodule")
    lung, between = [], []
    for whole in _windows(scene, windows, np.random.default_rng(seed)):
        seen = task.slices(as_study(stretched(whole)))  # [D, H, W] in 0..1
        low, high = WINDOW_HU
        hu = np.clip(whole, low, high)
        wrong = seen * (high - low) + low - hu
        lung.append(float(np.median(wrong[hu < -700.0])))
        between.append(float(np.median(wrong[(hu > BETWEEN_HU[0]) & (hu < BETWEEN_HU[1])])))
    return Errors(lung=np.array(lung), between=np.array(between))


def as_study(grey: NDArray[np.uint8]) -> Study:
    """Stack of slices [D, H, W] as a labelled folder's, the middle one its own."""
    ref = StudyRef(key="", source="", kind=STACK, digest="", files=())
    return Study(ref=ref, images=tuple(Image(pixels=one, file=str(z)) for z, one in enumerate(grey)))


def _windows(scene: Scene, count: int, random: np.random.Generator) -> Iterator[Floats]:
    """[DEPTH, SIDE_PX, SIDE_PX] Hounsfield units around places in the lungs, wholly inside the series."""
    volume, lungs = scene.volume, scene.lungs
    cells = np.argwhere(lungs.mask > 0)
    step = np.array(lungs.spacing_mm) / np.array(volume.spacing_mm)
    half = np.array([DEPTH // 2, SIDE_PX // 2, SIDE_PX // 2])
    starts = ((cells + 0.5) * step).astype(int) - half
    size = np.array([DEPTH, SIDE_PX, SIDE_PX])
    starts = starts[((starts >= 0) & (starts + size <= volume.hu.shape)).all(axis=1)]
    for z, row, col in starts[random.integers(len(starts), size=count)]:
        yield volume.hu[z : z + DEPTH, row : row + SIDE_PX, col : col + SIDE_PX].astype(np.float32)


def stretched(hu: Floats) -> NDArray[np.uint8]:
    """[D, H, W] in 8 bits, each slice by its own range."""
    low, high = hu.min(axis=(1, 2), keepdims=True), hu.max(axis=(1, 2), keepdims=True)
    return np.asarray(np.rint((hu - low) / (high - low) * 255.0), np.uint8)
