"""More positives for the line: topping calibration up from train, against cross-fitting, with a learner that learns.

The learner is linear discriminant analysis with unit covariance (the difference of the class means) on Gaussian
pictures of many dimensions, a few positives of which are hard. It truly gets better with more training data, its models
on overlapping folds are correlated, and the true sensitivity of each model at any line is a formula. Scores are
log-odds, so those of several models are on one scale.

What may be proved of models that each left one fold out: each model has its own line at the r-th smallest score of the
n positives that it did not meet (its fold, and all of calibration). Its miss rate is then Beta(r, n - r + 1), whatever
was learnt; but the models of the other folds met these positives, so nothing is known of how the miss rates hang
together. One model a picture, drawn by chance, misses their mean. In the worst case that mean exceeds a bound with
probability e where the mean of the worst e of the beta distribution does (`worst_mean`): with A the event that the mean
is above the bound and e = P(A), bound * e < E[mean; A] <= e * worst_mean(e). So no split of the doubt over the folds is
needed, and the price is 306 positives for no miss where one model takes 229.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincinv, ndtr

from benchmarks.guarantee.results import CrossFitted
from inspect_ai.calibration.bounds import misses_allowed, smallest_n
from inspect_ai.calibration.planning import split_confidence

Array = NDArray[np.float64]
DIMENSIONS = 60
DISTANCE = 3.2  # between the class means, in standard deviations: an AUC of about 0.985
HARD, HARD_DISTANCE = 0.02, 1.0  # share of positives that show little, and how much
FOLDS = 5
SIZES = (("as luna16_candidates", 536, 315), ("as castings", 147, 362))  # positives of train, of calibration
MOST_TAKEN = 1 / 3  # of train, for calibration
SHARE = 5  # of the calibrations that are drawn elsewhere, since each one trains a dozen models


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """Scores x @ weights + offset."""

    weights: Array  # [D]
    offset: float

    def scores(self, pictures: Array) -> Array:
        """[N, D] -> [N]."""
        return np.asarray(pictures @ self.weights + self.offset)

    def reached(self, line: float, distance: float) -> float:
        """P(score >= line) of a picture whose class mean lies so far along the first axis."""
        mean = distance * self.weights[0] + self.offset
        return float(ndtr((mean - line) / np.linalg.norm(self.weights)))

    def sensitivity(self, line: float) -> float:
        """Share of all positives that reach the line."""
        return (1.0 - HARD) * self.reached(line, DISTANCE) + HARD * self.reached(line, HARD_DISTANCE)


def learnt(positives: Array, negatives: Array) -> Model:
    """Train: the log-odds of two Gaussians of unit covariance around the class means."""
    high, low = positives.mean(axis=0), negatives.mean(axis=0)
    return Model(weights=high - low, offset=float(low @ low - high @ high) / 2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Pictures of one site: [N, D] each."""

    train: Array  # positives
    negatives: Array  # of train, as many
    calibration: Array  # positives


