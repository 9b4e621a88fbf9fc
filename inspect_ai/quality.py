"""Measures of a picture before any network sees it: exposure, focus, noise, compression, detail.

Each measure is good where it is high. Limits refuse only what nobody could read; pictures merely unlike those of
calibration are found by calibration/out_of_distribution.py from the same measures. Noise is estimated after Immerkaer
(Computer Vision and Image Understanding 64, 1996), by the median in place of the mean, so that edges count as none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.domain import Floats, Measure

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
SMALLEST = 1e-4  # of full scale: detail and noise of an 8-bit picture are not measured below it
BLOCK_PX = 8  # side of a JPEG block
BLOCKS_SEEN = 3.0  # ratio of steps at block borders to others from which an eye sees them
SECOND_DIFFERENCE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)  # Immerkaer's mask
UNIT_NOISE = 6.0  # its standard deviation on white noise of 1
MEDIAN_TO_SIGMA = 0.6745  # median of |x| of a standard normal
NOISE_IN_BAND = (0.187, 0.0935, 0.0468)  # rest of white noise of 1 between Gaussians of 1-2, 2-4 and 4-8 px

MORE_LIGHT = "use more light or a longer exposure"
GREY_LEAST = 0.98  # one less the mean distance of colours from grey, 0..1

Region = NDArray[np.bool_]


def luma(picture: Floats) -> Floats:
    """[H, W] or [H, W, 3] -> [H, W]."""
    return picture if picture.ndim == 2 else np.asarray(picture @ LUMA, np.float32)


def picture_quality(picture: Floats) -> list[Measure]:
    """All measures of one picture in 0..1, [H, W] or [H, W, 3]."""
    grey = luma(picture)
    return [*frame_quality(grey), *detail_quality(grey, np.ones(grey.shape, np.bool_))]


def frame_quality(grey: Floats) -> list[Measure]:
    """Size, contrast, exposure and focus of [H, W] as a whole."""
    height, width = grey.shape
    low, high = np.percentile(grey, (1, 99))
    edges = cv2.Laplacian(cv2.GaussianBlur(grey, (0, 0), 1.0), cv2.CV_32F)
    focus = float(edges.std() / max(float(high - low), 1e-6)) if high > low else 0.0
    return [
        Measure(
            name="smaller side (px)",
            value=float(min(height, width)),
            limit=16.0,
            advice="use the original, uncropped picture",
        ),
        Measure(
            name="contrast",
            value=float(high - low),
            limit=0.02,
            advice="check light and exposure: the picture is almost uniform",
        ),
        Measure(
            name="not overexposed", value=float(1.0 - (grey >= 0.995).mean()), limit=0.3, advice="reduce the exposure"
        ),
        Measure(name="focus", value=focus, limit=0.002, advice="clean the lens and focus again"),
    ]


def detail_quality(grey: Floats, inside: Region) -> list[Measure]:
    """Brightness, sharpness, noise and compression of a region [H, W] of a grey picture."""
    if inside[1:-1, 1:-1].sum() < BLOCK_PX**2:
        inside = np.ones(grey.shape, np.bool_)
    small = min(grey.shape) < BLOCK_PX  # the limit on the smaller side refuses it; nothing finer can be measured
    detail = _Detail(fine=0.0, coarse=0.0, direction=1.0, signal=0.0) if small else _detail(grey, inside)
    return [
        Measure(name="brightness", value=float(np.median(grey[inside])), limit=0.01, advice=MORE_LIGHT),
        Measure(
            name="not black",
            value=float((grey[inside] > 0.02).mean()),
            limit=0.02,
            advice=MORE_LIGHT,
        ),
        Measure(name="fine detail", value=detail.fine, limit=0.0, advice="clean the lens and focus again"),
        Measure(name="coarse detail", value=detail.coarse, limit=0.0, advice="clean the lens and focus again"),
        Measure(
            name="detail across to along", value=detail.direction, limit=0.0, advice="hold camera and object still"
        ),
        Measure(
            name="contrast to noise", value=detail.signal, limit=0.0, advice="more light, lower gain of the camera"
        ),
        Measure(
            name="free of compression blocks",
            value=unblocked(grey),
            limit=0.2,
            advice="send the original: this file was compressed until blocks appeared",
        ),
    ]


def greyness(picture: Floats) -> Measure:
    """Greyness of a picture, which may be stored in colours."""
    away = 0.0 if picture.ndim == 2 else float(np.abs(picture - picture.mean(axis=-1, keepdims=True)).mean())
    return Measure(
        name="greyness", value=1.0 - away, limit=GREY_LEAST, advice="this task reads grey pictures: check the camera"
    )


def with_limits(measures: Sequence[Measure], limits: Mapping[str, float]) -> list[Measure]:
    """Copy the measures with a task's own limits."""
    return [replace(m, limit=limits.get(m.name, m.limit)) for m in measures]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Detail:
    """Ratios, so that light and contrast of the object cancel out.

    fine: detail of 1-2 px over that of 2-4 px, less noise; blur lowers it for any subject. coarse: 2-4 over 4-8 px.
    direction: slopes across columns over slopes across rows. signal: contrast over the standard deviation of noise.
    """

    fine: float
    coarse: float
    direction: float
    signal: float


