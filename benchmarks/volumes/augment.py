"""Augmentation of volumes by MONAI's transforms."""

from __future__ import annotations

from typing import Any

import numpy as np
from monai.transforms import Compose, RandAdjustContrast, RandFlip, RandGaussianNoise, RandRotate90, RandZoom
from numpy.typing import NDArray

from inspect_ai.config import Augment


class VolumeAugment:
    """pixels [C, D, H, W] float32 in 0..1 -> the same: MONAI's flips, quarter turns in plane, zoom and intensity."""

    def __init__(self, config: Augment, seed: int) -> None:
        steps: list[Any] = []
        if config.flip_horizontal:
            steps.append(RandFlip(prob=0.5, spatial_axis=2))
        if config.flip_vertical:
            steps += [RandFlip(prob=0.5, spatial_axis=1), RandFlip(prob=0.5, spatial_axis=0)]
        if config.rotate90:
            steps.append(RandRotate90(prob=0.75, spatial_axes=(1, 2)))
        if config.scale:
            steps.append(RandZoom(prob=0.5, min_zoom=1 - config.scale, max_zoom=1 + config.scale))
        if config.contrast:
            steps.append(RandAdjustContrast(prob=0.5, gamma=(1 - config.contrast, 1 + config.contrast)))
        if config.noise:
            steps.append(RandGaussianNoise(prob=config.noise, std=0.02))
        self._steps = Compose(steps)
        self._steps.set_random_state(seed=seed)

    def __call__(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Augment one volume."""
        return np.asarray(self._steps(pixels), np.float32)