Found = tuple[float, float]  # true sensitivity of what is deployed, and the share of negatives at or above its line


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way to a line: what it deploys, the positives behind each line, and how many may lie below it."""

    name: str
    deployed: str
    exact: bool  # proved under any learner, so that it must hold
    n: int
    misses: int

    @property
    def refused(self) -> bool:
        """True where the promise takes more positives."""
        return self.misses < 0


def cross_fitted(calibrations: int, sensitivity: float, confidence: float) -> Iterator[CrossFitted]:
    """Every way at every size: how often the promise is kept, and what it costs."""
    for data, train, calibration in SIZES:
        ways = ways_for(train, calibration, sensitivity, confidence)
        random = np.random.default_rng([train, calibration, 5])
        found = np.array([_each_way(_drawn(random, train, calibration), ways) for _ in range(calibrations)])
        for at, way in enumerate(ways):
            reached, flagged = found[:, at, 0], found[:, at, 1]
            yield CrossFitted(
                data=f"{data}: {train} + {calibration}", way=way.name, deployed=way.deployed, exact=way.exact,
                sensitivity=sensitivity, confidence=confidence, calibrations=calibrations, n=way.n,
                misses=None if way.refused else way.misses,
                broken=None if way.refused else float(np.mean(reached < sensitivity)),
                reached=None if way.refused else float(reached.mean()),
                flagged=None if way.refused else float(flagged.mean()),
            )  # fmt: skip


def ways_for(train: int, calibration: int, sensitivity: float, confidence: float) -> tuple[Way, ...]:
    """Ways in the order of `_each_way`, with what each may miss at these sizes."""
    own = calibration + train // FOLDS
    topped = _topped(train, calibration, sensitivity, confidence)
    whole = train // FOLDS * FOLDS + calibration
    allowed = misses_allowed(whole, sensitivity, confidence)
    each = split_confidence(confidence, FOLDS)
    one, folds = "one model", f"one of {FOLDS} models a picture, by chance"
    return (
        Way(name="calibration as it is", deployed=one, exact=True, n=calibration,
            misses=misses_allowed(calibration, sensitivity, confidence)),
        Way(name="calibration topped up from train", deployed=one, exact=True, n=topped,
            misses=misses_allowed(topped, sensitivity, confidence)),
        Way(name="calibration as it is", deployed=f"the mean of {FOLDS} fold models", exact=True, n=calibration,
            misses=misses_allowed(calibration, sensitivity, confidence)),
        Way(name="cross-fitted, the doubt split over the folds", deployed=folds, exact=True, n=own,
            misses=misses_allowed(own, sensitivity, each)),
        Way(name="cross-fitted, the worst dependence of the folds", deployed=folds, exact=True, n=own,
            misses=misses_in_the_worst_case(own, sensitivity, confidence)),
        Way(name="cross-fitted, all positives counted as one set", deployed=folds, exact=False, n=whole,
            misses=allowed),
        Way(name="the same", deployed=f"the mean of the {FOLDS} models", exact=False, n=whole, misses=allowed),
        Way(name="the same", deployed="a model of all of train", exact=False, n=whole, misses=allowed),
    )  # fmt: skip


def worst_mean(rank: int, n: int, share: float) -> float:
    """Mean of the largest `share` of miss rates at the rank-th smallest of n scores.

    They are Beta(rank, n - rank + 1). For these, E[Q; Q > q] is rank / (n + 1) times the tail of
    Beta(rank + 1, n - rank + 1).
    """
    q = betaincinv(rank, n - rank + 1, 1.0 - share)
    return float(rank / (n + 1) * (1.0 - betainc(rank + 1, n - rank + 1, q)) / share)


def misses_in_the_worst_case(n: int, sensitivity: float, confidence: float) -> int:
    """Largest number of misses of each model that keeps the mean over any number of models; -1 if there is none."""
    rank = 0
    while rank < n and worst_mean(rank + 1, n, 1.0 - confidence) <= 1.0 - sensitivity:
        rank += 1
    return rank - 1


def _topped(train: int, calibration: int, sensitivity: float, confidence: float) -> int:
    """Positives of a calibration part that takes as many of train as allow the most misses (datasets/topping_up.py)."""
    at_most = calibration + int(MOST_TAKEN * train)
    return max(calibration, smallest_n(misses_allowed(at_most, sensitivity, confidence), sensitivity, confidence))


def _drawn(random: np.random.Generator, train: int, calibration: int) -> Drawn:
    positives = random.normal(size=(train + calibration, DIMENSIONS))
    hard = random.random(len(positives)) < HARD
    positives[:, 0] += np.where(hard, HARD_DISTANCE, DISTANCE)
    negatives = random.normal(size=(train, DIMENSIONS))
    return Drawn(train=positives[:train], negatives=negatives, calibration=positives[train:])


def _each_way(site: Drawn, ways: Sequence[Way]) -> list[Found]:
    """True sensitivity and flagged share of each of `ways_for`; a way that is refused is not used."""
    plain, topped, averaged, split, worst, pooled, _, _ = ways
    whole = learnt(site.train, site.negatives)
    taken = topped.n - len(site.calibration)
    lessened = learnt(site.train[taken:], site.negatives[taken:])
    held = np.concatenate([site.train[:taken], site.calibration])
    size = len(site.train) // FOLDS
    folds = [slice(k * size, (k + 1) * size) for k in range(FOLDS)]
    models = [learnt(np.delete(site.train, fold, axis=0), np.delete(site.negatives, fold, axis=0)) for fold in folds]
    mean = Model(
        weights=np.mean([m.weights for m in models], axis=0), offset=float(np.mean([m.offset for m in models]))
    )
    in_fold = [model.scores(site.train[fold]) for model, fold in zip(models, folds, strict=True)]
    later = [model.scores(site.calibration) for model in models]
    own = [np.concatenate(parts) for parts in zip(in_fold, later, strict=True)]
    by_chance = np.choose(np.arange(len(site.calibration)) % FOLDS, later)
    line = _line(np.concatenate([*in_fold, by_chance]), pooled)
    of_mean = _line(np.concatenate([*in_fold, mean.scores(site.calibration)]), pooled)
    of_whole = _line(np.concatenate([*in_fold, whole.scores(site.calibration)]), pooled)
    return [
        _one(whole, _line(whole.scores(site.calibration), plain)),
        _one(lessened, _line(lessened.scores(held), topped)),
        _one(mean, _line(mean.scores(site.calibration), averaged)),
        _mixture(models, [_line(scores, split) for scores in own]),
        _mixture(models, [_line(scores, worst) for scores in own]),
        _mixture(models, [line] * FOLDS),
        _one(mean, of_mean),
        _one(whole, of_whole),
    ]


def _line(scores: Array, way: Way) -> float:
    return float(np.partition(scores, max(way.misses, 0))[max(way.misses, 0)])


def _one(model: Model, line: float) -> Found:
    return model.sensitivity(line), model.reached(line, 0.0)


def _mixture(models: Sequence[Model], lines: Sequence[float]) -> Found:
    each = np.array([_one(model, line) for model, line in zip(models, lines, strict=True)])
    return float(each[:, 0].mean()), float(each[:, 1].mean())


def contrived(calibrations: int, sensitivity: float, confidence: float) -> Iterator[CrossFitted]:
    """Counting folds as one set is no theorem: a learner for which it fails.

    A share `rare` of positives is of one kind; a model misses all of that kind where its training data hold an even
    number of them, and finds it otherwise. With many folds, each left-out positive of that kind makes odd what is even
    for the folds without one.
    """
    rare, train = 0.0175, 536
    for folds in (FOLDS, 50):
        size = train // folds
        counts = np.random.default_rng([folds, 6]).binomial(size, rare, size=(calibrations, folds))
        misses_it = (counts.sum(axis=1, keepdims=True) - counts) % 2 == 0  # [calibrations, folds]
        seen = (counts * misses_it).sum(axis=1)
        allowed = misses_allowed(size * folds, sensitivity, confidence)
        reached = 1.0 - rare * misses_it.mean(axis=1)
        yield CrossFitted(
            data=f"a contrived learner: {train} + 0", way=f"{folds} folds counted as one set",
            deployed=f"one of {folds} models a picture, by chance", exact=False, sensitivity=sensitivity,
            confidence=confidence, calibrations=calibrations, n=size * folds, misses=allowed,
            broken=float(np.mean((seen <= allowed) & (reached < sensitivity))), reached=float(reached.mean()),
            flagged=None,
        )  # fmt: skip
