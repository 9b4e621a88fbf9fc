"""Exact binomial bounds (C. Clopper, E. Pearson, Biometrika 1934), through the regularised incomplete beta function.

Bounds are floats. `proves` is a yes or no; where floats come too close to decide it, it is computed in fractions.
"""

from __future__ import annotations

from bisect import bisect_left
from fractions import Fraction

import numpy as np
from scipy.special import betaincc, betaincinv, betaln, gammaln

CLOSE = 1e-6  # relative; thousands of times what betaincc is off by (a test compares it with fractions)
COUNTABLE = 20_000  # positives up to which a close call is settled by fractions; beyond, it counts as not proved


def lower_bound(successes: int, n: int, confidence: float) -> float:
    """Lower one-sided bound of a rate at `confidence`, from `successes` of `n`."""
    return float(betaincinv(successes, n - successes + 1, 1.0 - confidence)) if successes > 0 else 0.0


def upper_bound(successes: int, n: int, confidence: float) -> float:
    """Upper one-sided bound of a rate at `confidence`."""
    return 1.0 - lower_bound(n - successes, n, confidence)


def clopper_pearson(successes: int, n: int, confidence: float) -> tuple[float, float]:
    """Two-sided interval of a rate. Raises ValueError for n < 1."""
    if n < 1:
        raise ValueError("an interval needs at least one observation")
    one_sided = (1.0 + confidence) / 2.0
    return lower_bound(successes, n, one_sided), upper_bound(successes, n, one_sided)


def proves(misses: int, n: int, sensitivity: float, confidence: float) -> bool:
    """True if `misses` of `n` positives prove the sensitivity: P(Binomial(n, 1 - s) <= misses) <= 1 - confidence.

    0.987 means 987/1000, not the double nearest to it: 1 - 0.987 in floats is 0.013000000000000012.
    """
    if misses >= n:
        return False
    miss, doubt = 1 - _as_typed(sensitivity), 1 - _as_typed(confidence)
    ratio = float(betaincc(misses + 1, n - misses, float(miss))) / float(doubt)
    if abs(ratio - 1.0) > CLOSE:
        return ratio < 1.0  # False for NaN
    return n <= COUNTABLE and _tail_is_within(misses, n, miss, doubt)


def misses_allowed(n: int, sensitivity: float, confidence: float) -> int:
    """Largest k with P(Binomial(n, 1 - sensitivity) <= k) <= 1 - confidence; -1 if there is none (n too small)."""
    return bisect_left(range(n), True, key=lambda k: not proves(k, n, sensitivity, confidence)) - 1


def binomial_cdf(k: int, n: int, rate: float) -> float:
    """P(Binomial(n, rate) <= k)."""
    if k < 0:
        return 0.0
    return 1.0 if k >= n else float(betaincc(k + 1, n - k, rate))


def fresh_misses_cdf(missed: int, n: int, fresh: int) -> list[float]:
    """P(misses <= j) for j = 0 .. fresh, among `fresh` new positives at the (missed + 1)-th smallest of n scores.

    Beta-binomial: over the draw of the calibration set the miss rate is Beta(missed + 1, n - missed) for scores without
    ties (S. Wilks 1941); with ties there are fewer misses. Exact, too, for a random split of any fixed set of scores.
    """
    j = np.arange(fresh + 1)
    ways = gammaln(fresh + 1) - gammaln(j + 1) - gammaln(fresh - j + 1)
    log = ways + betaln(j + missed + 1, fresh - j + n - missed) - betaln(missed + 1, n - missed)
    return [float(p) for p in np.minimum(np.cumsum(np.exp(log)), 1.0)]


def missed_at_most(share: float, of: int) -> int:
    """Largest number of misses among `of` positives at which the observed sensitivity is not below `share`."""
    return int((1 - _as_typed(share)) * of)


def smallest_n(misses: int, sensitivity: float, confidence: float) -> int:
    """Fewest positives of which `misses` may be missed."""
    low, high = misses, 2 * misses + 2
    while not proves(misses, high, sensitivity, confidence):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if proves(misses, middle, sensitivity, confidence) else (middle, high)
    return high


def _as_typed(share: float) -> Fraction:
    """Decimal as it was typed: the shortest one that reads back as this double."""
    return Fraction(repr(float(share)))


def _tail_is_within(misses: int, n: int, miss: Fraction, doubt: Fraction) -> bool:
    """P(Binomial(n, miss) <= misses) <= doubt, in integers: both sides multiplied by denominator ** n."""
    part, whole = miss.numerator, miss.denominator
    term = (whole - part) ** n  # of k = 0
    tail = term
    for k in range(1, misses + 1):
        term = term * (n - k + 1) * part // (k * (whole - part))  # exact: C(n, k) part^k (whole - part)^(n - k)
        tail += term
    return bool(tail * doubt.denominator <= doubt.numerator * whole**n)
