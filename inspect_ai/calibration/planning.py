"""How many calibration positives a promise costs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from inspect_ai.calibration.bounds import smallest_n
from inspect_ai.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """With `misses` positives below the threshold, at least `positives` are needed."""

    misses: int
    positives: int


def plan(sensitivity: float, confidence: float, misses: Iterable[int]) -> list[PlanRow]:
    """One row for each number of misses. Raises UsageError for a promise outside 0..1."""
    check_promise(sensitivity, confidence)
    return [PlanRow(misses=m, positives=smallest_n(m, sensitivity, confidence)) for m in misses]


def check_promise(sensitivity: float, confidence: float) -> None:
    """Raises UsageError unless both lie strictly between 0 and 1 (NaN does not)."""
    for name, value in (("sensitivity", sensitivity), ("confidence", confidence)):
        if not 0.0 < value < 1.0:
            raise UsageError(f"The {name} must lie between 0 and 1, for example 0.95; it is {value:g}.")
