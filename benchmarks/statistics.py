"""Estimates with intervals, AUC, operating points, agreement, and resampling of groups, for every benchmark.

Everything is counted on integers: a picture's weight is how often its group was drawn, 1 for the data as they are. So
one function gives the figure and its bootstrap (B. Efron, Annals of Statistics 1979; here whole groups are drawn, since
pictures of one patient or tile are not independent).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Values = NDArray[np.float64]

CONFIDENCE = 0.95  # of every interval
RESAMPLES, RESAMPLES_AT_ONCE = 2000, 250  # in portions, so that memory stays small


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure and its interval: NaN where there is none, infinite where a ratio's denominator is zero."""

    value: float
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A figure over seeds; `sd` with n - 1, None for one seed."""

    mean: float
    sd: float | None
    by_seed: tuple[float, ...]


def spread(values: Sequence[float]) -> Spread:
    """Mean and standard deviation over seeds."""
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Spread(mean=float(np.mean(values)), sd=sd, by_seed=tuple(values))


def interval(draws: Values, method: Literal["linear", "inverted_cdf"] = "linear") -> tuple[float, float]:
    """Percentiles of resampled figures, undefined ones left out; NaN where none is defined.

    `inverted_cdf` takes percentiles that are draws themselves, so that infinity can be one.
    """
    known = draws[~np.isnan(draws)]
    if not known.size:
        return math.nan, math.nan
    low, high = np.percentile(known, [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)], method=method)
    return float(low), float(high)


def cumulative_counts(
    score: Values, positive: NDArray[np.bool_], weights: Counts | None = None
) -> tuple[Counts, Counts]:
    """True and false positives at each distinct score as threshold, the highest first. weights [D, n] -> [D, L]"""
    order = np.argsort(-score, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(score[order]) != 0])  # equal scores stand and fall together
    drawn = np.ones((1, len(score)), np.int64) if weights is None else weights[:, order]  # [D, n]
    true = np.add.reduceat(drawn * positive[order], starts, axis=1)  # [D, L]
    false = np.add.reduceat(drawn * ~positive[order], starts, axis=1)  # [D, L]
    return true.cumsum(axis=1), false.cumsum(axis=1)


def auc(true: Counts, false: Counts) -> Values:
    """Share of pairs in which the positive scores higher, ties half, out of cumulative counts. [D, L] -> [D]"""
    before = np.pad(true[:, :-1], ((0, 0), (1, 0)))
    twice_the_wins = (np.diff(false, axis=1, prepend=0) * (before + true)).sum(axis=1)
    return share(twice_the_wins, 2 * true[:, -1] * false[:, -1])


def auc_of(positives: Values, negatives: Values) -> float:
    """The same for scores [N] of positives and [M] of negatives. NaN without pairs."""
    if not len(positives) or not len(negatives):
        return math.nan
    positive = np.arange(len(positives) + len(negatives)) < len(positives)
    return float(auc(*cumulative_counts(np.concatenate([positives, negatives]), positive))[0])


def false_positives(true: Counts, false: Counts, sensitivity: float) -> Values:
    """Negatives at or above the largest threshold that at least ceil(sensitivity * n) positives reach. -> [D]"""
    part = Fraction(repr(sensitivity))
    needed = -(-part.numerator * true[:, -1] // part.denominator)
    level = (true >= needed[:, None]).argmax(axis=1)
    return _where_both_sides_are(true, false, false[np.arange(len(false)), level])


def true_positives(true: Counts, false: Counts, rate: float) -> Values:
    """Positives at or above the smallest threshold with at most floor(rate * n) negatives. -> [D]"""
    part = Fraction(repr(rate))
    allowed = part.numerator * false[:, -1] // part.denominator
    levels = (false <= allowed[:, None]).sum(axis=1)  # how many of the highest values may flag
    return _where_both_sides_are(true, false, np.where(levels > 0, true[np.arange(len(true)), levels - 1], 0))


def _where_both_sides_are(true: Counts, false: Counts, counts: Counts) -> Values:
    return np.where((true[:, -1] > 0) & (false[:, -1] > 0), counts.astype(np.float64), np.nan)


def share(part: Counts | Values, whole: Counts) -> Values:
    """part / whole; NaN for nothing of nothing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(part / whole, np.float64)


