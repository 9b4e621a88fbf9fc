"""Stacks of neighbouring slices: which slices the network sees, and the window that is cut out around a candidate."""

from __future__ import annotations

from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.config import Input
from inspect_ai.domain import Floats, Study, Unit

STACK = "stack"  # kind of a study whose images are neighbouring slices of one volume; `key` names its own slice

Number = TypeVar("Number", np.uint8, np.float32)
Place = tuple[float, float]  # row and column in source pixels; the centre of the first pixel is 0


def key_index(study: Study) -> int:
    """Index of the slice that a stack is about; the middle one where no file is named so."""
    named = [index for index, image in enumerate(study.images) if image.file == study.ref.key]
    return named[0] if named else len(study.images) // 2


def neighbours(count: int, key: int, depth: int) -> list[int]:
    """Indices of `depth` slices around `key`; where a stack ends sooner, its last slice is repeated."""
    first = key - (depth - 1) // 2
    return [min(max(index, 0), count - 1) for index in range(first, first + depth)]


def middle(shape: tuple[int, ...]) -> Place:
    """Centre of slices [..., H, W]."""
    return (shape[-2] - 1) / 2, (shape[-1] - 1) / 2


def offset(votes: NDArray[np.uint8]) -> tuple[int, int]:
    """Whole rows and columns from the middle of a slice to that of its votes [H, W]; 0, 0 without any."""
    weights = votes.astype(np.float64)
    if not weights.any():
        return 0, 0
    rows, cols = np.indices(weights.shape)
    row, col = ((places * weights).sum() / weights.sum() for places in (rows, cols))
    centre = middle(weights.shape)
    return round(float(row) - centre[0]), round(float(col) - centre[1])


def centred(pixels: NDArray[Any], by: tuple[int, int]) -> NDArray[Any]:
    """[H, W] or [H, W, 3] so that what lay `by` rows and columns from the middle lies there; borders are mirrored."""
    down, right = by
    height, width = pixels.shape[:2]
    wide = np.pad(pixels, [(abs(down),) * 2, (abs(right),) * 2, *[(0, 0)] * (pixels.ndim - 2)], mode="reflect")
    top, left = abs(down) + down, abs(right) + right
    return np.ascontiguousarray(wide[top : top + height, left : left + width])


def cut(slices: NDArray[Number], centre: Place, side: int, size: int, *, nearest: bool = False) -> NDArray[Number]:
    """[D, H, W] -> [D, size, size]: the square of `side` source pixels around a centre, mirrored beyond the borders.

    nearest: for values that may not be mixed, such as votes.
    """
    step = side / size
    row, col = (at - (size - 1) / 2 * step for at in centre)
    to_source = np.array([[step, 0.0, col], [0.0, step, row]])
    flags = (cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP
    border = cv2.BORDER_CONSTANT if nearest else cv2.BORDER_REFLECT_101
    cuts = [cv2.warpAffine(one, to_source, (size, size), flags=flags, borderMode=border) for one in slices]
    return np.asarray(np.stack(cuts), slices.dtype)


def window_unit(slices: Floats, key: int, centre: Place, seen: Input) -> Unit:
    """[D, H, W] in 0..1 -> Unit [C, depth, size, size] around a centre; [C, size, size] where the depth is 1.

    A stack counts as one picture, of index 0, whichever of its slices is its own.
    """
    side = seen.window or min(slices.shape[1:])
    size = seen.size or side
    chosen = cut(slices[neighbours(len(slices), key, seen.depth)], centre, side, size)  # [depth, size, size]
    pixels = np.repeat((chosen if seen.depth > 1 else chosen[0])[None], seen.channels, axis=0)
    step = side / size
    origin = centre[0] - (size - 1) / 2 * step, centre[1] - (size - 1) / 2 * step
    return Unit(pixels=np.ascontiguousarray(pixels), origin_px=origin, scale_px=(step, step))
