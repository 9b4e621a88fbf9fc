"""Samples of the volume benchmark: stacks of patches around made nodules, made vessels and real candidates.

Every sample belongs to one lung of one series. Samples of two lungs of a series share no voxel: a lung's samples keep
half a patch away from the midline.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.volumes.nodules import added, nodule_in, twin_in, vessel_in
from benchmarks.volumes.scene import Place, Scene, finder, near_box
from benchmarks.volumes.shapes import MadeNodule, MadeShape
from inspect_ai.config import TaskConfig
from inspect_ai.domain import Volume
from inspect_ai.errors import UsageError
from inspect_ai.plugins import task_named

JITTER_PX = 2  # how far a patch may be off its centre: finders are not exact to the pixel
APART_MM = 45.0  # between nodules that lie in one copy of a series when the finder looks for them
FURTHER = 4  # candidates to look through for each weaker one of a lung: some lie in the other or near the midline
TAKEN = 64  # candidates of a series that count as the finder's own, as when docs/volumes.md was made
LEAST_PLACE_MM = 2.0  # a candidate this near a nodule's centre is on it, however small the nodule


class SampleKind(StrEnum):
    """Content of the middle of a patch."""

    NODULE = "made nodule"
    TUBE = "made vessel"  # as dense as nodules are; where slices are thick it is brighter than small ones
    TWIN = "made vessel, faint"  # as bright on its key slice as a nodule of its diameter would be there
    CANDIDATE = "real candidate"  # of the product's finder
    WEAKER = "weaker real candidate"  # further down in the finder's list: vessels, forks, walls; they only train


@dataclass(frozen=True, slots=True, kw_only=True)
class Half:
    """One lung of one series: its picture columns from the first to the one before the last."""

    scene: Scene = field(compare=False, repr=False)
    side: str  # left or right in the picture
    columns: tuple[int, int]

    @property
    def name(self) -> str:
        """Name in tables."""
        return f"{self.scene.name}, {self.side} in the picture"


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchSample:
    """pixels [D, P, P] uint8, key slice in the middle. found: true if the product's finder meets it."""

    pixels: NDArray[np.uint8] = field(compare=False, repr=False)
    kind: SampleKind
    half: str
    place: tuple[float, float, float]  # voxels
    diameter_mm: float
    style: str = ""
    found: bool = True

    @property
    def positive(self) -> int:
        """1 for a nodule."""
        return int(self.kind is SampleKind.NODULE)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleCounts:
    """Samples a lung, and the shape of a patch."""

    nodules: int
    tubes: int
    weaker: int
    patch_px: int
    reach_mm: float
    window_hu: tuple[float, float]

    @staticmethod
    def of(config: TaskConfig) -> SampleCounts:
        """Counts from the options of volumes.yaml beside this file. Raises UsageError for one that is missing."""
        values: dict[str, Any] = dict(config.options)
        needed = ("nodules", "made_vessels", "weaker_candidates", "reach_mm", "window_low_hu", "window_high_hu")
        if missing := [name for name in needed if name not in values]:
            raise UsageError(f"The config of the volume benchmark lacks options.{missing[0]}. Add it.")
        return SampleCounts(
            nodules=int(values["nodules"]),
            tubes=int(values["made_vessels"]),
            weaker=int(values["weaker_candidates"]),
            patch_px=int(config.input.size or 64),
            reach_mm=float(values["reach_mm"]),
            window_hu=(float(values["window_low_hu"]), float(values["window_high_hu"])),
        )


def halves(scene: Scene, patch_px: int) -> tuple[Half, Half]:
    """Both lungs, apart by a whole patch: no patch of one holds a column that a patch of the other holds."""
    gap = patch_px // 2 + JITTER_PX + 1
    width = scene.volume.hu.shape[2]
    return (
        Half(scene=scene, side="left", columns=(gap, scene.midline - gap)),
        Half(scene=scene, side="right", columns=(scene.midline + gap, width - gap)),
    )


def depth_of(scenes: Sequence[Scene], reach_mm: float) -> int:
    """Slices of a stack: those within the reach in the series with the thinnest slices, and the one in the middle."""
    return 2 * max(_reach(scene, reach_mm) for scene in scenes) + 1


def make_samples(
    scene: Scene, counts: SampleCounts, depth: int, seed: int, on_progress: Callable[[str], None] = lambda text: None
) -> list[PatchSample]:
    """All samples of both lungs of a series."""
    random = np.random.default_rng(seed)
    samples: list[PatchSample] = []
    both = halves(scene, counts.patch_px)
    nodules = [(half, *nodule_in(random, scene, half.columns)) for half in both for _ in range(counts.nodules)]
    found = finds([(nodule, place) for _, nodule, place in nodules], scene)
    on_progress(f"{scene.name}: the finder meets {sum(found)} of {len(found)} made nodules")
    for (half, nodule, place), met in zip(nodules, found, strict=True):
        pixels = patch(scene, place, counts, depth, random, ((nodule, place),))
        sample = _sample(pixels, SampleKind.NODULE, half, place, nodule.diameter_mm)
        samples.append(replace(sample, style=nodule.style, found=met))
    for half in both:
        for kind, make in ((SampleKind.TUBE, vessel_in), (SampleKind.TWIN, twin_in)):
            for _ in range(counts.tubes):
                tube, place = make(random, scene, half.columns)
                pixels = patch(scene, place, counts, depth, random, ((tube, place),))
                samples.append(_sample(pixels, kind, half, place, tube.diameter_mm))
        for kind, places in zip(
            (SampleKind.CANDIDATE, SampleKind.WEAKER), real_candidates(half, counts.weaker), strict=True
        ):
            for place, diameter in places:
                samples.append(_sample(patch(scene, place, counts, depth, random), kind, half, place, diameter))
    on_progress(f"{scene.name}: {len(samples)} samples, blur {scene.blur_mm:.2f} mm")
    return samples