def kappa(truth: Sequence[object], answers: Sequence[object], *, quadratic: bool) -> float:
    """Agreement beyond chance (J. Cohen 1960; quadratic weights: 1968). NaN where there is nothing to agree on."""
    names: list[object] = sorted({*truth, *answers}, key=lambda name: (str(type(name)), name))
    place = {name: i for i, name in enumerate(names)}
    seen = np.zeros((len(names), len(names)))
    for t, a in zip(truth, answers, strict=True):
        seen[place[t], place[a]] += 1
    at = np.array(names, np.float64) if quadratic else np.arange(len(names), dtype=np.float64)
    apart = at[:, None] - at[None, :]
    cost = apart**2 if quadratic else (apart != 0).astype(np.float64)
    chance = float((cost * np.outer(seen.sum(axis=1), seen.sum(axis=0))).sum()) / len(truth)
    return 1.0 - float((cost * seen).sum()) / chance if chance else float("nan")


def group_weights(groups: Sequence[str], draws: int = RESAMPLES, seed: int = 0) -> Iterator[Counts]:
    """[D, n] in portions: how often each picture's group came, in as many drawings as there are groups.

    The same groups in the same order give the same weights: pairs stay pairs.
    """
    names = {name: i for i, name in enumerate(dict.fromkeys(groups))}
    member = np.array([names[group] for group in groups])
    random = np.random.default_rng(seed)
    for first in range(0, draws, RESAMPLES_AT_ONCE):
        size = min(RESAMPLES_AT_ONCE, draws - first)
        yield random.multinomial(len(names), np.full(len(names), 1.0 / len(names)), size=size)[:, member]


def group_means(values: Sequence[float], groups: Sequence[str]) -> Values:
    """One mean a group, groups sorted by name."""
    names = sorted(set(groups))
    return np.array([np.mean([v for v, g in zip(values, groups, strict=True) if g == name]) for name in names])


def mean_of_groups(means: Values) -> Estimate:
    """Mean over groups, interval from groups drawn again with replacement, the same draws each time; none for one."""
    mean = float(means.mean())
    if len(means) < 2:
        return Estimate(value=mean)
    draws = np.random.default_rng(0).integers(len(means), size=(RESAMPLES, len(means)))
    low, high = interval(means[draws].mean(axis=1))
    return Estimate(value=mean, low=low, high=high)


def difference(mine: Mapping[int, Values], other: Mapping[int, Values], here: tuple[float, float]) -> Estimate:
    """Difference of means over the seeds of both, from draws by seed; `here`: both on the data as they are."""
    a, b = _seed_means(mine, other)
    return _estimate(here[0] - here[1], a - b)


def ratio(mine: Mapping[int, Values], other: Mapping[int, Values], here: tuple[float, float]) -> Estimate:
    """Ratio of means over the seeds of both, from draws by seed; 1 where neither errs."""
    a, b = _seed_means(mine, other)
    return _estimate(float(_ratio(np.array(here[0]), np.array(here[1]))), _ratio(a, b))


def _seed_means(mine: Mapping[int, Values], other: Mapping[int, Values]) -> tuple[Values, Values]:
    seeds = [seed for seed in mine if seed in other]
    return np.mean([mine[seed] for seed in seeds], axis=0), np.mean([other[seed] for seed in seeds], axis=0)


def _estimate(value: float, draws: Values) -> Estimate:
    low, high = interval(draws, "inverted_cdf")
    return Estimate(value=value, low=low, high=high)


def _ratio(a: Values, b: Values) -> Values:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(a == b, 1.0, a / b) + 0 * (a + b))  # NaN stays NaN
