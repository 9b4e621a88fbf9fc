"""Monte Carlo of the guarantee: share of thresholds whose true sensitivity falls below the promised one.

Scores come from distributions that are known, so the true sensitivity at a threshold is computed, not sampled again.
Beside each share stands its exact expectation: a share far below it would mean that the method is wastefully safe.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, gammaincc, logit, ndtr, ndtri, owens_t

from benchmarks.guarantee.results import Simulated
from inspect_ai.calibration import prove
from inspect_ai.calibration.bounds import binomial_cdf, misses_allowed, smallest_n
from inspect_ai.calibration.planning import split_confidence

Array = NDArray[np.float64]
SHIFT = 2.0  # mean of the positives' logits under the tied families
SKEW = 0.5  # shape of the gamma distribution: half of its mass lies near 0, a long tail to the right
COMPARED = 100  # rows of each case of which `prove` itself sets the threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A distribution of positives' scores. `reached(t)` is P(score >= t); levels: how many values a score can take."""

    name: str
    draw: Callable[[np.random.Generator, tuple[int, ...]], Array]
    reached: Callable[[Array], Array]
    levels: int | None = None

    def miss_rate(self, sensitivity: float) -> float:
        """Share of scores below the lowest threshold that breaks the promise; with ties more than 1 - sensitivity."""
        if self.levels is None:
            return 1.0 - sensitivity
        reached = self.reached(np.arange(self.levels + 1) / self.levels)
        return float(1.0 - reached[reached < sensitivity][0])


def families() -> tuple[Family, ...]:
    """Normal, skewed, and two that are heavily tied."""
    return (
        Family(name="normal", draw=lambda r, shape: r.normal(size=shape), reached=lambda t: ndtr(-t)),
        Family(
            name="skewed",
            draw=lambda r, shape: r.gamma(SKEW, size=shape),
            reached=lambda t: gammaincc(SKEW, np.maximum(t, 0.0)),
        ),
        tied(256),
        tied(20),
    )


def tied(levels: int) -> Family:
    """Probabilities rounded down to so many levels, as stored scores and 8-bit outputs are."""

    def reached(t: Array) -> Array:
        with np.errstate(divide="ignore"):
            return np.asarray(ndtr(SHIFT - logit(np.clip(t, 0.0, 1.0))))

    return Family(
        name=f"{levels} levels",
        draw=lambda r, shape: np.floor(levels * expit(SHIFT + r.normal(size=shape))) / levels,
        reached=reached,
        levels=levels,
    )


def thresholds(scores: Array, sensitivity: float, confidence: float) -> Array:
    """[calibrations, n] -> [calibrations]: the product's threshold for each row, read for all at once.

    Raises RuntimeError, a fault of the program, if `prove` says otherwise of any of the first rows.
    """
    proved = [prove(row, sensitivity=sensitivity, confidence=confidence) for row in scores[:COMPARED].tolist()]
    allowed = proved[0].n_allowed
    read = np.partition(scores, allowed, axis=1)[:, allowed]
    if [p.threshold for p in proved] != read[:COMPARED].tolist():
        raise RuntimeError("the order statistic that the Monte Carlo reads is not the threshold that prove sets")
    return np.asarray(read)


def kept(
    families: Sequence[Family], promises: Sequence[tuple[float, float, int]], calibrations: int
) -> Iterator[Simulated]:
    """Each family at each (sensitivity, confidence, n)."""
    for family in families:
        for sensitivity, confidence, n in promises:
            random = np.random.default_rng([n, family.levels or 0, round(1e6 * sensitivity)])
            scores = family.draw(random, (calibrations, n))
            t = thresholds(scores, sensitivity, confidence)
            allowed = misses_allowed(n, sensitivity, confidence)
            yield Simulated(
                case=family.name,
                sensitivity=sensitivity,
                confidence=confidence,
                n=n,
                calibrations=calibrations,
                broken=float(np.mean(family.reached(t) < sensitivity)),
                expected=binomial_cdf(allowed, n, family.miss_rate(sensitivity)),
            )


def broken(calibrations: int, sensitivity: float = 0.987, confidence: float = 0.95) -> Iterator[Simulated]:
    """Procedures that break the promise, and beside each the one that keeps it."""
    for n in (229, 500, 1000):
        yield _naive(calibrations, n, sensitivity, confidence)
    for family in (tied(256), tied(20)):
        yield _strict(calibrations, family, sensitivity, confidence)
    for correlation in (0.3, 0.6, 0.9, 1.0):
        yield from _pairs(calibrations, correlation, sensitivity, confidence)
    for models in (3, 10, 50):
        yield from _best_of(calibrations, models, sensitivity, confidence)


