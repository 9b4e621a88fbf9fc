"""A real chest CT to put made things into: its lungs, their density, the structures in them, and its blur.

Annotated boxes are left alone: nothing is put there, nothing is taken from there.
"""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from inspect_ai.domain import Floats, Millimetres, Rejection, Study, StudyRef, Volume
from inspect_ai.errors import InputError
from inspect_ai.plugins import task_named
from inspect_ai.settings import Settings

Place = NDArray[np.float64]  # [3]: slice, row and column in voxels
Mask = NDArray[np.uint8]

BOX_MARGIN_MM = 5.0  # around an annotated box in plane; across, one slice
CLOSING_MM = 10.0  # bays and vessels that belong to the lung
LEVEL_MM = 12.0  # over which the density of lung is averaged
SMOOTH_MM = 1.0  # over which structures are told from noise
DETAIL_MM = 0.5  # over which their own brightness is taken: narrow vessels keep most of it
NOISE_SDS = 2.5
BLUR_MM = (0.3, 1.2)  # limits of what a measured blur may be; fine and coarse kernels lie within
SKIN_PX = 8  # pixels of plain air outside a skin edge that is measured
LEAST_EDGES = 30
SLICES = frozenset({".dcm", ".ima", ""})  # endings of files that may hold a slice


class Lungs(Protocol):
    """Lungs of a series, as the task lung_nodule finds them."""

    mask: Mask  # [d, h, w] on a coarser grid over the same volume
    spacing_mm: Millimetres
    air_hu: float

    def closed(self, reach_mm: float) -> Mask:
        """The lungs with holes and bays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """An annotated finding in one slice: first and last row and column, in pixels."""

    slice_index: int
    rows: tuple[float, float]
    columns: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One series. Masks are on the lungs' grid; level_hu, excess_hu [D, H, W]: lung around, structure above it."""

    name: str
    volume: Volume
    lungs: Lungs = field(compare=False, repr=False)
    usable: Mask = field(compare=False, repr=False)  # closed lungs without annotated boxes
    cells: NDArray[np.int16] = field(compare=False, repr=False)  # [N, 3], the usable ones, sorted by column
    level_hu: NDArray[np.int16] = field(compare=False, repr=False)
    excess_hu: NDArray[np.int16] = field(compare=False, repr=False)
    boxes: tuple[Box, ...]
    blur_mm: float
    midline: int  # column between the lungs

    def is_usable(self, places: NDArray[np.float64]) -> NDArray[np.bool_]:
        """[N, 3] voxels -> [N]: in a lung, in no annotated box."""
        cells, inside = self._cells(places)
        return np.asarray(inside & (self.usable[tuple(cells.T)] > 0))

    def is_parenchyma(self, place: Place) -> bool:
        """True in a lung's air, in no box, on no vessel."""
        z, r, c = np.rint(place).astype(int)
        cells, inside = self._cells(place[None])
        free = inside[0] and self.lungs.mask[tuple(cells[0])] > 0 and self.usable[tuple(cells[0])] > 0
        return bool(free and self.excess_hu[z, r, c] == 0)

    def random_place(self, random: np.random.Generator, columns: tuple[int, int]) -> Place:
        """Any usable place between two columns. Raises InputError where there is none."""
        factor = self._factor()
        inside = np.ceil(columns[0] / factor[2]), np.floor(columns[1] / factor[2])  # whole cells between the columns
        first, end = np.searchsorted(self.cells[:, 2], inside)
        if end <= first:
            raise InputError(f"Series {self.volume.series_uid} shows no lung on one side. Give series of the chest.")
        cell = self.cells[int(random.integers(first, end))]
        place = (cell + random.random(3)) * factor - 0.5
        return np.asarray(np.clip(place, 0, np.array(self.volume.hu.shape) - 1))

    def _factor(self) -> NDArray[np.float64]:
        return np.asarray(np.array(self.volume.hu.shape) / np.array(self.usable.shape), np.float64)

    def _cells(self, places: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        cells = np.floor((places + 0.5) / self._factor()).astype(int)
        top = np.array(self.usable.shape) - 1
        return np.clip(cells, 0, top), np.all((cells >= 0) & (cells <= top), axis=1)


def open_scene(name: str, volume: Volume, boxes: Sequence[Box] = ()) -> Scene:
    """Find the lungs and measure. Raises InputError for a series without two lungs or of other than axial slices."""
    if abs(volume.row_direction[0]) < 0.9:
        raise InputError(f"Series {volume.series_uid} is not axial. Give axial series of the chest.")
    lungs: Lungs = finder().find_lungs(volume)
    if not lungs.mask.any():
        raise InputError(f"Series {volume.series_uid} shows no lungs. Give series of the chest.")
    level, excess = _level_and_excess(volume, lungs)
    usable = lungs.closed(CLOSING_MM) & (1 - _boxed(volume, boxes, lungs.mask.shape))
    cells = np.argwhere(usable).astype(np.int16)
    return Scene(
        name=name,
        volume=volume,
        lungs=lungs,
        usable=usable,
        cells=cells[np.argsort(cells[:, 2], kind="stable")],
        level_hu=level,
        excess_hu=excess,
        boxes=tuple(boxes),
        blur_mm=edge_blur_mm(volume),
        midline=_midline(lungs.mask, volume.hu.shape[2]),
    )


def open_scenes(data: Path, settings: Settings) -> list[Scene]:
    """All chest series below a folder, with the boxes of its annotations.csv. Raises InputError if there is none."""
    volumes = [volume for study in _studies(data, settings) for volume in study.volumes]
    if not volumes:
        raise InputError(f"{data} holds no CT series. Give a folder of chest CT series in DICOM.")
    table = data / "annotations.csv"
    ordered = sorted(volumes, key=lambda volume: volume.series_uid)
    return [open_scene(f"series {i + 1}", v, read_boxes(table, v)) for i, v in enumerate(ordered)]


def _studies(data: Path, settings: Settings) -> list[Study]:
    """All CT series, whole. Raises InputError for a slice that cannot be read: a series without it would be another."""
    from inspect_ai import ingest

    with ingest.DecoderPool(1, settings.decode_memory_gib) as pool:
        found = list(ingest.discover(data, settings=settings, pool=pool))
    refs = [item for item in found if isinstance(item, StudyRef) and item.modality == "CT"]
    studies = [ingest.load(data, ref, settings) for ref in refs]
    lost = [f"{r.file}: {r.reason}" for r in found if isinstance(r, Rejection) and Path(r.file).suffix in SLICES]
    lost += [f"{r.file}: {r.reason}" for study in studies for r in study.rejections]
    lost += [problem for study in studies for problem in (*study.ref.problems, *study.problems)]
    if lost:
        raise InputError(f"{data} does not read as whole series ({lost[0]}). Repair or remove it.")
    return studies


def read_boxes(table: Path, volume: Volume) -> list[Box]:
    """Annotated boxes of one series; none without a table. Raises InputError for a table that lacks its columns."""
    if not table.is_file():
        return []
    slices = {uid: i for i, uid in enumerate(volume.sop_instance_uids)}
    boxes = []
    with table.open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file), 2):
            try:
                if row["series_uid"] == volume.series_uid:
                    top, left, bottom, right = (float(row[k]) for k in ("row_min", "col_min", "row_max", "col_max"))
                    place = slices[row["sop_instance_uid"]]
                    boxes.append(Box(slice_index=place, rows=(top, bottom), columns=(left, right)))
            except (KeyError, ValueError, TypeError) as e:
                raise InputError(f"{table}, line {number}, holds no box of a slice ({e!r}). Correct it.") from e
    return boxes


