"""Free-response measures: share of nodules found at so many false alarms a scan (FROC; Bunch et al., 1977).

A nodule counts only where its score is above that of the first false alarm too many: ties fall to the hard side, so a
scorer that gives everything one value finds nothing. Intervals are percentiles over resampled nodules and negatives.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.statistics import Values, auc_of, interval
from benchmarks.volumes.results import CountedEstimate, Fold

DRAWS = 1000


def threshold_at(alarms: Values, scans: int, rate: float) -> float:
    """The score that a nodule must exceed where `rate` false alarms a scan are allowed; -inf where all are."""
    allowed = rate * scans + 1e-9
    return float(np.sort(alarms)[::-1][math.floor(allowed)]) if allowed < len(alarms) else -math.inf


def sensitivity(
    folds: Sequence[Fold], rate: float, band_mm: tuple[float, float] = (0.0, math.inf), *, end_to_end: bool = False
) -> float:
    """Share of the nodules of a band, first <= diameter < last, above each fold's own threshold. NaN without nodules.

    end_to_end: what the finder does not meet is missed, whatever its score.
    """
    hits = total = 0
    for fold in folds:
        mine = (fold.diameters_mm >= band_mm[0]) & (fold.diameters_mm < band_mm[1])
        above = fold.nodules > threshold_at(fold.alarms, fold.scans, rate)
        hits += int((mine & above & (fold.met | (not end_to_end))).sum())
        total += int(mine.sum())
    return hits / total if total else math.nan


def tubes_passed(folds: Sequence[Fold], rate: float) -> float:
    """Share of all made vessels above the same thresholds: false alarms that the rate does not count."""
    passed = total = 0
    for fold in folds:
        made = np.concatenate([fold.tubes, fold.twins])
        passed += int((made > threshold_at(fold.alarms, fold.scans, rate)).sum())
        total += len(made)
    return passed / total if total else math.nan


def auc_over(folds: Sequence[Fold], negatives: Callable[[Fold], Values]) -> float:
    """AUC over pairs of one fold each: scores of two networks are not compared."""
    pairs = [len(fold.nodules) * len(negatives(fold)) for fold in folds]
    values = [auc_of(fold.nodules, negatives(fold)) for fold in folds]
    return float(np.average(values, weights=pairs)) if all(pairs) else math.nan


def estimated(
    folds: Sequence[Fold], measure: Callable[[Sequence[Fold]], float], n: int, seed: int = 0, draws: int = DRAWS
) -> CountedEstimate:
    """A measure and its bootstrap interval. The same seed draws the same samples, whatever the scores."""
    low, high = interval(np.array([measure(d) for d in _draws(folds, seed, draws)]))
    return CountedEstimate(value=measure(folds), low=low, high=high, n=n)


def gain(
    mine: Sequence[Fold],
    other: Sequence[Fold],
    measure: Callable[[Sequence[Fold]], float],
    n: int,
    seed: int = 0,
    draws: int = DRAWS,
) -> CountedEstimate:
    """Gain of mine over other in a measure, on the same samples, draw by draw."""
    pairs = zip(_draws(mine, seed, draws), _draws(other, seed, draws), strict=True)
    low, high = interval(np.array([measure(a) - measure(b) for a, b in pairs]))
    return CountedEstimate(value=measure(mine) - measure(other), low=low, high=high, n=n)


def _draws(folds: Sequence[Fold], seed: int, draws: int) -> list[list[Fold]]:
    random = np.random.default_rng(seed)
    return [[fold.drawn(random) for fold in folds] for _ in range(draws)]
