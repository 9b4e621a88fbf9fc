"""Referable diabetic retinopathy on colour fundus photographs: the lit field, evened out, at every pixel it has."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.domain import Floats, Measure, Study, Unit
from inspect_ai.plugins import Task, in_channels
from inspect_ai.quality import detail_quality, frame_quality, luma, with_limits

DARK = 0.06  # of full scale: the surround of the field of view is darker
LOOK_PX = 512  # longer side at which detail is measured, about that of the network's input
# Well below any photograph of training.
LEAST = {"brightness": 0.04, "fine detail": 0.33, "coarse detail": 0.36, "contrast to noise": 20.0}
RED_OVER_BLUE, RED_ENOUGH = 1.05, 2.0
DISC_SIDE, DISC_LEAST = 128, 1.5
GAIN = 4.0  # of local contrast (B. Graham's winning entry of the 2015 competition uses 4)


class Fundus(Task):
    """ICDR grade 2 or more is referable. One photograph is one unit; one patient has two eyes."""

    name = "fundus"
    version = "1"
    title = "Referable diabetic retinopathy"
    modalities = ("OP",)
    modalities_when_named = ("XC", "OT", "SC", "ES", "")  # external camera, other, capture, endoscope, and none stated
    judges_each_picture = True
    covers = "one colour fundus photograph centred on macula or disc; macular oedema is not graded"

    def accepts(self, study: Study) -> str | None:
        """A colour photograph with a bright field of view, red above blue; one of several is enough."""
        found = any(is_colour_fundus(image.unit_range()) for image in study.images)
        return "a colour photograph of an eye's fundus" if found else None

    def quality(self, study: Study) -> list[Measure]:
        """The house's measures, and how much of the eye's ground is there, lit, in its colours, and with its disc."""
        return [measure for image in study.images for measure in photograph_quality(image.unit_range())]

    def units(self, study: Study) -> Iterator[Unit]:
        """The field of view as a square of the configured size, local contrast raised, light evened out."""
        size = self.config.input.size or 384
        for index, image in enumerate(study.images):
            picture = in_channels(image.unit_range(), 3).transpose(1, 2, 0)  # [H, W, 3]
            top, left, height, width = field_of_view(picture)
            field = picture[top : top + height, left : left + width]
            shrinks = size < max(height, width)
            field = cv2.resize(field, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
            inside = within_field(field)
            yield Unit(
                pixels=np.ascontiguousarray(evened(field, inside).transpose(2, 0, 1)),
                shown=inside > 0,
                image_index=index,
                origin_px=(float(top), float(left)),
                scale_px=(height / size, width / size),
                sop_instance_uid=image.sop_instance_uid,
            )


def is_colour_fundus(picture: Floats) -> bool:
    """True for a colour picture with a bright field of view, red above blue."""
    if picture.ndim != 3:
        return False
    inside = picture.max(axis=-1) > DARK
    if inside.mean() < 0.2:
        return False
    red, _, blue = picture[inside].mean(axis=0)
    return bool(red >= blue * RED_OVER_BLUE)


def photograph_quality(picture: Floats) -> list[Measure]:
    """Frame of the whole photograph; detail, colour and disc of its field at the size at which it is looked at."""
    top, left, height, width = field_of_view(picture)
    field = picture[top : top + height, left : left + width]
    lit = float((luma(field) > DARK).mean())
    shrink = LOOK_PX / max(height, width)
    if shrink < 1.0:
        size = max(1, round(width * shrink)), max(1, round(height * shrink))
        field = np.asarray(cv2.resize(field, size, interpolation=cv2.INTER_AREA), np.float32)
    ground = in_channels(field, 3).transpose(1, 2, 0)  # [h, w, 3]
    inside = cv2.erode((brightest(ground) > DARK).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    frame = [m for m in frame_quality(luma(picture)) if m.name != "not overexposed"]
    return [
        *frame,
        *with_limits(detail_quality(luma(field), inside), LEAST),
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
        Measure(
            name="roundness of the field",
            value=min(height, width) / max(height, width),
            limit=0.6,
            advice="use the original, uncropped photograph",
        ),
        Measure(
            name="red to blue",
            value=redness(ground, inside),
            limit=1.02,
            advice="send a colour photograph of the eye's ground",
        ),
        Measure(
            name="optic disc",
            value=disc_strength(ground),
            limit=DISC_LEAST,
            advice="repeat the photograph with the optic disc in it: none stands out",
        ),
    ]


def brightest(picture: Floats) -> Floats:
    """[H, W] or [H, W, 3] -> [H, W], the brightest colour of each pixel."""
    if picture.ndim == 2:
        return picture
    red, green, blue = (picture[..., i] for i in range(3))
    return np.maximum(np.maximum(red, green), blue)


def redness(ground: Floats, inside: NDArray[np.bool_]) -> float:
    """Mean red over mean blue: well above one for blood and pigment, one for grey; how far above tells nothing more."""
    red, _, blue, _ = cv2.mean(ground, inside.astype(np.uint8))
    return min(red / max(blue, 1e-3), RED_ENOUGH)


def disc_strength(ground: Floats) -> float:
    """How far the brightest spot of a disc's size stands above its surroundings, in spreads of the whole field."""
    small = np.asarray(cv2.resize(ground, (DISC_SIDE, DISC_SIDE), interpolation=cv2.INTER_AREA), np.float32)
    inside = cv2.erode((brightest(small) > DARK).astype(np.float32), np.ones((9, 9), np.uint8))
    if inside.sum() < DISC_SIDE:
        return 0.0
    light = 0.5 * (small[..., 0] + small[..., 1]) * inside
    spot, around = (
        cv2.GaussianBlur(light, (0, 0), sigma) / np.maximum(cv2.GaussianBlur(inside, (0, 0), sigma), 1e-3)
        for sigma in (DISC_SIDE / 28, DISC_SIDE / 9)
    )
    above = (spot - around)[inside > 0]
    spread = 1.4826 * float(np.median(np.abs(above - np.median(above))))
    return float(above.max()) / max(spread, 1e-4)