def patch(
    scene: Scene,
    place: Place,
    counts: SampleCounts,
    depth: int,
    random: np.random.Generator,
    things: Sequence[tuple[MadeShape, Place]] = (),
) -> NDArray[np.uint8]:
    """[depth, P, P] in 8 bits around a place, with things in it; beyond reach or series the last slice again."""
    key = int(np.clip(round(place[0]), 0, len(scene.volume.hu) - 1))
    reach = _reach(scene, counts.reach_mm)
    first, last = max(0, key - reach), min(len(scene.volume.hu), key + reach + 1)
    block = added(scene, things, first, last)  # [slices, H, W]
    row, col = (round(float(at)) + int(random.integers(-JITTER_PX, JITTER_PX + 1)) for at in place[1:])
    cut = _square(block, row, col, counts.patch_px, int(counts.window_hu[0]))
    shown = np.arange(depth) - depth // 2 + key - first  # may lie before the first or after the last of the block
    low, high = counts.window_hu
    grey = np.clip((cut[np.clip(shown, 0, len(cut) - 1)].astype(np.float32) - low) / (high - low), 0, 1)
    return np.asarray(np.rint(grey * 255), np.uint8)


def real_candidates(half: Half, weaker: int) -> tuple[list[tuple[Place, float]], list[tuple[Place, float]]]:
    """Places and diameters in the untouched lung, annotated boxes left out: those the product takes, and weaker ones.

    Of the weaker ones at most so many, the strongest first.
    """
    most = int(plugin_options()["candidates"])
    found = _candidates(half.scene, half.scene.volume, most=most + FURTHER * weaker)
    low, high = half.columns
    parts: list[list[tuple[Place, float]]] = []
    for some in (found[:most], found[most:]):
        places = [(np.array([c.slice_index, c.row, c.col], np.float64), float(c.diameter_mm)) for c in some]
        mine = [(p, d) for p, d in places if low <= p[2] < high and not near_box(half.scene, p[None])[0]]
        parts.append(mine)
    return parts[0], parts[1][:weaker]


def finds(nodules: Sequence[tuple[MadeNodule, Place]], scene: Scene) -> list[bool]:
    """Tell for each nodule if the product's finder meets it when the series is searched with some of them in it."""
    met = [False] * len(nodules)
    for chosen in _rounds([place for _, place in nodules], scene):
        hu = added(scene, [nodules[i] for i in chosen])
        candidates = _candidates(scene, replace(scene.volume, hu=hu), int(plugin_options()["candidates"]))
        for i in chosen:
            met[i] = any(_on(c, *nodules[i], scene) for c in candidates)
    return met


def _candidates(scene: Scene, volume: Volume, most: int) -> list[Any]:
    plugin = finder()
    lungs = scene.lungs if volume is scene.volume else plugin.find_lungs(volume)
    found: list[Any] = plugin.find_candidates(volume, lungs, plugin_options()["merge_mm"], most)
    return found


def plugin_options() -> dict[str, float]:
    """Number of candidates that count, and distance within which the product merges them, as configured."""
    options = task_named("lung_nodule").config.options
    return {"merge_mm": float(options["merge_mm"]), "candidates": min(float(options["candidates"]), TAKEN)}


def _rounds(places: Sequence[Place], scene: Scene) -> Iterator[list[int]]:
    """Indices in groups whose members are far apart."""
    left = list(range(len(places)))
    while left:
        chosen: list[int] = []
        for i in left:
            gaps = [np.linalg.norm((places[i] - places[j]) * scene.volume.spacing_mm) for j in chosen]
            if min(gaps, default=np.inf) > APART_MM:
                chosen.append(i)
        left = [i for i in left if i not in chosen]
        yield chosen


def _on(candidate: Any, nodule: MadeNodule, place: Place, scene: Scene) -> bool:
    """True for a candidate within the radius of the centre in plane, and within radius and half a slice across."""
    step, row_mm, col_mm = scene.volume.spacing_mm
    aside = np.hypot((candidate.row - place[1]) * row_mm, (candidate.col - place[2]) * col_mm)
    radius = nodule.diameter_mm / 2
    across = abs(candidate.slice_index - place[0]) * step
    return bool(aside <= max(radius, LEAST_PLACE_MM) and across <= radius + step / 2)


def _sample(pixels: NDArray[np.uint8], kind: SampleKind, half: Half, place: Place, diameter: float) -> PatchSample:
    z, r, c = (float(v) for v in place)
    return PatchSample(pixels=pixels, kind=kind, half=half.name, place=(z, r, c), diameter_mm=diameter)


def _square(block: NDArray[np.int16], row: int, col: int, side: int, outside: int) -> NDArray[np.int16]:
    """[D, H, W] -> [D, side, side] around a pixel."""
    top, left = row - side // 2, col - side // 2
    cut = np.full((len(block), side, side), outside, np.int16)
    rows = slice(max(0, top), min(block.shape[1], top + side))
    columns = slice(max(0, left), min(block.shape[2], left + side))
    cut[:, rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = block[:, rows, columns]
    return cut


def _reach(scene: Scene, reach_mm: float) -> int:
    return max(1, int(reach_mm / scene.volume.spacing_mm[0] + 0.01))
