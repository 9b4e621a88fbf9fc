"""Figures of one set of scores, and of two models on the same pictures.

Everything is counted on integers: a picture's weight is how often its group was drawn, 1 for the data as they are. So
one road gives the figure and its bootstrap (B. Efron, Annals of Statistics 1979; here whole groups are drawn, since
pictures of one patient or tile are no independent witnesses).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.scores import Scores

Counts = NDArray[np.int64]
Values = NDArray[np.float64]

SENSITIVITIES = (0.95, 0.987)
FALSE_POSITIVE_RATES = (0.05, 0.10, 0.25)
DRAWS, DRAWS_AT_ONCE = 2000, 250  # in portions, so that memory stays small
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A figure over seeds; `sd` with n - 1, None for one seed."""

    mean: float
    sd: float | None
    by_seed: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A comparison and its interval; infinite where the other model makes no error."""

    value: float
    low: float
    high: float


def figures(scores: Scores) -> dict[str, float]:
    """Every figure that is defined for these scores."""
    whole = np.ones((1, len(scores.files)), np.int64)
    found = {name: float(values[0]) for name, values in weighted(scores, whole).items()}
    if scores.answers:
        found["kappa"] = kappa(scores.labels, scores.answers, quadratic=False)
    if graded := [(t, a) for t, a in zip(scores.grades, scores.answered_grades, strict=True) if t is not None]:
        truth, answers = zip(*graded, strict=True)
        found["quadratic_kappa"] = kappa(truth, answers, quadratic=True)
    return {name: value for name, value in found.items() if np.isfinite(value)}


def weighted(scores: Scores, weights: Counts) -> dict[str, Values]:
    """Figures for each row of weights [D, n]; NaN where a row has no positives or no negatives. -> each [D]"""
    found: dict[str, Values] = {}
    if scores.positive.any() and not scores.positive.all():
        caught, alarms = reached(scores.score, scores.positive, weights)
        found["auc"] = auc(caught, alarms)
        for share in SENSITIVITIES:
            counts = false_positives(caught, alarms, share)
            found[f"false_positives_at_{share}"] = counts
            found[f"false_positive_rate_at_{share}"] = _share(counts, alarms[:, -1])
        for share in FALSE_POSITIVE_RATES:
            found[f"sensitivity_at_{share}"] = _share(true_positives(caught, alarms, share), caught[:, -1])
    if scores.answers:
        right = np.array([t == a for t, a in zip(scores.labels, scores.answers, strict=True)])
        found["accuracy"] = _share(weights @ right, weights.sum(axis=1))
        found["wrong"] = (weights @ ~right).astype(np.float64)
    return found


def reached(score: Values, positive: NDArray[np.bool_], weights: Counts) -> tuple[Counts, Counts]:
    """Positives and negatives whose score reaches each distinct value, the highest first. weights [D, n] -> [D, L]"""
    order = np.argsort(-score, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(score[order]) != 0])  # equal scores stand and fall together
    drawn = weights[:, order]  # [D, n]
    caught = np.add.reduceat(drawn * positive[order], starts, axis=1)  # [D, L]
    alarms = np.add.reduceat(drawn * ~positive[order], starts, axis=1)  # [D, L]
    return caught.cumsum(axis=1), alarms.cumsum(axis=1)


def auc(caught: Counts, alarms: Counts) -> Values:
    """Share of pairs in which the positive scores higher, ties half. [D, L] -> [D]"""
    before = np.pad(caught[:, :-1], ((0, 0), (1, 0)))
    twice_the_wins = (np.diff(alarms, axis=1, prepend=0) * (before + caught)).sum(axis=1)
    return _share(twice_the_wins, 2 * caught[:, -1] * alarms[:, -1])


def false_positives(caught: Counts, alarms: Counts, sensitivity: float) -> Values:
    """Negatives at or above the largest threshold that at least ceil(sensitivity * n) positives reach. -> [D]"""
    part = Fraction(repr(sensitivity))
    needed = -(-part.numerator * caught[:, -1] // part.denominator)
    level = (caught >= needed[:, None]).argmax(axis=1)
    return _where_both_sides_are(caught, alarms, alarms[np.arange(len(alarms)), level])


def true_positives(caught: Counts, alarms: Counts, rate: float) -> Values:
    """Positives at or above the smallest threshold with at most floor(rate * n) negatives. -> [D]"""
    part = Fraction(repr(rate))
    allowed = part.numerator * alarms[:, -1] // part.denominator
    levels = (alarms <= allowed[:, None]).sum(axis=1)  # how many of the highest values may flag
    return _where_both_sides_are(caught, alarms, np.where(levels > 0, caught[np.arange(len(caught)), levels - 1], 0))


def _where_both_sides_are(caught: Counts, alarms: Counts, counts: Counts) -> Values:
    return np.where((caught[:, -1] > 0) & (alarms[:, -1] > 0), counts.astype(np.float64), np.nan)


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


def spread(values: Sequence[float]) -> Spread:
    """Mean and standard deviation over seeds."""
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Spread(mean=float(np.mean(values)), sd=sd, by_seed=tuple(values))


def drawn(scores: Scores, draws: int = DRAWS, seed: int = 0) -> dict[str, Values]:
    """The figures of resampled groups. The same groups in the same order give the same draws: pairs stay pairs."""
    portions = [weighted(scores, weights) for weights in _weights(scores.groups, draws, seed)]
    return {name: np.concatenate([portion[name] for portion in portions]) for name in portions[0]}


def _weights(groups: Sequence[str], draws: int, seed: int) -> Iterator[Counts]:
    """[D, n]: how often each picture's group came, in as many drawings as there are groups."""
    names = {name: i for i, name in enumerate(dict.fromkeys(groups))}
    member = np.array([names[group] for group in groups])
    random = np.random.default_rng(seed)
    for first in range(0, draws, DRAWS_AT_ONCE):
        size = min(DRAWS_AT_ONCE, draws - first)
        yield random.multinomial(len(names), np.full(len(names), 1.0 / len(names)), size=size)[:, member]


def difference(mine: Mapping[int, Values], other: Mapping[int, Values], here: tuple[float, float]) -> Estimate:
    """Of seed means; `here`: both on the data as they are, mine first."""
    a, b = _seed_means(mine, other)
    return _estimate(here[0] - here[1], a - b)


def ratio(mine: Mapping[int, Values], other: Mapping[int, Values], here: tuple[float, float]) -> Estimate:
    """Of seed means; 1 where neither errs."""
    a, b = _seed_means(mine, other)
    return _estimate(float(_ratio(np.array(here[0]), np.array(here[1]))), _ratio(a, b))


def _seed_means(mine: Mapping[int, Values], other: Mapping[int, Values]) -> tuple[Values, Values]:
    seeds = [seed for seed in mine if seed in other]
    return np.mean([mine[seed] for seed in seeds], axis=0), np.mean([other[seed] for seed in seeds], axis=0)


def _estimate(value: float, draws: Values) -> Estimate:
    """Percentiles that are draws themselves, so that infinity can be one."""
    edges = [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)]
    low, high = np.percentile(draws[~np.isnan(draws)], edges, method="inverted_cdf")
    return Estimate(value=value, low=float(low), high=float(high))


def _ratio(a: Values, b: Values) -> Values:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(a == b, 1.0, a / b) + 0 * (a + b))  # NaN stays NaN


def _share(part: Counts | Values, whole: Counts) -> Values:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(part / whole, np.float64)
