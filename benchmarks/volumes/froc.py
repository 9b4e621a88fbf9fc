"""Free-response measures: how many nodules are found at so many false alarms a scan (FROC; Bunch et al., 1977).

A nodule counts only where its score is above that of the first false alarm too many: ties fall to the hard side, so a
scorer that gives everything one value finds nothing. Intervals are percentiles over resampled nodules and negatives.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

DRAWS = 1000
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure and its interval; `n` nodules stand behind it."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Scores of one network on the lungs that it never saw. met: which nodules the finder passes on at all."""

    nodules: Values = field(compare=False, repr=False)  # [N]
    alarms: Values = field(compare=False, repr=False)  # [M]: real candidates, what a scan would show beside nodules
    tubes: Values = field(compare=False, repr=False)  # [K]: made vessels
    twins: Values = field(compare=False, repr=False)  # [L]: made vessels that look like nodules on their key slice
    met: NDArray[np.bool_] = field(compare=False, repr=False)  # [N]
    diameters_mm: Values = field(compare=False, repr=False)  # [N]
    scans: int

    def drawn(self, random: np.random.Generator) -> Fold:
        """The fold with its nodules, candidates and made vessels drawn again, with replacement."""
        nodules, alarms, tubes, twins = (
            random.integers(len(v), size=len(v)) if len(v) else np.zeros(0, int)
            for v in (self.nodules, self.alarms, self.tubes, self.twins)
        )
        return Fold(
            nodules=self.nodules[nodules],
            alarms=self.alarms[alarms],
            tubes=self.tubes[tubes],
            twins=self.twins[twins],
            met=self.met[nodules],
            diameters_mm=self.diameters_mm[nodules],
            scans=self.scans,
        )


def bar(alarms: Values, scans: int, rate: float) -> float:
    """The score that a nodule must exceed where `rate` false alarms a scan are allowed; -inf where all are."""
    allowed = rate * scans + 1e-9
    return float(np.sort(alarms)[::-1][math.floor(allowed)]) if allowed < len(alarms) else -math.inf


def sensitivity(
    folds: Sequence[Fold], rate: float, band_mm: tuple[float, float] = (0.0, math.inf), *, end_to_end: bool = False
) -> float:
    """Share of the nodules of a band, first <= diameter < last, above each fold's own bar. NaN without nodules.

    end_to_end: what the finder does not meet is missed, whatever its score.
    """
    hits = total = 0
    for fold in folds:
        mine = (fold.diameters_mm >= band_mm[0]) & (fold.diameters_mm < band_mm[1])
        above = fold.nodules > bar(fold.alarms, fold.scans, rate)
        hits += int((mine & above & (fold.met | (not end_to_end))).sum())
        total += int(mine.sum())
    return hits / total if total else math.nan


def tubes_passed(folds: Sequence[Fold], rate: float) -> float:
    """Share of all made vessels above the same bars: false alarms that the rate does not count."""
    passed = total = 0
    for fold in folds:
        made = np.concatenate([fold.tubes, fold.twins])
        passed += int((made > bar(fold.alarms, fold.scans, rate)).sum())
        total += len(made)
    return passed / total if total else math.nan


def auc(positives: Values, negatives: Values) -> float:
    """Share of pairs in which the positive scores higher, ties half. NaN without pairs."""
    if not len(positives) or not len(negatives):
        return math.nan
    ordered = np.sort(negatives)
    below = np.searchsorted(ordered, positives, side="left").sum()
    not_above = np.searchsorted(ordered, positives, side="right").sum()
    return float(below + not_above) / (2 * len(positives) * len(negatives))


def auc_over(folds: Sequence[Fold], negatives: Callable[[Fold], Values]) -> float:
    """Over pairs of one fold each: scores of two networks are not compared."""
    pairs = [len(fold.nodules) * len(negatives(fold)) for fold in folds]
    values = [auc(fold.nodules, negatives(fold)) for fold in folds]
    return float(np.average(values, weights=pairs)) if all(pairs) else math.nan


def estimated(
    folds: Sequence[Fold], measure: Callable[[Sequence[Fold]], float], n: int, seed: int = 0, draws: int = DRAWS
) -> Estimate:
    """A measure and its bootstrap interval. The same seed draws the same samples, whatever the scores."""
    low, high = _interval(np.array([measure(d) for d in _draws(folds, seed, draws)]))
    return Estimate(value=measure(folds), low=low, high=high, n=n)


def gain(
    mine: Sequence[Fold],
    other: Sequence[Fold],
    measure: Callable[[Sequence[Fold]], float],
    n: int,
    seed: int = 0,
    draws: int = DRAWS,
) -> Estimate:
    """How much a measure is higher for mine than for other, on the same samples, draw by draw."""
    pairs = zip(_draws(mine, seed, draws), _draws(other, seed, draws), strict=True)
    low, high = _interval(np.array([measure(a) - measure(b) for a, b in pairs]))
    return Estimate(value=measure(mine) - measure(other), low=low, high=high, n=n)


def _draws(folds: Sequence[Fold], seed: int, draws: int) -> list[list[Fold]]:
    random = np.random.default_rng(seed)
    return [[fold.drawn(random) for fold in folds] for _ in range(draws)]


def _interval(values: Values) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    if not known.size:
        return math.nan, math.nan
    low, high = np.percentile(known, [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)])
    return float(low), float(high)
