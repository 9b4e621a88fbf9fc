"""Likeness of blobs to nodules: a small network on their features (blobs.py), fitted to real nodules.

`python -m benchmarks.finder --data lidc_nodules --fit` makes ranking_weights.py again, from training patients alone.
"""

from __future__ import annotations

import numpy as np

from inspect_ai.domain import Floats

from .blobs import Values
from .ranking_weights import BIAS, HIDDEN, HIDDEN_BIAS, MEAN, OUT, SCALE

LIMITS = (-5.0, 8.0)  # of a feature: what lies beyond is no nodule's and must not outweigh the rest


def likeness(features: Floats) -> Values:
    """[N, F] -> [N] log-odds that a blob lies on a nodule, among blobs as they come: 0 is even odds."""
    bounded = np.clip(features.astype(np.float64), *LIMITS)
    hidden = np.maximum((bounded - MEAN) / SCALE @ HIDDEN + HIDDEN_BIAS, 0.0)  # [N, H]
    return np.asarray(hidden @ OUT + BIAS, np.float64)
