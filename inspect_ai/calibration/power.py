"""Probability of passing a test: of a fixed threshold on fresh positives, and of a threshold just calibrated.

Two different tests. *Proof*: n fresh positives must prove the promise at its confidence. *Acceptance*: m fresh
positives must show an observed sensitivity of at least the promise; even a threshold that keeps its promise fails it
at times, so an acceptance test should allow the misses that `acceptance` names.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from inspect_ai.calibration.bounds import (
    binomial_cdf,
    fresh_misses_cdf,
    missed_at_most,
    misses_allowed,
    smallest_n,
)
from inspect_ai.calibration.planning import check_promise, check_shares
from inspect_ai.errors import UsageError

MOST_MISSES = 2_000  # beyond, the assumed sensitivity is too near to the promise to plan for


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerRow:
    """Chance to prove the promise with `positives`, of which `allowed` may be missed. allowed is -1: none."""

    positives: int
    allowed: int
    chance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptanceRow:
    """Expected test of a threshold from n positives, `missed` below it, on `tested` fresh positives."""

    positives: int
    missed: int
    tested: int
    chance: float  # that the observed sensitivity is not below the promise
    allow: int  # misses that a test should allow, so that it refuses such a threshold in one of twenty cases


def power(n: int, sensitivity: float, confidence: float, assumed: float) -> PowerRow:
    """Chance that n fresh positives prove the promise if the true sensitivity is `assumed`. Raises UsageError."""
    check_promise(sensitivity, confidence)
    check_shares(assumed_sensitivity=assumed)
    allowed = misses_allowed(n, sensitivity, confidence)
    return PowerRow(positives=n, allowed=allowed, chance=binomial_cdf(allowed, n, 1.0 - assumed))


def positives_for(chance: float, sensitivity: float, confidence: float, assumed: float) -> PowerRow:
    """Fewest positives with at least this chance to prove the promise.

    The chance falls from each n at which one more miss becomes allowed until the next such n, so only those are looked
    at. Raises UsageError where the assumed sensitivity is not above the promise, or so little that no test is feasible.
    """
    check_promise(sensitivity, confidence)
    check_shares(assumed_sensitivity=assumed, chance=chance)
    if assumed <= sensitivity:
        raise UsageError(
            f"The assumed sensitivity ({assumed:g}) must lie above the promised one ({sensitivity:g}); "
            f"what is no better than its promise passes with a chance of at most {1 - confidence:.3g}. Promise less."
        )
    for misses in range(MOST_MISSES):
        n = smallest_n(misses, sensitivity, confidence)
        reached = binomial_cdf(misses, n, 1.0 - assumed)
        if reached >= chance:
            return PowerRow(positives=n, allowed=misses, chance=reached)
    raise UsageError(
        f"To tell {assumed:g} from {sensitivity:g} takes more than {n} positives. Promise less, or improve the model."
    )


def acceptance(n: int, missed: int, tested: int, sensitivity: float, quantile: float = 0.95) -> AcceptanceRow:
    """Compute the chances of a threshold from n positives (`missed` of them below it) in tests on fresh positives."""
    if not 0 <= missed < n or tested < 1:
        raise UsageError(
            f"A test needs at least one positive and a threshold that not all miss; "
            f"there are {tested} to test, and {missed} missed of {n}."
        )
    up_to = fresh_misses_cdf(missed, n, tested)
    return AcceptanceRow(
        positives=n,
        missed=missed,
        tested=tested,
        chance=up_to[missed_at_most(sensitivity, tested)],
        allow=bisect_left(up_to, quantile, hi=tested),
    )