def field_of_view(picture: Floats) -> tuple[int, int, int, int]:
    """Top, left, height, width of the lit part of [H, W, 3] or [H, W]; all of it without a dark surround."""
    bright = brightest(picture)
    lit = cv2.medianBlur((bright * 255).astype(np.uint8), 5) > DARK * 255
    rows, columns = np.flatnonzero(lit.mean(axis=1) > 0.02), np.flatnonzero(lit.mean(axis=0) > 0.02)
    if len(rows) < 32 or len(columns) < 32:
        return 0, 0, picture.shape[0], picture.shape[1]
    return int(rows[0]), int(columns[0]), int(rows[-1] - rows[0] + 1), int(columns[-1] - columns[0] + 1)


def within_field(field: Floats) -> Floats:
    """[S, S, 3] in 0..1 -> [S, S], 1 inside the lit field of view, 0 in its dark surround."""
    return np.asarray(cv2.erode((field.max(axis=-1) > DARK).astype(np.float32), np.ones((5, 5), np.uint8)), np.float32)


def evened(field: Floats, inside: Floats) -> Floats:
    """[S, S, 3] in 0..1 -> the same: distance from the local mean, times GAIN, around 0.5; the surround is 0.5.

    The local mean is taken inside the field alone ([S, S], 0 or 1), so that its border does not glow.
    """
    sigma = field.shape[0] / 30
    weight = cv2.GaussianBlur(inside, (0, 0), sigma)[..., None]
    mean = cv2.GaussianBlur(field * inside[..., None], (0, 0), sigma) / np.maximum(weight, 1e-3)
    contrast = np.clip(0.5 + GAIN * (field - mean), 0.0, 1.0)
    return np.where(inside[..., None] > 0, contrast, np.float32(0.5)).astype(np.float32)
