"""Average promise, the weaker one: conformal risk control (A. Angelopoulos et al., ICLR 2024) of the share missed.

At the (k+1)-th smallest score, k = floor(alpha (n + 1) - 1), the expected miss rate is at most alpha. The expectation
is over calibrations too: about half of them miss more than that, and of a single one nothing is known. So it is stated
as an average and never with a confidence. It needs a third of the positives (76 instead of 229 for 98.7 %).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from inspect_ai.calibration.threshold import Proof, at_rank, ordered_scores
from inspect_ai.errors import CalibrationRefused

ANY_CONFIDENCE = 0.5  # the check of the scores needs one; the average promise has none


def average(scores: Sequence[float], *, sensitivity: float, abstained: int = 0) -> Proof:
    """Threshold that keeps `sensitivity` on average over calibrations; its `proved_sensitivity` is that average.

    Raises as threshold.prove does.
    """
    ordered = ordered_scores(scores, sensitivity, ANY_CONFIDENCE)
    n = len(ordered) + abstained
    allowed = misses_on_average(n, sensitivity)
    if allowed < 0:
        raise CalibrationRefused(
            f"A sensitivity of {sensitivity:g} on average over calibrations needs at least "
            f"{smallest_n_on_average(sensitivity)} independent positives; there are {n}, "
            f"which promise at most {math.floor(1000 * expected_sensitivity(0, n)) / 1000:.3f} (with no miss)."
        )
    return at_rank(ordered, allowed, abstained, expected_sensitivity(allowed, n))


def misses_on_average(n: int, sensitivity: float) -> int:
    """floor(alpha (n + 1) - 1), alpha = 1 - sensitivity, of the decimals as typed; -1 if n is too small."""
    return max(math.floor(_alpha(sensitivity) * (n + 1) - 1), -1)


def smallest_n_on_average(sensitivity: float) -> int:
    """Fewest positives that promise the sensitivity on average, with no miss."""
    return math.ceil(1 / _alpha(sensitivity) - 1)


def expected_sensitivity(misses: int, n: int) -> float:
    """Least share of positives that reaches the (misses + 1)-th smallest of n scores, on average over calibrations."""
    return 1.0 - (misses + 1) / (n + 1)


def _alpha(sensitivity: float) -> Fraction:
    return 1 - Fraction(repr(float(sensitivity)))
