"""Noise, light and finest detail of a picture: how far it may shrink before something is lost that is no noise."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from inspect_ai.domain import Floats
from inspect_ai.quality import noise_of

SHRINKS = (1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)  # factors that are tried
LEVELS = 255.0  # grey levels of the full scale, in which noise and losses are told
LEAST_LOSS = 1.0  # grey levels, root mean square: less is not seen even without noise
MEASURED_PX = 1024  # side of the central piece that is measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """Measures of one picture. noise, lost: standard deviations in grey levels of 255; mean, spread: 0..1.

    lost: for each factor of SHRINKS, what of the picture is gone when it is shrunk by it and enlarged again, less the
    noise that goes as well.
    """

    noise: float
    mean: float
    spread: float
    lost: tuple[float, ...]


def detail_of(grey: Floats) -> Detail:
    """Measure [H, W] in 0..1."""
    top, left = (max(0, (side - MEASURED_PX) // 2) for side in grey.shape)
    piece = np.ascontiguousarray(grey[top : top + MEASURED_PX, left : left + MEASURED_PX])
    noise = noise_of(piece)
    return Detail(
        noise=LEVELS * noise,
        mean=float(grey.mean()),
        spread=float(grey.std()),
        lost=tuple(LEVELS * _lost(piece, factor, noise) for factor in SHRINKS),
    )


def _lost(grey: Floats, factor: float, noise: float) -> float:
    """Root mean square of what shrinking takes, less that of white noise, of which a share of 1 / factor² stays."""
    height, width = grey.shape
    size = (max(1, round(width / factor)), max(1, round(height / factor)))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    back = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    gone = float(np.square(grey - back).mean()) - (1.0 - 1.0 / factor**2) * noise**2
    return float(max(gone, 0.0) ** 0.5)


def shrink_limit(lost: tuple[float, ...], noise: float) -> float:
    """Largest factor of SHRINKS by which less is lost than the noise, or than anybody sees; 1 where there is none."""
    allowed = [factor for factor, gone in zip(SHRINKS, lost, strict=True) if gone <= max(noise, LEAST_LOSS)]
    return max(allowed, default=1.0)
