"""Exact binomial bounds (C. Clopper, E. Pearson, Biometrika 1934), through the regularised incomplete beta function."""

from __future__ import annotations

from scipy.special import bdtr, betaincinv


def lower_bound(successes: int, n: int, confidence: float) -> float:
    """One-sided: the rate is at least this, at `confidence`, when `successes` of `n` were seen."""
    return float(betaincinv(successes, n - successes + 1, 1.0 - confidence)) if successes > 0 else 0.0


def upper_bound(successes: int, n: int, confidence: float) -> float:
    """One-sided: the rate is at most this, at `confidence`."""
    return 1.0 - lower_bound(n - successes, n, confidence)


def clopper_pearson(successes: int, n: int, confidence: float) -> tuple[float, float]:
    """Two-sided interval of a rate. Raises ValueError for n < 1."""
    if n < 1:
        raise ValueError("an interval needs at least one observation")
    one_sided = (1.0 + confidence) / 2.0
    return lower_bound(successes, n, one_sided), upper_bound(successes, n, one_sided)


def misses_allowed(n: int, sensitivity: float, confidence: float) -> int:
    """Largest k with P(Binomial(n, 1 - sensitivity) <= k) <= 1 - confidence; -1 if there is none (n too small)."""
    k = -1
    while k + 1 < n and proves(k + 1, n, sensitivity, confidence):
        k += 1
    return k


def proves(misses: int, n: int, sensitivity: float, confidence: float) -> bool:
    """Whether `misses` of `n` positives prove the sensitivity. Ties of floats fall to the side of no proof."""
    return float(bdtr(misses, n, 1.0 - sensitivity)) <= (1.0 - confidence) * (1.0 - 1e-12)


def smallest_n(misses: int, sensitivity: float, confidence: float) -> int:
    """Fewest positives of which `misses` may be missed."""
    low, high = misses, max(2, 2 * misses)
    while not proves(misses, high, sensitivity, confidence):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if proves(misses, middle, sensitivity, confidence) else (middle, high)
    return high
