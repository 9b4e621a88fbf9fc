"""The same promise by MAPIE's risk controller (Learn Then Test, Angelopoulos 2021): positives needed, thresholds set.

MAPIE tests a fixed list of thresholds and corrects for their number (Bonferroni-Holm, its default) or walks along them
until one fails (fixed sequence). The order statistic needs neither list nor correction. MAPIE is asked through a stub
that returns given scores.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtr

from benchmarks.guarantee.results import ChosenThreshold, NeededByMapie
from inspect_ai.calibration import prove
from inspect_ai.calibration.bounds import smallest_n
from inspect_ai.errors import CalibrationRefused, SetupError

Array = NDArray[np.float64]
MISSED, FOUND, BETWEEN = 0.25, 0.75, 0.5  # stub scores on either side of one threshold
DEFAULT_GRID = np.linspace(0, 0.99, 100)  # MAPIE's own default list of thresholds
FINE_GRID = np.arange(1024) / 1024
POSITIVE, NEGATIVE, SPREAD = 3.0, -2.0, 1.5  # logits of the simulated scores
NEGATIVES = 500
LOOKED_AT = 100  # sizes of calibration sets above the boundary


class Rule(StrEnum):
    """Correction by MAPIE for many thresholds."""

    HOLM = "bonferroni_holm"
    SEQUENCE = "fixed_sequence"


def controller() -> Any:
    """MAPIE's class. Raises SetupError that says what to install."""
    try:
        from mapie.risk_control import BinaryClassificationController
    except ImportError as e:
        raise SetupError(
            "The cross-check needs MAPIE, which is not installed: pip install -e '.[dev]', "
            "or leave it out with --no-mapie."
        ) from e
    return BinaryClassificationController


def accepted(
    scores: Array, positive: NDArray[np.int_], grid: Array, sensitivity: float, confidence: float, rule: Rule
) -> Array:
    """The thresholds of the grid at which MAPIE promises the recall; empty where it refuses."""
    made = controller()(
        predict_function=lambda x: np.column_stack([1.0 - x, x]),
        risk="recall",
        target_level=sensitivity,
        confidence_level=confidence,
        list_predict_params=grid,
        fwer_method=rule.value,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that no threshold is valid is an answer here
        made.calibrate(scores, positive)
    return np.asarray(made.valid_predict_params, dtype=np.float64)


def one_threshold_accepts(n: int, misses: int, sensitivity: float, confidence: float) -> bool:
    """True if MAPIE promises the recall at one fixed threshold that misses so many of n positives."""
    scores = np.array([MISSED] * misses + [FOUND] * (n - misses))
    ones = np.ones(n, dtype=int)
    return len(accepted(scores, ones, np.array([BETWEEN]), sensitivity, confidence, Rule.SEQUENCE)) == 1


def default_accepts(n: int, misses: int, sensitivity: float, confidence: float) -> bool:
    """The same for MAPIE's default list and correction, were so many missed at every threshold above 0.25."""
    scores = np.array([MISSED] * misses + [1.0 - 1e-9] * (n - misses))
    ones = np.ones(n, dtype=int)
    return bool(np.any(accepted(scores, ones, DEFAULT_GRID, sensitivity, confidence, Rule.HOLM) > MISSED))


def needed(promises: Sequence[tuple[float, float]], misses: Sequence[int]) -> Iterator[NeededByMapie]:
    """Positives that each method needs, found by asking it."""
    for sensitivity, confidence in promises:
        for k in misses:
            yield _needed(k, sensitivity, confidence)


def _needed(k: int, sensitivity: float, confidence: float) -> NeededByMapie:
    """MAPIE multiplies a share back into a count and rounds up, so its answer jumps with n: every size is asked."""
    ours = smallest_n(k, sensitivity, confidence)
    above = range(ours, ours + LOOKED_AT)
    return NeededByMapie(
        sensitivity=sensitivity,
        confidence=confidence,
        misses=k,
        ours=ours,
        one_threshold=next(
            n for n in range(max(k + 1, ours // 2), 20 * ours) if one_threshold_accepts(n, k, sensitivity, confidence)
        ),
        refused_above=sum(not one_threshold_accepts(n, k, sensitivity, confidence) for n in above),
        default=next((n for n in range(ours, 5 * ours) if default_accepts(n, k, sensitivity, confidence)), None),
    )


def chosen(sizes: Sequence[int], sensitivity: float, confidence: float) -> Iterator[ChosenThreshold]:
    """All methods on the same simulated scores."""
    for n in sizes:
        random = np.random.default_rng(n)
        found = expit(random.normal(POSITIVE, SPREAD, n))
        others = expit(random.normal(NEGATIVE, SPREAD, NEGATIVES))
        scores, positive = np.concatenate([found, others]), np.repeat([1, 0], [n, NEGATIVES])
        yield _chosen(n, "order statistic (ours)", _ours(found, sensitivity, confidence))
        for name, grid, rule in (
            ("MAPIE, fixed sequence, 1,024 thresholds", FINE_GRID, Rule.SEQUENCE),
            ("MAPIE, fixed sequence, 100 thresholds", DEFAULT_GRID, Rule.SEQUENCE),
            ("MAPIE as it comes (Bonferroni-Holm, 100 thresholds)", DEFAULT_GRID, Rule.HOLM),
        ):
            valid = accepted(scores, positive, grid, sensitivity, confidence, rule)
            yield _chosen(n, name, float(valid.max()) if len(valid) else None)


def _ours(scores: Array, sensitivity: float, confidence: float) -> float | None:
    try:
        return prove(scores.tolist(), sensitivity=sensitivity, confidence=confidence).threshold
    except CalibrationRefused:
        return None


def _chosen(n: int, method: str, threshold: float | None) -> ChosenThreshold:
    if threshold is None:
        return ChosenThreshold(n=n, method=method, threshold=None, true_sensitivity=None, flagged=None)
    with np.errstate(divide="ignore"):
        line = float(logit(threshold))
    return ChosenThreshold(
        n=n,
        method=method,
        threshold=threshold,
        true_sensitivity=float(ndtr((POSITIVE - line) / SPREAD)),
        flagged=float(ndtr((NEGATIVE - line) / SPREAD)),
    )
