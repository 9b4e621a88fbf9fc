"""The guarantee on real scores: many random splits of one set into a calibration part and a check part.

The check part is finite, so it shows less than the promise at times even when the promise is kept; how often, says the
beta-binomial distribution (calibration/bounds.py), exactly so when units that are exchangeable are split at random.
Where whole groups are split, or pictures of one group counted singly, the share may differ: that is what is looked for.
The splits are of one set, so a difference may be that set's chance: shuffling the scores over the groups says how often
groups that mean nothing differ as much.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from benchmarks.guarantee.draws import Array
from benchmarks.guarantee.results import Counting, SplitResult
from benchmarks.guarantee.units import RealScores, arrays
from inspect_ai.calibration import prove
from inspect_ai.calibration.bounds import fresh_misses_cdf, missed_at_most, misses_allowed
from inspect_ai.calibration.power import acceptance

SENSITIVITIES = (0.98, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5)  # promised, as far as half of the units carry them
PROMISES = 2  # the highest of them that are carried
CONFIDENCE = 0.95
SEED = 20
SHUFFLES, SHUFFLED_SPLITS = 99, 500  # sets without likeness within groups, and splits of each


def split_often(scores: RealScores, splits: int) -> Iterator[SplitResult]:
    """Every way of counting and splitting that this set knows, at the highest promises that half of it carries."""
    by_group = scores.labels.independent == "group"
    ways = (Counting.UNITS, Counting.SINGLY, Counting.MIXED) if by_group else (Counting.UNITS, Counting.GROUPS)
    for sensitivity in carried(len(scores.units) // 2):
        for how in ways:
            found = _split(scores, how, sensitivity, splits)
            if found is not None:
                yield found


def carried(n: int) -> Sequence[float]:
    """The highest promises that n positives can prove."""
    return [s for s in SENSITIVITIES if misses_allowed(n, s, CONFIDENCE) >= 0][:PROMISES]


def _split(scores: RealScores, how: Counting, sensitivity: float, splits: int) -> SplitResult | None:
    """None where every split leaves too few positives in its calibration part."""
    counted = scores.units if how in (Counting.UNITS, Counting.GROUPS) else scores.singly
    values, groups = arrays(counted)
    parts = groups if how in (Counting.GROUPS, Counting.SINGLY) else np.arange(len(values))
    names = np.unique(parts)
    random = np.random.default_rng(SEED)
    masks = [np.isin(parts, random.permutation(names)[: len(names) // 2]) for _ in range(splits)]
    held = _held(values, masks, sensitivity)
    if not len(held):
        return None
    n, missed, tested, short, short_expected, beyond, beyond_expected = held.mean(axis=0).tolist()
    together = len(names) < len(values)
    return SplitResult(
        data=scores.name, unit=scores.labels.independent_name, how=how, sensitivity=sensitivity, confidence=CONFIDENCE,
        splits=splits, refused=splits - len(held), positives=len(values), groups=len(np.unique(groups)), n=n,
        missed=missed, tested=tested, short=short, short_expected=short_expected, beyond=beyond,
        beyond_expected=beyond_expected,
        by_chance=_by_chance(values, masks[:SHUFFLED_SPLITS], sensitivity, beyond) if together else None,
    )  # fmt: skip


def _by_chance(values: Array, masks: Sequence[NDArray[np.bool_]], sensitivity: float, beyond: float) -> float:
    """Share of sets, this one included, that go beyond as often once likeness within groups is shuffled away."""
    random = np.random.default_rng(SEED + 1)
    shuffled = [_held(random.permutation(values), masks, sensitivity)[:, 5].mean() for _ in range(SHUFFLES)]
    return (1 + sum(bool(share >= beyond) for share in shuffled)) / (1 + SHUFFLES)


def _held(values: Array, masks: Sequence[NDArray[np.bool_]], sensitivity: float) -> Array:
    """[splits that are not refused, 7]: sizes, what the check part shows, and what it should."""
    seen = [_one(values[mask], values[~mask], sensitivity) for mask in masks]
    return np.array([row for row in seen if row is not None], dtype=np.float64).reshape(-1, 7)


def _one(calibration: Array, check: Array, sensitivity: float) -> tuple[float, ...] | None:
    """One row of the above; None where the promise is refused."""
    n, tested = len(calibration), len(check)
    allowed = _allowed(n, sensitivity)
    if allowed < 0:
        return None
    threshold = prove(calibration.tolist(), sensitivity=sensitivity, confidence=CONFIDENCE).threshold
    misses = int(np.sum(check < threshold))
    chance, allow, beyond = _reference(n, allowed, tested, sensitivity)
    short = misses > missed_at_most(sensitivity, tested)
    return n, allowed, tested, short, 1.0 - chance, misses > allow, beyond


@lru_cache(maxsize=10_000)
def _allowed(n: int, sensitivity: float) -> int:
    return misses_allowed(n, sensitivity, CONFIDENCE)


@lru_cache(maxsize=10_000)
def _reference(n: int, missed: int, tested: int, sensitivity: float) -> tuple[float, int, float]:
    """Chance to observe the promise, misses to allow, and the exact chance of more than those."""
    row = acceptance(n, missed, tested, sensitivity)
    return row.chance, row.allow, 1.0 - fresh_misses_cdf(missed, n, tested)[row.allow]