def _naive(calibrations: int, n: int, sensitivity: float, confidence: float) -> Simulated:
    """The threshold that the promised share of the calibration positives reaches."""
    missed = math.floor(n * (1.0 - sensitivity))
    scores = np.random.default_rng([n, 1]).normal(size=(calibrations, n))
    t = np.partition(scores, missed, axis=1)[:, missed]
    return Simulated(
        case=f"threshold that {100 * sensitivity:g} % of the calibration positives reach",
        sensitivity=sensitivity, confidence=confidence, n=n, calibrations=calibrations,
        broken=float(np.mean(ndtr(-t) < sensitivity)), expected=binomial_cdf(missed, n, 1.0 - sensitivity), keeps=False,
    )  # fmt: skip


def _strict(calibrations: int, family: Family, sensitivity: float, confidence: float) -> Simulated:
    """Flagging above the threshold only: every positive that ties with it is missed."""
    n = smallest_n(0, sensitivity, confidence)
    scores = family.draw(np.random.default_rng([n, family.levels or 0, 2]), (calibrations, n))
    above = thresholds(scores, sensitivity, confidence) + 1.0 / (family.levels or 1)
    reached = family.reached(np.arange(2 + (family.levels or 1)) / (family.levels or 1))
    highest = int(np.sum(reached >= sensitivity)) - 2  # the last level that may be missed with all below it
    return Simulated(
        case=f"{family.name}, flagged when score > threshold instead of >=",
        sensitivity=sensitivity, confidence=confidence, n=n, calibrations=calibrations,
        broken=float(np.mean(family.reached(above) < sensitivity)),
        expected=float(reached[highest + 1] ** n), keeps=False,
    )  # fmt: skip


def _pairs(calibrations: int, correlation: float, sensitivity: float, confidence: float) -> Iterator[Simulated]:
    """Two pictures a patient, their normal scores correlated: counted singly, then the lowest of each patient."""
    n = smallest_n(0, sensitivity, confidence)
    random = np.random.default_rng([n, round(100 * correlation), 3])

    def patients(count: int) -> Array:  # [calibrations, count, 2]
        shared, own = random.normal(size=(calibrations, count, 1)), random.normal(size=(calibrations, count, 2))
        return np.asarray(math.sqrt(correlation) * shared + math.sqrt(1.0 - correlation) * own)

    singly = patients((n + 1) // 2).reshape(calibrations, -1)[:, :n]
    t = thresholds(singly, sensitivity, confidence)
    yield Simulated(
        case=f"two pictures a patient, correlation {correlation:g}, {n} pictures counted singly",
        sensitivity=sensitivity, confidence=confidence, n=n, calibrations=calibrations,
        broken=float(np.mean(ndtr(-t) < sensitivity)),
        expected=sensitivity ** ((n + 1) // 2) if correlation == 1.0 else None, keeps=False,
    )  # fmt: skip
    t = thresholds(patients(n).min(axis=2), sensitivity, confidence)
    both = ndtr(-t) - 2.0 * owens_t(t, math.sqrt((1.0 - correlation) / (1.0 + correlation)))  # P(both reach t)
    yield Simulated(
        case=f"the same, correlation {correlation:g}, one score (the lowest) for each of {n} patients",
        sensitivity=sensitivity, confidence=confidence, n=n, calibrations=calibrations,
        broken=float(np.mean(both < sensitivity)), expected=binomial_cdf(0, n, 1.0 - sensitivity),
    )  # fmt: skip


def _best_of(calibrations: int, models: int, sensitivity: float, confidence: float) -> Iterator[Simulated]:
    """The model with the fewest false alarms among several that were calibrated on the same positives.

    Models alike and independent, so the highest threshold clears most: the worst case of choosing after calibrating.
    """
    n = smallest_n(0, sensitivity, confidence)
    shared = split_confidence(confidence, models)
    enough = smallest_n(0, sensitivity, shared)
    for count, each, how in (
        (n, confidence, "each at the full doubt"),
        (enough, shared, "each at 1/K of it (--looks K)"),
    ):
        random = np.random.default_rng([count, models, 4])
        best = np.full(calibrations, -np.inf)
        for _ in range(models):
            lowest = ndtri(-np.expm1(np.log1p(-random.random(calibrations)) / count))  # of `count` normal scores
            best = np.maximum(best, lowest)
        doubt = binomial_cdf(0, count, 1.0 - sensitivity)
        yield Simulated(
            case=f"best of K = {models} models on the same {count} positives, {how}",
            sensitivity=sensitivity, confidence=confidence, n=count, calibrations=calibrations,
            broken=float(np.mean(ndtr(-best) < sensitivity)), expected=1.0 - (1.0 - doubt) ** models,
            keeps=each != confidence,
        )  # fmt: skip