def near_box(scene: Scene, places: NDArray[np.float64], reach_mm: float = BOX_MARGIN_MM) -> NDArray[np.bool_]:
    """[N, 3] voxels -> [N]: within so many millimetres of an annotated box in plane, in its slice or the next."""
    near = np.zeros(len(places), bool)
    for box in scene.boxes:
        (top, bottom), (left, right) = box.rows, box.columns
        down, across = (reach_mm / mm for mm in scene.volume.spacing_mm[1:])
        z, r, c = places.T
        in_rows, in_columns = (top - down <= r) & (r <= bottom + down), (left - across <= c) & (c <= right + across)
        near |= (np.abs(z - box.slice_index) <= 1.5) & in_rows & in_columns
    return near


def finder() -> Any:
    """The plugin module that finds lungs and candidates; tasks are loaded by name, never imported."""
    return sys.modules[type(task_named("lung_nodule")).__module__]


def edge_blur_mm(volume: Volume) -> float:
    """Standard deviation of the blur in plane, from the steepness of the skin where it stands against plain air.

    An edge of height h under a Gaussian blur s has the slope h / (s sqrt(2 pi)). Its lower quartile counts: a slanting
    skin looks softer than it is. Without enough such edges it is one pixel.
    """
    found: list[float] = []
    for one in volume.hu[2:-2]:
        lines = one[one.shape[0] // 4 : -one.shape[0] // 4 : 3].astype(np.float32)
        found += [blur for line in (*lines, *lines[:, ::-1]) if (blur := _edge_blur_px(line)) is not None]
    measured = float(np.percentile(found, 25)) if len(found) >= LEAST_EDGES else 1.0
    return float(np.clip(measured * volume.spacing_mm[2], *BLUR_MM))


def _edge_blur_px(line: Floats) -> float | None:
    """Blur of the first step from air to skin along a line; None where it is no clean step."""
    tissue = np.flatnonzero(line > -500)
    if not tissue.size or not SKIN_PX + 4 <= (at := int(tissue[0])) <= len(line) - 6:
        return None
    outside, inside = line[at - SKIN_PX : at - 3], line[at + 2 : at + 5]
    if outside.max() > -930 or inside.min() < -200:
        return None
    steepest = float(np.diff(line[at - 4 : at + 4]).max())
    return float(inside.mean() - outside.mean()) / (math.sqrt(2 * math.pi) * steepest)


def _level_and_excess(volume: Volume, lungs: Lungs) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Mean density of lung around each voxel, and how far structures rise above it, where they do so beyond noise."""
    import cv2

    _, row_mm, col_mm = volume.spacing_mm
    depth, height, width = volume.hu.shape
    level = np.empty(volume.hu.shape, np.int16)
    smooth, detail = np.empty(volume.hu.shape, np.int16), np.empty(volume.hu.shape, np.int16)
    for z, one in enumerate(volume.hu):
        coarse = lungs.mask[z * len(lungs.mask) // depth]  # [h, w]
        small = cv2.resize(one.astype(np.float32), coarse.shape[::-1], interpolation=cv2.INTER_AREA)
        plain = ((coarse > 0) & (small < lungs.air_hu + 100)).astype(np.float32)
        sigma_px = LEVEL_MM / float(np.mean(lungs.spacing_mm[1:]))
        weight = cv2.GaussianBlur(plain, (0, 0), sigma_px)
        around = cv2.GaussianBlur(small * plain, (0, 0), sigma_px) / np.maximum(weight, 1e-3)
        around = np.where(weight > 0.01, around, lungs.air_hu).astype(np.float32)
        level[z] = np.rint(cv2.resize(around, (width, height), interpolation=cv2.INTER_LINEAR))
        for blurred, mm in ((smooth, SMOOTH_MM), (detail, DETAIL_MM)):
            blurred[z] = cv2.GaussianBlur(one.astype(np.float32), (0, 0), sigmaX=mm / col_mm, sigmaY=mm / row_mm)
    rises = smooth.astype(np.int32) - level
    factor = np.array(volume.hu.shape) / np.array(lungs.mask.shape)
    in_lung = rises[tuple(((np.argwhere(lungs.mask) + 0.5) * factor).astype(int).T)]
    noise = 1.4826 * float(np.median(np.abs(in_lung - np.median(in_lung))))  # of a Gaussian, by its median deviation
    return level, np.where(rises > NOISE_SDS * noise, np.maximum(detail - level, 0), 0).astype(np.int16)


def _boxed(volume: Volume, boxes: Sequence[Box], shape: tuple[int, ...]) -> Mask:
    """[d, h, w] 1 in the boxes and their margins."""
    mask = np.zeros(shape, np.uint8)
    factor = np.array(volume.hu.shape) / np.array(shape)
    margin = (1.0, BOX_MARGIN_MM / volume.spacing_mm[1], BOX_MARGIN_MM / volume.spacing_mm[2])
    for box in boxes:
        spans = [(box.slice_index, box.slice_index), box.rows, box.columns]
        low = [int(max(0.0, (s[0] - m + 0.5) // f)) for s, m, f in zip(spans, margin, factor, strict=True)]
        high = [int((s[1] + m + 0.5) // f) + 1 for s, m, f in zip(spans, margin, factor, strict=True)]
        mask[low[0] : high[0], low[1] : high[1], low[2] : high[2]] = 1
    return mask


def _midline(mask: Mask, width: int) -> int:
    """The column with the least lung in the middle half of what holds lung, in the volume's pixels."""
    filled = mask.sum(axis=(0, 1)).astype(np.float64)
    columns = np.flatnonzero(filled)
    low, high = int(np.quantile(columns, 0.3)), int(np.quantile(columns, 0.7))
    least = np.flatnonzero(filled[low : high + 1] == filled[low : high + 1].min()) + low
    return int(np.rint((float(least.mean()) + 0.5) * width / mask.shape[2] - 0.5))
