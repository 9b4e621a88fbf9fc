"""Batches of pretraining: drawn pictures, their crops and flips, and the hidden blocks.

Crops, flips and masks follow from seed, epoch and step alone, so that a resumed run equals the uninterrupted one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from inspect_ai.training.pretraining import Pretraining
from inspect_ai.training.pretraining_pictures import SMALLEST_PX, Picture

SMALL_CROP_PX = 96  # up to this side the small block is hidden


class Views(NamedTuple):
    """Crops of one task. pixels [B, 1 or 3, S, S] in 0..1; mask [B, S / block, S / block], True where hidden."""

    pixels: Tensor
    mask: Tensor
    task: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One batch before it is cropped: its pictures, the side of the crops, and the seed of its random numbers."""

    indices: tuple[int, ...]
    side_px: int
    key: tuple[int, ...]


def draw_mask(cells: int, share: float, random: np.random.Generator) -> NDArray[np.bool_]:
    """[cells, cells] with the share of them True, rounded."""
    order = random.permutation(cells * cells).reshape(cells, cells)
    return order < round(share * cells * cells)


def crop_side(picture: Picture, crop: int) -> int:
    """Largest multiple of the coarsest stride that fits into the picture, at most `crop`."""
    smaller = min(picture.pixels.shape[:2])
    return max(SMALLEST_PX, min(crop, smaller) // SMALLEST_PX * SMALLEST_PX)


def pools(pictures: Sequence[Picture], crop: int) -> dict[tuple[str, int], list[int]]:
    """(task, side of its crops) -> indices of the pictures that may share a batch."""
    shared: dict[tuple[str, int], list[int]] = {}
    for index, picture in enumerate(pictures):
        shared.setdefault((picture.task, crop_side(picture, crop)), []).append(index)
    return shared


class Draws(Sampler[Draw]):
    """Batches of one epoch. A task is drawn by the square root of its pictures, then a picture size by its share."""

    def __init__(self, pictures: Sequence[Picture], config: Pretraining, seed: int) -> None:
        self.config, self.seed, self.epoch = config, seed, 0
        self.pools = pools(pictures, config.crop)
        of_task = {task: sum(p.task == task for p in pictures) for task, _ in self.pools}
        weights = np.array([len(pool) / math.sqrt(of_task[task]) for (task, _), pool in self.pools.items()])
        self.shares = weights / weights.sum()

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch; Lightning calls it before each one."""
        self.epoch = epoch

    def __len__(self) -> int:
        return max(1, self.config.samples_per_epoch // self.config.batch)

    def __iter__(self) -> Iterator[Draw]:
        random = np.random.default_rng((self.seed, self.epoch))
        sides, members = [side for _, side in self.pools], list(self.pools.values())
        for step in range(len(self)):
            pool = int(random.choice(len(members), p=self.shares))
            again = len(members[pool]) < self.config.batch
            chosen = random.choice(members[pool], self.config.batch, replace=again)
            key = (self.seed, self.epoch, step)
            yield Draw(indices=tuple(int(i) for i in chosen), side_px=sides[pool], key=key)


def every_picture(pictures: Sequence[Picture], config: Pretraining) -> list[Draw]:
    """Draws of held-out pictures: each picture once, with the same crop and mask at every call."""
    return [
        Draw(indices=tuple(pool[start : start + config.batch]), side_px=side, key=(side, start))
        for (_, side), pool in pools(pictures, config.crop).items()
        for start in range(0, len(pool), config.batch)
    ]


class MaskedSet(Dataset[Views]):
    """Views by Draw."""

    def __init__(self, pictures: Sequence[Picture], config: Pretraining) -> None:
        self.pictures, self.config = pictures, config

    def __getitem__(self, draw: Draw) -> Views:
        random = np.random.default_rng(draw.key)
        block = self.config.block if draw.side_px > SMALL_CROP_PX else self.config.small_block
        chosen = [self.pictures[i] for i in draw.indices]
        pixels = np.stack([crop_of(p.pixels, draw.side_px, random, self.config.zoom) for p in chosen])  # [B, S, S, C]
        masks = np.stack([draw_mask(draw.side_px // block, self.config.mask_share, random) for _ in chosen])
        planes = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255.0  # [B, C, S, S]
        return Views(planes, torch.from_numpy(masks), chosen[0].task)


def crop_of(pixels: NDArray[np.uint8], side: int, random: np.random.Generator, zoom: float = 0.0) -> NDArray[np.uint8]:
    """[H, W, C] -> [side, side, C] from anywhere, mirrored or not; the border is mirrored where the picture ends.

    zoom: the crop covers a side between 1 - zoom and 1 + zoom of `side`, as far as the picture reaches.
    """
    if zoom:
        factor = float(random.uniform(1.0 - zoom, 1.0 + zoom))
        covered = max(SMALLEST_PX, round(min(side * factor, max(side, min(pixels.shape[:2])))))
        cut = crop_of(pixels, covered, random)
        how = cv2.INTER_AREA if covered > side else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(cut, (side, side), interpolation=how), np.uint8).reshape(side, side, -1)
    missing = [max(0, side - length) for length in pixels.shape[:2]]
    if any(missing):
        padded = cv2.copyMakeBorder(pixels, 0, missing[0], 0, missing[1], cv2.BORDER_REFLECT_101)
        pixels = np.asarray(padded, np.uint8).reshape(*padded.shape[:2], pixels.shape[2])
    top, left = (int(random.integers(length - side + 1)) for length in pixels.shape[:2])
    down, right = (int(random.choice((-1, 1))) for _ in range(2))
    return pixels[top : top + side, left : left + side][::down, ::right]
