"""Curves over all thresholds: ROC, precision and recall, expected cost. Counts alone; equal scores reach a threshold.

Cost curves after C. Drummond and R. Holte, Machine Learning 2006: each threshold is a straight line, and what a person
could reach at best, with the threshold chosen afterwards, is the lower envelope of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inspect_ai.calibration.bounds import clopper_pearson

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """`k` of `n`, and the exact interval of the share behind it."""

    k: int
    n: int
    confidence: float = 0.95

    @property
    def value(self) -> float:
        """k / n; NaN where n is 0."""
        return self.k / self.n if self.n else float("nan")

    @property
    def interval(self) -> Interval:
        """Two-sided Clopper-Pearson interval; 0 to 1 where n is 0."""
        return clopper_pearson(self.k, self.n, self.confidence) if self.n else (0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Counts at every distinct score, highest first; the first point is above all scores."""

    threshold: Values = field(compare=False, repr=False)  # [T]
    hits: NDArray[np.int64] = field(compare=False, repr=False)  # [T] positives at or above it
    alarms: NDArray[np.int64] = field(compare=False, repr=False)  # [T] negatives at or above it
    n_positive: int
    n_negative: int

    @property
    def sensitivity(self) -> Values:
        """[T] share of the positives."""
        return self.hits / self.n_positive

    @property
    def false_alarms(self) -> Values:
        """[T] share of the negatives."""
        return self.alarms / self.n_negative

    @property
    def precision(self) -> Values:
        """[T] share of positives among what reaches the threshold; 1 where nothing does."""
        reached = self.hits + self.alarms
        return np.where(reached > 0, self.hits / np.maximum(reached, 1), 1.0)

    def at(self, threshold: float) -> tuple[Share, Share]:
        """Positives and negatives that reach the threshold."""
        index = int(np.searchsorted(-self.threshold, -threshold, side="right")) - 1
        return (
            Share(k=int(self.hits[index]), n=self.n_positive),
            Share(k=int(self.alarms[index]), n=self.n_negative),
        )


def curve(score: Values, positive: Flags) -> Curve:
    """Counts at all thresholds that separate the scores. score, positive: [n]."""
    falling = np.argsort(-score, kind="stable")
    ordered, truth = score[falling], positive[falling]
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)) if len(ordered) else np.zeros(0, int)
    hits, alarms = np.cumsum(truth)[last], np.cumsum(~truth)[last]
    return Curve(
        threshold=np.concatenate([[np.inf], ordered[last]]),
        hits=np.concatenate([[0], hits]).astype(np.int64),
        alarms=np.concatenate([[0], alarms]).astype(np.int64),
        n_positive=int(positive.sum()),
        n_negative=int((~positive).sum()),
    )


def expected_cost(escape: float | Values, overkill: float | Values, weight: float | Values) -> Values:
    """Normalised cost of missing `escape` of the positives and alarming on `overkill` of the negatives.

    weight: of escapes, p C_escape / (p C_escape + (1 - p) C_overkill) for a share p of positives; 0..1.
    """
    return np.asarray(np.multiply(escape, weight) + np.multiply(overkill, np.subtract(1.0, weight)), np.float64)


def best_cost(found: Curve, weight: Values) -> Values:
    """[W]: the lowest expected cost over all thresholds, chosen with the labels in hand. weight: [W]."""
    escape, overkill = 1.0 - found.sensitivity[:, None], found.false_alarms[:, None]  # [T, 1]
    return np.asarray(expected_cost(escape, overkill, weight[None, :]).min(axis=0), np.float64)


def escape_weight(prevalence: float, cost_ratio: float) -> float:
    """Weight of escapes where `prevalence` of all parts are positive and one escape costs `cost_ratio` overkills."""
    part = prevalence * cost_ratio
    return part / (part + 1.0 - prevalence)


def units_with(happened: Sequence[bool] | Flags, units: Sequence[str], among: Sequence[bool] | Flags) -> Share:
    """Share of the independent units with a picture `among` that have one such picture where it `happened`.

    Pictures of one patient or tile go together: a unit counts once, however many pictures it has.
    """
    counted = {unit for unit, is_among in zip(units, among, strict=True) if is_among}
    touched = {u for u, is_among, h in zip(units, among, happened, strict=True) if is_among and h}
    return Share(k=len(touched), n=len(counted))
