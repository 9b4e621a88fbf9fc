"""Training augmentation by albumentations, which no other file imports."""

from __future__ import annotations

from typing import Any

import albumentations as A
import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.config import Augment

BORDERS = {"reflect": cv2.BORDER_REFLECT_101, "replicate": cv2.BORDER_REPLICATE}
SPECKS = np.ones((5, 5), np.uint8)
ON_MASK = 0.7  # share of a positive's crops taken around its mask


class PictureAugment:
    """pixels [H, W, C] uint8 and mask [H, W] or None -> the same, cropped to `crop` where that is configured.

    surround: value of pixels in 0..1 that show nothing, in all channels; they keep it whatever the light becomes.
    """

    def __init__(self, config: Augment, seed: int, surround: float | None = None) -> None:
        self._surround = None if surround is None else round(255 * surround)
        more = {"additional_targets": {"empty": "mask", "twin": "image"}}
        self._any = A.Compose([*_crop(config, on_mask=False), *_common(config)], seed=seed, **more)
        self._masked = A.Compose([*_crop(config, on_mask=True), *_common(config)], seed=seed, **more)

    def __call__(
        self, pixels: NDArray[np.uint8], mask: NDArray[np.uint8] | None
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
        made, mask, _ = self.with_twin(pixels, mask, None)
        return made, mask

    def with_twin(
        self, pixels: NDArray[np.uint8], mask: NDArray[np.uint8] | None, twin: NDArray[np.uint8] | None
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None, NDArray[np.uint8] | None]:
        """Change picture, mask and twin [H, W, C] in the same way."""
        given: dict[str, NDArray[Any]] = {"image": pixels}
        given |= {} if mask is None else {"mask": mask}
        given |= {} if twin is None else {"twin": twin}
        if self._surround is not None:
            empty = (pixels == self._surround).all(axis=-1).astype(np.uint8)
            given["empty"] = cv2.morphologyEx(empty, cv2.MORPH_OPEN, SPECKS)  # single pixels are like it by chance
        made = (self._masked if mask is not None and mask.any() else self._any)(**given)
        if self._surround is not None:
            for name in {"image", "twin"} & set(given):
                made[name][made["empty"] > 0] = self._surround
        return made["image"], made.get("mask"), made.get("twin")


class StackAugment:
    """Stack [D, H, W, C] uint8 -> the same: one flip, turn, zoom and light for all slices, and their order reversed.

    A single slice [H, W, C] is augmented as a picture. The slices are channels to albumentations, so that whatever it
    does to one it does to all; noise alone is each slice's own. Stacks are grey.
    """

    def __init__(self, config: Augment, seed: int) -> None:
        self.off_centre = config.off_centre
        self._steps = A.Compose(_common(config.model_copy(update={"shift": 0.0})), seed=seed)
        self._random = np.random.default_rng(seed)

    def shift(self, side: int) -> tuple[float, float]:
        """Rows and columns by which a window of `side` is moved: anywhere within `off_centre` of its side."""
        down, right = self._random.uniform(-self.off_centre, self.off_centre, 2) * side
        return float(down), float(right)

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if pixels.ndim == 3:
            return np.asarray(self._steps(image=pixels)["image"], np.uint8)
        grey = np.ascontiguousarray(np.moveaxis(pixels[..., 0], 0, -1))  # [H, W, D]
        moved = np.moveaxis(np.asarray(self._steps(image=grey)["image"], np.uint8), -1, 0)  # [D, H, W]
        if self._random.random() < 0.5:
            moved = moved[::-1]
        return np.ascontiguousarray(np.repeat(moved[..., None], pixels.shape[-1], axis=-1))


def _crop(c: Augment, *, on_mask: bool) -> list[Any]:
    if c.crop is None:
        return []
    pad = A.PadIfNeeded(c.crop, c.crop, border_mode=cv2.BORDER_REFLECT_101)
    anywhere = A.RandomCrop(c.crop, c.crop, p=1.0 - ON_MASK)
    around = A.CropNonEmptyMaskIfExists(c.crop, c.crop, p=ON_MASK)
    return [pad, A.OneOf([around, anywhere], p=1.0) if on_mask else A.RandomCrop(c.crop, c.crop)]


def _common(c: Augment) -> list[Any]:
    steps: list[Any] = []
    if c.flip_horizontal:
        steps.append(A.HorizontalFlip(p=0.5))
    if c.flip_vertical:
        steps.append(A.VerticalFlip(p=0.5))
    if c.rotate90:
        steps.append(A.RandomRotate90(p=0.75))
    if c.scale or c.shift or c.rotate_degrees:
        steps.append(
            A.Affine(
                scale=(1 - c.scale, 1 + c.scale),
                translate_percent=(-c.shift, c.shift),
                rotate=(-c.rotate_degrees, c.rotate_degrees),
                border_mode=BORDERS[c.border],
                p=0.7,
            )
        )
    if c.brightness or c.contrast:
        steps.append(A.RandomBrightnessContrast(c.brightness, c.contrast, p=0.7))
    if c.gamma:
        steps.append(A.RandomGamma((100 * (1 - c.gamma), 100 * (1 + c.gamma)), p=0.5))
    if c.blur:
        steps.append(A.GaussianBlur(blur_limit=(3, 5), p=c.blur))
    if c.noise:
        steps.append(A.GaussNoise(std_range=(0.01, 0.04), p=c.noise))
    if c.erase:
        steps.append(
            A.CoarseDropout(
                num_holes_range=(1, 3), hole_height_range=(0.05, 0.15), hole_width_range=(0.05, 0.15), p=c.erase
            )
        )
    return steps
