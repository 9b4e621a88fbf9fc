"""Twins: pictures of one part that differ by light alone, such as exposures of one tile; their answers must be alike.

Which pictures show one part is told by group, label and a column such as `exposure`; that they show one region, which
groups of a lot do not promise, by their looks. They are cut by hand, so they fit to a few pixels: decisions are
compared, not cells.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inspect_ai.datasets.samples import Sample
from inspect_ai.datasets.windows import Window

THUMBNAIL_PX = 48
LIKE = 0.6  # least correlation of thumbnails: four fifths of exposures in a row reach it, 2 % of pictures of two tiles
MOST_STRETCH = 1.15  # of height and of width between two cuts of one region


def find_twins(samples: Sequence[Sample | Window]) -> list[tuple[int, ...]]:
    """Indices of each sample's twins; none where its label set names no column that tells exposures apart."""
    parts: dict[tuple[str, str, str], dict[int, Sample]] = defaultdict(dict)
    for i, sample in enumerate(samples):
        if isinstance(sample, Sample) and sample.labels.twin_column is not None:
            parts[sample.labels.name, sample.row.group, sample.row.label][i] = sample
    twins: list[tuple[int, ...]] = [()] * len(samples)
    for part in parts.values():
        looks = {i: _look(sample.pixels) for i, sample in part.items()}
        for i, one in part.items():
            alike = (j for j, other in part.items() if j != i and _are_twins(one, other, looks[i], looks[j]))
            twins[i] = tuple(alike)
    return twins


def fitted(twin: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Twin [H, W, C] stretched to the picture that it stands beside."""
    sized = cv2.resize(twin, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(sized, np.uint8).reshape(shape[0], shape[1], twin.shape[2])


def disagreement(one: Tensor, other: Tensor) -> Tensor:
    """Mean symmetric divergence of two decisions in logits [N]: KL(p, q) + KL(q, p) of yes or no."""
    return ((one.sigmoid() - other.sigmoid()) * (one - other)).mean()


def _are_twins(one: Sample, other: Sample, look: NDArray[np.float32], other_look: NDArray[np.float32]) -> bool:
    column = one.labels.twin_column
    if dict(one.row.columns).get(column or "") == dict(other.row.columns).get(column or ""):
        return False
    sides = zip(one.pixels.shape[:2], other.pixels.shape[:2], strict=True)
    alike = all(max(a, b) <= MOST_STRETCH * min(a, b) for a, b in sides)
    return alike and float((look * other_look).mean()) >= LIKE


def _look(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """[H, W, C] -> [48, 48] of mean 0 and spread 1, the light evened out."""
    grey = np.ascontiguousarray(pixels.mean(axis=-1, dtype=np.float32))
    small = cv2.resize(grey, (THUMBNAIL_PX, THUMBNAIL_PX), interpolation=cv2.INTER_AREA)
    even = small - cv2.GaussianBlur(small, (0, 0), THUMBNAIL_PX / 6)
    even = even - even.mean()
    return np.asarray(even / max(float(even.std()), 1e-3), np.float32)


def stacked_twins(pixels: Tensor, twins: Sequence[NDArray[np.uint8] | None]) -> tuple[Tensor | None, Tensor | None]:
    """Twins as pixels [N, C, H, W] in 0..1 and the places [N] in the batch that they belong to; None without any."""
    at = [i for i, twin in enumerate(twins) if twin is not None]
    if not at:
        return None, None
    planes = torch.from_numpy(np.stack([twin for twin in twins if twin is not None])).permute(0, 3, 1, 2)
    return (planes.to(pixels.dtype) / 255.0).contiguous(memory_format=torch.channels_last), torch.tensor(at)
