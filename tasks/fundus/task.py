"""Referable diabetic retinopathy on colour fundus photographs: the lit field, evened out, at every pixel it has."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from inspect_ai.domain import Floats, Measure, Study, Unit
from inspect_ai.plugins import Task, in_channels, picture_quality

DARK = 0.06  # of full scale: the surround of the field of view is darker
GAIN = 4.0  # of local contrast (B. Graham's winning entry of the 2015 competition uses 4)


class Fundus(Task):
    """ICDR grade 2 or more is referable. One photograph is one unit; one patient has two eyes."""

    name = "fundus"
    version = "1"
    title = "Referable diabetic retinopathy"
    modalities = ("OP",)
    covers = "one colour fundus photograph centred on macula or disc; macular oedema is not graded"

    def accepts(self, study: Study) -> str | None:
        """A colour photograph with a bright field of view, red above blue."""
        for image in study.images:
            picture = image.unit_range()
            if picture.ndim != 3:
                return None
            inside = picture.max(axis=-1) > DARK
            if inside.mean() < 0.2:
                return None
            red, _, blue = picture[inside].mean(axis=0)
            if red < blue * 1.05:
                return None
        return "a colour photograph of an eye's fundus" if study.images else None

    def quality(self, study: Study) -> list[Measure]:
        """The house's measures, and how much of the disc is there and lit."""
        measures = []
        for image in study.images:
            picture = image.unit_range()
            top, left, height, width = field_of_view(picture)
            inside = picture[top : top + height, left : left + width]
            lit = float((in_channels(inside, 1)[0] > DARK).mean())
            measures += [m for m in picture_quality(picture) if m.name != "not overexposed"]
            measures += [
                Measure(
                    name="field of view (px)",
                    value=float(min(height, width)),
                    limit=200.0,
                    advice="use the original photograph",
                ),
                Measure(
                    name="lit part of the field",
                    value=lit,
                    limit=0.4,
                    advice="repeat the photograph: too dark or cut off",
                ),
            ]
        return measures

    def units(self, study: Study) -> Iterator[Unit]:
        """The field of view as a square of the configured size, local contrast raised, light evened out."""
        size = self.config.input.size or 384
        for index, image in enumerate(study.images):
            picture = in_channels(image.unit_range(), 3).transpose(1, 2, 0)  # [H, W, 3]
            top, left, height, width = field_of_view(picture)
            field = picture[top : top + height, left : left + width]
            shrinks = size < max(height, width)
            field = cv2.resize(field, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
            yield Unit(
                pixels=np.ascontiguousarray(evened(field).transpose(2, 0, 1)),
                image_index=index,
                origin_px=(float(top), float(left)),
                scale_px=(height / size, width / size),
                sop_instance_uid=image.sop_instance_uid,
            )


def field_of_view(picture: Floats) -> tuple[int, int, int, int]:
    """Top, left, height, width of the lit part of [H, W, 3] or [H, W]; all of it without a dark surround."""
    bright = picture if picture.ndim == 2 else picture.max(axis=-1)
    lit = cv2.medianBlur((bright * 255).astype(np.uint8), 5) > DARK * 255
    rows, columns = np.flatnonzero(lit.mean(axis=1) > 0.02), np.flatnonzero(lit.mean(axis=0) > 0.02)
    if len(rows) < 32 or len(columns) < 32:
        return 0, 0, picture.shape[0], picture.shape[1]
    return int(rows[0]), int(columns[0]), int(rows[-1] - rows[0] + 1), int(columns[-1] - columns[0] + 1)


def evened(field: Floats) -> Floats:
    """[S, S, 3] in 0..1 -> the same: distance from the local mean, times GAIN, around 0.5; the surround is 0.5.

    The local mean is taken inside the field alone, so that its border does not glow.
    """
    inside = cv2.erode((field.max(axis=-1) > DARK).astype(np.float32), np.ones((5, 5), np.uint8))
    sigma = field.shape[0] / 30
    weight = cv2.GaussianBlur(inside, (0, 0), sigma)[..., None]
    mean = cv2.GaussianBlur(field * inside[..., None], (0, 0), sigma) / np.maximum(weight, 1e-3)
    contrast = np.clip(0.5 + GAIN * (field - mean), 0.0, 1.0)
    return np.where(inside[..., None] > 0, contrast, np.float32(0.5)).astype(np.float32)
