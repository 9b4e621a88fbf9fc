"""Bright blobs of a slice at the scale of nodules: a cheap detector, for negatives that are worth learning from.

Maxima of differences of Gaussians over position and scale (D. Lowe, IJCV 2004), strongest first.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

SIGMAS_PX = (1.4, 2.2, 3.5, 5.5)  # a disc of diameter d answers most at about d / 2.8: 4 to 16 px
RATIO = 1.6
BRIGHTEST = 190.0  # grey of soft tissue: what is brighter is no more nodule-like for it
FAINTEST = 6.0  # grey levels of response; below it is noise
APART_PX = 8.0  # two blobs nearer than this are one
DARK, AROUND_PX, LEAST_DARK = 110.0, 21, 0.2  # grey between lung and tissue; share of it around a blob: in or at a lung


def bright_blobs(grey: NDArray[np.uint8]) -> Iterator[tuple[float, float]]:
    """[H, W] -> rows and columns of bright blobs with something dark around them, the strongest first."""
    clipped = np.minimum(grey.astype(np.float32), BRIGHTEST)
    smooth = [cv2.GaussianBlur(clipped, (0, 0), sigma) for sigma in (*SIGMAS_PX, SIGMAS_PX[-1] * RATIO)]
    response = np.stack([fine - coarse for fine, coarse in pairwise(smooth)]).max(axis=0)
    around = cv2.dilate(response, np.ones((3, 3), np.uint8))
    dark = cv2.blur((clipped < DARK).astype(np.float32), (AROUND_PX, AROUND_PX))
    rows, cols = np.nonzero((response >= around) & (response > FAINTEST) & (dark >= LEAST_DARK))
    kept: list[tuple[float, float]] = []
    for index in np.argsort(-response[rows, cols], kind="stable"):
        place = float(rows[index]), float(cols[index])
        if all(np.hypot(place[0] - r, place[1] - c) >= APART_PX for r, c in kept):
            kept.append(place)
            yield place
