"""Rim of a picture: the plain ground that a part lies on, or more of what is inspected."""

from __future__ import annotations

import numpy as np

from inspect_ai.domain import Floats

SHARE = 0.01  # of the shorter side: width of the strips
LEAST_CONTRAST = 1e-3  # of the unit range: below it a picture shows nothing, and its rim is no ground


def rim_of(grey: Floats) -> float:
    """Mean standard deviation along the four edges over that of the whole picture [H, W]: small for a plain ground."""
    wide = max(1, round(SHARE * min(grey.shape)))
    strips = (grey[:wide].mean(0), grey[-wide:].mean(0), grey[:, :wide].mean(1), grey[:, -wide:].mean(1))
    contrast = float(grey.std())
    return float(np.mean([strip.std() for strip in strips])) / contrast if contrast >= LEAST_CONTRAST else 1.0
