"""Joins among the pictures of a labelled folder, and how many changed copies of its pictures are found."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.datasets.folder import LabelledFolder, unit_of
from inspect_ai.datasets.looks import thumbnail
from inspect_ai.datasets.near_copies import near_pairs, turned
from inspect_ai.datasets.samples import study_of
from inspect_ai.settings import Settings

SEED, CHANGED = 0, 60

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Joins:
    """Counts of one folder. across_labels: joined pairs under two labels, which surely are different parts."""

    pictures: int
    units: int
    joined: int
    across_labels: int
    across_splits: int
    least_alike: float
    seconds: float
    found: dict[str, float]  # change -> share of changed copies that were joined with their picture


def _jpeg(picture: Picture, quality: int) -> Picture:
    coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.uint8)


def _moved(picture: Picture, pixels: int) -> Picture:
    move = np.array([[1, 0, pixels], [0, 1, -pixels]], np.float32)
    return np.asarray(cv2.warpAffine(picture, move, picture.shape[::-1], borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _scaled(picture: Picture, by: float) -> Picture:
    return np.asarray(cv2.resize(picture, None, fx=by, fy=by, interpolation=cv2.INTER_AREA), np.uint8)


CHANGES: dict[str, Callable[[Picture], Picture]] = {
    "turned by 90 degrees": lambda p: turned(p, 5),
    "mirrored": lambda p: turned(p, 1),
    "JPEG 80": lambda p: _jpeg(p, 80),
    "JPEG 60": lambda p: _jpeg(p, 60),
    "JPEG 40": lambda p: _jpeg(p, 40),
    "moved by 1 px": lambda p: _moved(p, 1),
    "moved by 2 px": lambda p: _moved(p, 2),
    "moved by 4 px": lambda p: _moved(p, 4),
    "scaled to 80 %": lambda p: _scaled(p, 0.8),
    "scaled to 110 %": lambda p: _scaled(p, 1.1),
    "gain 1.2, offset 15": lambda p: np.clip(p * 1.2 + 15.0, 0, 255).astype(np.uint8),
    "gamma 0.7": lambda p: (255.0 * (p / 255.0) ** 0.7).astype(np.uint8),
}


def joins(folder: LabelledFolder, settings: Settings) -> Joins:
    """Join the pictures of one folder, then changed copies of some of them, each change by itself."""
    with folder.unpacked([replace(row, masks=()) for row in folder.rows]) as root:
        pictures = [_grey(root, row.file, settings) for row in folder.rows]
    small = np.stack([_small(picture) for picture in pictures])
    sides = [min(picture.shape) for picture in pictures]
    numbers: dict[str, int] = {}
    units = [numbers.setdefault(unit_of(row, folder.labels), len(numbers)) for row in folder.rows]
    started = time.process_time()
    pairs = near_pairs(small, sides, units)
    seconds = time.process_time() - started
    ends = [(folder.rows[pair.first], folder.rows[pair.second]) for pair in pairs]
    chosen = np.random.default_rng(SEED).choice(len(pictures), min(CHANGED, len(pictures)), replace=False).tolist()
    return Joins(
        pictures=len(pictures),
        units=len(numbers),
        joined=len(pairs),
        across_labels=sum(a.label != b.label for a, b in ends),
        across_splits=sum(a.split != b.split for a, b in ends),
        least_alike=min((pair.alike for pair in pairs), default=1.0),
        seconds=seconds,
        found={name: _found(change, [pictures[i] for i in chosen]) for name, change in CHANGES.items()},
    )


def _found(change: Callable[[Picture], Picture], pictures: list[Picture]) -> float:
    """Share of the changed copies that are joined with the picture that they are a copy of."""
    changed = [change(picture) for picture in pictures]
    small = np.stack([_small(picture) for picture in (*pictures, *changed)])
    n = len(pictures)
    pairs = near_pairs(small, [min(p.shape) for p in (*pictures, *changed)], list(range(2 * n)))
    return sum(pair.second == pair.first + n for pair in pairs) / n


def _grey(root: Path, file: str, settings: Settings) -> Picture:
    shown = study_of(root, file, settings).images[0].unit_range() * 255.0
    grey = shown if shown.ndim == 2 else shown @ np.array([0.299, 0.587, 0.114], np.float32)
    return np.asarray(grey.round(), np.uint8)


def _small(picture: Picture) -> Picture:
    return thumbnail(picture.astype(np.float32) / np.float32(255.0))
