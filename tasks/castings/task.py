"""Defects of round cast parts seen from above: burrs, blow holes, chips, shrinkage. Whole pictures, never shrunk."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from inspect_ai.domain import Floats, Measure, Study, Unit, UnitOutput
from inspect_ai.plugins import Task, in_channels
from inspect_ai.quality import greyness, picture_quality, with_limits


class Castings(Task):
    """Pass or flag for one round part a picture, on a plain ground. Turning the part changes nothing about it."""

    name = "castings"
    version = "1"
    title = "Defects of cast parts"
    covers = (
        "grey pictures of one pump impeller each, from above, as in the training set; on other parts, views and "
        "cameras nothing is promised"
    )

    def accepts(self, study: Study) -> str | None:
        """A nearly grey picture of some size; whose it is among such tasks is told by their calibration pictures."""
        pictures = [image.unit_range() for image in study.images]
        fits = bool(pictures) and all(greyness(p).passed and min(p.shape[:2]) >= LEAST_PX for p in pictures)
        return "a grey picture of a part" if fits else None

    def quality(self, study: Study) -> list[Measure]:
        """The house's measures, and whether the picture is grey."""
        pictures = [image.unit_range() for image in study.images]
        return [m for picture in pictures for m in (*with_limits(picture_quality(picture), LEAST), greyness(picture))]

    def units(self, study: Study) -> Iterator[Unit]:
        """The whole picture in one channel, its light evened; one larger than any trained on is brought down."""
        side = int(self.config.options.get("side", 300))
        for index, image in enumerate(study.images):
            grey = in_channels(image.unit_range(), 1)[0]
            scale = max(1.0, max(grey.shape) / side)
            if scale > 1.0:
                size = max(1, round(grey.shape[1] / scale)), max(1, round(grey.shape[0] / scale))
                grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.float32)
            yield Unit(
                pixels=evened(grey)[None],
                image_index=index,
                scale_px=(scale, scale),
                sop_instance_uid=image.sop_instance_uid,
            )

    def positive_name(self, output: UnitOutput) -> str:
        """The decision's own word: the kind of defect is not told."""
        del output
        return "defect"


LEAST_PX = 128  # smaller side; of training pictures it is 300
# Well below any picture of training (fine detail 0.59, coarse detail 0.77, contrast 0.71 at the least); a blur of
# three pixels falls below the first.
LEAST = {"fine detail": 0.42, "coarse detail": 0.55, "contrast": 0.3, "contrast to noise": 20.0}
SPREADS = 4.0  # from black to white of a unit, in standard deviations of its picture


def evened(grey: Floats) -> Floats:
    """[H, W] in 0..1 -> the same: mean and spread of every picture alike, so that light and exposure matter less.

    Local contrast, as for magnetic tiles, was looked at and left out: on turned metal it shows grain and compression
    as strongly as defects, which are dark or bright enough to be seen as they are.
    """
    spread = max(float(grey.std()), 1e-3)
    return np.clip(0.5 + (grey - float(grey.mean())) / (SPREADS * spread), 0.0, 1.0).astype(np.float32)