def _detail(grey: Floats, inside: Region) -> _Detail:
    noise = noise_of(grey, inside)
    least = _blurred(grey, 1.0)
    bands = [band**2 - (share * noise) ** 2 for band, share in zip(_bands(least, inside), NOISE_IN_BAND, strict=True)]
    fine, middle, coarse = (max(band, 0.0) ** 0.5 + SMALLEST for band in bands)
    within = inside[1:-1, 1:-1]
    across = float(np.abs(least[1:-1, 2:] - least[1:-1, :-2])[within].mean()) + SMALLEST
    along = float(np.abs(least[2:, 1:-1] - least[:-2, 1:-1])[within].mean()) + SMALLEST
    low, high = np.percentile(grey[::2, ::2][inside[::2, ::2]], (1, 99)) if inside[::2, ::2].any() else (0.0, 0.0)
    return _Detail(
        fine=fine / middle,
        coarse=middle / coarse,
        direction=across / along,
        signal=float(high - low) / (noise + SMALLEST),
    )


def _bands(least: Floats, inside: Region) -> list[float]:
    """Standard deviations between Gaussians of 1-2, 2-4 and 4-8 px of a picture blurred by 1 px.

    Each doubling is measured on every second pixel of the one before, where nothing finer is left.
    """
    second = _blurred(least, 3.0**0.5)
    found = [float((least - second)[inside].std())]
    for _ in range(2):
        second, inside = second[::2, ::2], inside[::2, ::2]
        wider = _blurred(second, 3.0**0.5)
        found.append(float((second - wider)[inside].std()) if inside.any() else 0.0)
        second = wider
    return found


def _blurred(grey: Floats, sigma: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101), np.float32)


def noise_of(grey: Floats, inside: Region | None = None) -> float:
    """Standard deviation of the noise in [H, W], from second differences, which edges and slopes do not have."""
    found = np.abs(cv2.filter2D(grey, cv2.CV_32F, SECOND_DIFFERENCE))[1:-1, 1:-1]
    if inside is not None and inside[1:-1, 1:-1].any():
        found = found[inside[1:-1, 1:-1]]
    return float(np.median(found)) / (MEDIAN_TO_SIGMA * UNIT_NOISE)


def unblocked(grey: Floats) -> float:
    """Freedom from blocks: 1 where none are seen; less the more the steps at every eighth pixel exceed those between.

    One-sided on purpose: pictures that were never compressed are no worse than those that were a little.
    """
    if min(grey.shape) < 2 * BLOCK_PX:
        return 1.0
    steps = (np.abs(np.diff(grey, axis=1)).mean(axis=0), np.abs(np.diff(grey, axis=0)).mean(axis=1))
    worst = max(_periodic(step) for step in steps)
    return min(1.0, BLOCKS_SEEN / worst)


def _periodic(steps: Floats) -> float:
    """Mean step at the phase of eight with the largest steps, over the median phase."""
    phases = np.array([steps[phase::BLOCK_PX].mean() for phase in range(BLOCK_PX)]) + SMALLEST
    return float(phases.max() / np.median(phases))
