"""Heat of a volume's decision: the colours of the picture that was stored with it, and the slice that this shows."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.inspection.preprocess import LUNG_WINDOW_HU

COMPARED_PX = 64  # on a side: small enough that JPEG and enlargement of the stored picture leave no trace
SAME = 2.0  # of 255, mean difference of two pictures of one slice; slices 5 mm apart differ by 4 and more
OPAQUE_FROM = 40  # of 255, difference of colour channels; below it heat fades out


def shows_slice(stored: bytes, hu: NDArray[np.int16]) -> bool:
    """True if the stored picture is one of this slice [H, W], drawn in the window in which scans store slices."""
    picture = cv2.imdecode(np.frombuffer(stored, np.uint8), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        return False
    low, high = LUNG_WINDOW_HU
    drawn = np.clip((hu.astype(np.float32) - low) * (255 / (high - low)), 0, 255)
    return bool(np.abs(_small(drawn) - _small(picture.astype(np.float32))).mean() <= SAME)


def colours_of(marked: bytes) -> bytes | None:
    """PNG of the heat alone, clear where the picture is grey: beside the heat, and under marks. None for no heat."""
    picture = cv2.imdecode(np.frombuffer(marked, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        return None
    colour = np.ptp(picture.astype(np.int16), axis=-1)
    alpha = np.clip(colour * (255 / OPAQUE_FROM), 0, 255).astype(np.uint8)
    return cv2.imencode(".png", np.dstack((picture, alpha)))[1].tobytes() if alpha.any() else None


def _small(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(picture, (COMPARED_PX, COMPARED_PX), interpolation=cv2.INTER_AREA), np.float32)
