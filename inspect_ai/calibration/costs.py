"""Threshold of least expected cost, where a miss and a false alarm have prices (the decision rule of C. Elkan,
IJCAI 2001, on the calibration scores).

It proves nothing: the threshold that does best on these scores was chosen by these scores, and so looks better on them
than it is (the best of three candidates turns 95 % confidence into 86 %). A proved threshold may be lowered for any
reason, since below it only more is found. So cost lowers a proved threshold and never raises it; without a proof it is
used uncertified.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inspect_ai.calibration.groups import Units
from inspect_ai.errors import UsageError

PROVES_NOTHING = (
    "The threshold is the one of least expected cost; chosen on the same scores that it is judged by, "
    "it proves nothing."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Prices in one unit of any kind, and the share of positives at work (not that in the calibration set)."""

    escape: float  # of one positive that is cleared
    overkill: float  # of one negative that is flagged
    prevalence: float

    def __post_init__(self) -> None:
        for name, price in (("escape", self.escape), ("overkill", self.overkill)):
            if not (math.isfinite(price) and price > 0):
                raise UsageError(f"The cost of an {name} must be a number above 0; it is {price:g}.")
        if not 0.0 < self.prevalence < 1.0:
            raise UsageError(f"The prevalence must lie between 0 and 1, for example 0.01; it is {self.prevalence:g}.")


def cheapest(positives: Units, negatives: Sequence[float], costs: Costs, highest: float = 1.0) -> float:
    """Threshold of least expected cost a unit; among equals the lowest, which misses least.

    `highest`: the highest possible score; infinity where there is none, then the threshold may lie above all. A
    positive that the gate leaves to a person costs no escape. Raises UsageError without negatives.
    """
    if not negatives:
        raise UsageError("There is no negative unit among the calibration pictures; no cost can be weighed.")
    found, spared = np.sort(np.asarray(positives.scores, float)), np.sort(np.asarray(negatives, float))
    candidates = np.unique(np.concatenate([found, spared, [_top(found, spared, highest)]]))  # [T]
    missed = np.searchsorted(found, candidates, side="left") / positives.n  # [T] share of positives below
    flagged = 1.0 - np.searchsorted(spared, candidates, side="left") / len(spared)  # [T] share of negatives at or above
    cost = costs.prevalence * costs.escape * missed + (1.0 - costs.prevalence) * costs.overkill * flagged
    return float(candidates[int(np.argmin(cost))])


def _top(found: NDArray[np.float64], spared: NDArray[np.float64], highest: float) -> float:
    """Highest candidate: the highest possible score, or above all scores where there is none."""
    return highest if math.isfinite(highest) else math.nextafter(max(found[-1], spared[-1]), math.inf)
