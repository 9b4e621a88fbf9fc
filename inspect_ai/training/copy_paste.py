"""Copy-paste of defects from one sample onto another (after "Simple copy-paste", arXiv 2012.07177), so that a network
cannot learn which tiles have defects in place of how a defect looks. Train samples alone are changed.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.datasets.samples import Sample

MARGIN_PX = 6  # around the mask, feathered
MOST_OF_A_SIDE = 0.8  # a defect larger than this share of the picture is not pasted


class CopyPaste:
    """(pixels [H, W, C] uint8, mask [H, W]) -> the same, a negative with another sample's defect by `probability`."""

    def __init__(self, samples: list[Sample], probability: float, seed: int) -> None:
        self.probability = probability
        self.random = np.random.default_rng(seed)
        self.donors = [d for s in samples if s.positive == 1 and (d := _cut_out(s)) is not None] if probability else []

    def __call__(
        self, pixels: NDArray[np.uint8], mask: NDArray[np.uint8] | None
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
        if mask is None or mask.any() or not self.donors or self.random.random() >= self.probability:
            return pixels, mask
        patch, shape = self.donors[self.random.integers(len(self.donors))]
        for axis in (0, 1):
            if self.random.random() < 0.5:
                patch, shape = np.flip(patch, axis), np.flip(shape, axis)
        h, w = shape.shape
        height, width = mask.shape
        if h > MOST_OF_A_SIDE * height or w > MOST_OF_A_SIDE * width or patch.shape[-1] != pixels.shape[-1]:
            return pixels, mask
        top, left = int(self.random.integers(height - h + 1)), int(self.random.integers(width - w + 1))
        window = np.s_[top : top + h, left : left + w]
        alpha = cv2.GaussianBlur(
            cv2.dilate(np.ascontiguousarray(shape), np.ones((5, 5), np.uint8)).astype(np.float32), (0, 0), 1.5
        )
        pixels, mask = pixels.copy(), mask.copy()
        blend = pixels[window] * (1 - alpha[..., None]) + patch * alpha[..., None]
        pixels[window] = np.rint(blend).astype(np.uint8)
        mask[window] |= shape
        return pixels, mask


def _cut_out(sample: Sample) -> tuple[NDArray[np.uint8], NDArray[np.uint8]] | None:
    """Cut out the defect's box with a margin, pixels and mask; None without a mask."""
    if sample.mask is None or not sample.mask.any():
        return None
    rows, columns = np.flatnonzero(sample.mask.any(axis=1)), np.flatnonzero(sample.mask.any(axis=0))
    top, left = max(0, rows[0] - MARGIN_PX), max(0, columns[0] - MARGIN_PX)
    box = np.s_[top : rows[-1] + MARGIN_PX + 1, left : columns[-1] + MARGIN_PX + 1]
    return sample.pixels[box], sample.mask[box]
