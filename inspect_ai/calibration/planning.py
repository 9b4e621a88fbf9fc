"""Number of calibration positives that a promise needs, and the promises that a given number proves."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from inspect_ai.calibration.bounds import lower_bound, smallest_n
from inspect_ai.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """Number of `positives` that are needed with `misses` of them below the threshold."""

    misses: int
    positives: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HaveRow:
    """Sensitivity that given positives prove when `misses` of them lie below the threshold."""

    misses: int
    provable: float  # best sensitivity, one-sided exact bound
    expected: float  # mean true sensitivity at that threshold, scores without ties
    missing: int  # positives to add to prove the promise with as many misses


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsRow:
    """Number of positives that each part (group, fold) needs, with `misses` in every part."""

    misses: int
    positives_each: int
    positives_in_all: int


def plan(sensitivity: float, confidence: float, misses: Iterable[int]) -> list[PlanRow]:
    """Tabulate the positives needed for each number of misses. Raises UsageError for a promise outside 0..1."""
    check_promise(sensitivity, confidence)
    return [PlanRow(misses=m, positives=smallest_n(m, sensitivity, confidence)) for m in misses]


def have(n: int, sensitivity: float, confidence: float, misses: Iterable[int]) -> list[HaveRow]:
    """Sensitivity that n positives prove with each number of misses below n. Raises UsageError for n < 1."""
    check_promise(sensitivity, confidence)
    if n < 1:
        raise UsageError(f"There must be at least one positive to prove anything with; there are {n}.")
    return [
        HaveRow(
            misses=m,
            provable=lower_bound(n - m, n, confidence),
            expected=(n - m) / (n + 1),
            missing=max(0, smallest_n(m, sensitivity, confidence) - n),
        )
        for m in misses
        if m < n
    ]


def in_parts(sensitivity: float, confidence: float, parts: int, misses: Iterable[int]) -> list[PartsRow]:
    """Tabulate the positives for each of several groups or folds, so that all promises hold at once at `confidence`.

    Bonferroni: each part is proved at 1 - (1 - confidence) / parts, under any dependence between the parts.
    """
    check_promise(sensitivity, confidence)
    each = plan(sensitivity, split_confidence(confidence, parts), misses)
    return [
        PartsRow(misses=row.misses, positives_each=row.positives, positives_in_all=parts * row.positives)
        for row in each
    ]


def split_confidence(confidence: float, parts: int) -> float:
    """Confidence of each of `parts` statements that are to hold together: 1 - (1 - confidence) / parts.

    Rounded up where a float cannot hold it: 0.975 for 0.95 and two parts. Raises UsageError for parts < 1.
    """
    if parts < 1:
        raise UsageError(f"There must be at least one group or fold; there are {parts}.")
    exact = 1 - (1 - Fraction(repr(float(confidence)))) / parts
    split = float(exact)
    return split if Fraction(repr(split)) >= exact else math.nextafter(split, 1.0)


def check_promise(sensitivity: float, confidence: float) -> None:
    """Check both shares. Raises UsageError unless both lie strictly between 0 and 1 (NaN does not)."""
    check_shares(sensitivity=sensitivity, confidence=confidence)


def check_shares(**shares: float) -> None:
    """Check shares. Raises UsageError, by name, unless each lies strictly between 0 and 1 (NaN does not)."""
    for name, value in shares.items():
        if not 0.0 < value < 1.0:
            said = name.replace("_", " ")
            raise UsageError(f"The {said} must lie between 0 and 1, for example 0.95; it is {value:g}.")
