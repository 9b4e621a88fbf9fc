"""Threshold with a finite-sample guarantee: an order statistic of the positives' scores.

If n independent positives are exchangeable with those to come, then at the (k+1)-th smallest of their scores, where k
is the largest integer with P(Binomial(n, 1 - s) <= k) <= delta, at least a share s of positives reaches the threshold,
with confidence 1 - delta over the draw of the calibration set (S. Wilks, Ann. Math. Stat. 1941). Ties only add
detections. A positive that the quality gate leaves to a person is never cleared: it counts among the n, and lies above
every threshold.
Void where the threshold was chosen among several on the same scores, where groups are counted as independent pictures
(see groups.py), and for any other model, engine, preparation or gate than the one that scored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from inspect_ai.calibration.bounds import lower_bound, misses_allowed, smallest_n
from inspect_ai.calibration.planning import check_promise
from inspect_ai.errors import CalibrationRefused, UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Proof of a threshold: `n_missed` of `n_positive` scores lie below it, `n_allowed` may."""

    threshold: float
    n_positive: int
    n_allowed: int
    n_missed: int
    proved_sensitivity: float  # one-sided exact lower bound at the asked confidence, for n_allowed misses


def prove(scores: Sequence[float], *, sensitivity: float, confidence: float, abstained: int = 0) -> Proof:
    """Prove a threshold for `sensitivity` at `confidence` from one score for each independent positive.

    `abstained` more positives are left to a person whatever their score. Raises CalibrationRefused if there are too
    few, naming how many are needed and what can be proved, and UsageError for no score, a score that is no number, or
    a promise outside 0..1.
    """
    ordered = ordered_scores(scores, sensitivity, confidence)
    n = len(ordered) + abstained
    allowed = misses_allowed(n, sensitivity, confidence)
    if allowed < 0:
        raise CalibrationRefused(
            f"A sensitivity of {sensitivity:g} at {100 * confidence:.6g} % confidence needs at least "
            f"{smallest_n(0, sensitivity, confidence)} independent positives; there are {n}, "
            f"which prove at most {_rounded_down(lower_bound(n, n, confidence))} (with no miss)."
        )
    return at_rank(ordered, allowed, abstained, lower_bound(n - allowed, n, confidence))


def best_effort(scores: Sequence[float], *, sensitivity: float, confidence: float, abstained: int = 0) -> Proof:
    """Threshold to use after a refusal: the lowest positive's score, which misses none of the given ones.

    Raises as `prove` does, but never CalibrationRefused.
    """
    ordered = ordered_scores(scores, sensitivity, confidence)
    n = len(ordered) + abstained
    return at_rank(ordered, 0, abstained, lower_bound(n, n, confidence))


def at_rank(ordered: Sequence[float], allowed: int, abstained: int, proved: float) -> Proof:
    """Threshold that `allowed` of the ordered scores may miss.

    `proved` belongs to the rank, not to the number that ties left below it: a bound that improves with ties would be
    chosen by the scores. Raises CalibrationRefused where the gate leaves so many positives to a person that no score
    has that rank.
    """
    if allowed >= len(ordered):
        raise CalibrationRefused(
            f"The quality gate hands {abstained} of {len(ordered) + abstained} positives to a person; "
            f"those that remain are too few to read a threshold from. Calibrate with better pictures."
        )
    threshold = ordered[allowed]
    return Proof(
        threshold=threshold,
        n_positive=len(ordered) + abstained,
        n_allowed=allowed,
        n_missed=sum(score < threshold for score in ordered),
        proved_sensitivity=proved,
    )


def ordered_scores(scores: Sequence[float], sensitivity: float, confidence: float) -> list[float]:
    """Sort the scores from low to high.

    Raises UsageError for none, for one that is no number, and for a promise outside 0..1.
    """
    check_promise(sensitivity, confidence)
    ordered = sorted(float(score) for score in scores)
    if not ordered:
        raise UsageError("There is no positive among the calibration pictures; nothing can be proved.")
    if not all(math.isfinite(score) for score in ordered):
        raise UsageError(
            "A calibration score is not a number; find the picture with `inspect-ai evaluate --scores` first."
        )
    return ordered


def _rounded_down(share: float) -> str:
    return f"{math.floor(share * 1000) / 1000:.3f}"
