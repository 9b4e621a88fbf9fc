"""Defects on metal surfaces: whole pictures at full resolution, because a blowhole is six pixels wide."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from inspect_ai.domain import Floats, Measure, Study, Unit, UnitOutput
from inspect_ai.plugins import Task, in_channels
from inspect_ai.quality import greyness, picture_quality, with_limits


class MetalSurface(Task):
    """Pass or flag for magnetic tiles; names the defect class for hot-rolled steel strip, which it learnt from
    catalogues.
    """

    name = "metal_surface"
    version = "1"
    title = "Defects on metal surfaces"
    covers = (
        "grey pictures of magnetic tiles under the light of the training set; on other surfaces nothing is promised, "
        "whatever the operating point says"
    )

    def accepts(self, study: Study) -> str | None:
        """A nearly grey picture."""
        for image in study.images:
            picture = image.unit_range()
            if picture.ndim == 3 and float(np.abs(picture - picture.mean(axis=-1, keepdims=True)).mean()) > GREY_LIMIT:
                return None
            if max(picture.shape[:2]) <= CANDIDATE_SIDE:
                return None  # the size of a lung nodule candidate
        return "a grey surface picture"

    def quality(self, study: Study) -> list[Measure]:
        """The house's measures, and whether the picture is grey."""
        pictures = [image.unit_range() for image in study.images]
        return [m for picture in pictures for m in (*with_limits(picture_quality(picture), LEAST), greyness(picture))]

    def units(self, study: Study) -> Iterator[Unit]:
        """The picture at its own size; larger ones in overlapping tiles, so that nothing is shrunk away."""
        side = int(self.config.options.get("tile", 768))
        overlap = int(self.config.options.get("overlap", 64))
        for index, image in enumerate(study.images):
            pixels = evened(in_channels(image.unit_range(), 1)[0])
            for top in starts(pixels.shape[1], side, overlap):
                for left in starts(pixels.shape[2], side, overlap):
                    tile = np.ascontiguousarray(pixels[:, top : top + side, left : left + side])
                    yield Unit(
                        pixels=tile,
                        name=f"row {top}, column {left}",
                        image_index=index,
                        origin_px=(float(top), float(left)),
                        sop_instance_uid=image.sop_instance_uid,
                    )

    def positive_name(self, output: UnitOutput) -> str:
        """The decision's own word; the steel catalogues' classes are read by evaluate, not guessed on tiles."""
        del output
        return "defect"


LEAST = {"fine detail": 0.42, "coarse detail": 0.45, "contrast to noise": 5.0}  # well below any training picture
FINE_PX, COARSE_PX = 9, 65  # windows of local contrast: about a blowhole, about a fray
GREY_LIMIT = 0.02  # mean distance of colours from grey, 0..1
CANDIDATE_SIDE = 64


def evened(grey: Floats) -> Floats:
    """[H, W] in 0..1 -> [3, H, W] in 0..1: grey standardised over the picture, and its contrast in two windows.

    One tile is photographed under six exposures; what stays the same among them is what counts.
    """
    spread = max(float(grey.std()), 1e-3)
    channels = [(grey - float(grey.mean())) / spread]
    for side in (FINE_PX, COARSE_PX):
        mean = cv2.blur(grey, (side, side), borderType=cv2.BORDER_REFLECT_101)
        square = cv2.blur(grey * grey, (side, side), borderType=cv2.BORDER_REFLECT_101)
        local = np.sqrt(np.maximum(square - mean * mean, 0.0))
        channels.append((grey - mean) / (local + 0.1 * spread))
    return np.clip(0.5 + np.stack(channels) / 6.0, 0.0, 1.0).astype(np.float32)


def starts(length: int, side: int, overlap: int) -> list[int]:
    """First pixels of overlapping tiles that cover `length`; the last one ends at the border."""
    if length <= side:
        return [0]
    steps = list(range(0, length - side, side - overlap))
    return [*steps, length - side]
