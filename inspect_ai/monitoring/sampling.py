"""Bounds from a random audit of cleared cases: on escapes and, with the positives found, on sensitivity at work.

The share is C. Clopper and E. Pearson's upper bound (Biometrika 1934), for the line as it runs. The number of escapes
among the cleared cases at hand is bounded by the hypergeometric distribution (given how many were drawn, every set of
that size was equally likely), which is exact too and never larger than the share allows by rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import gammaln

from inspect_ai.calibration.bounds import upper_bound


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditBound:
    """Bounds at `confidence`, each by itself, for one look at the end of a period: looking at all times takes more."""

    cleared: int
    audited: int  # of them, drawn by chance and answered
    escapes: int  # of those, positive (or beyond judging: the safe side)
    positives_found: int  # among flags and abstentions, confirmed by a person
    share_at_most: float  # of a cleared case being an escape
    escapes_at_most: int  # among all cleared cases
    sensitivity_at_least: float  # of this period: found / (found + escapes at most)
    confidence: float


def audit_bound(*, cleared: int, audited: int, escapes: int, positives_found: int, confidence: float) -> AuditBound:
    """Compute the bounds. Raises ValueError for counts that cannot be."""
    if not 0 <= escapes <= audited <= cleared or positives_found < 0 or not 0.0 < confidence < 1.0:
        raise ValueError("an audit draws from the cleared cases, and its escapes are among those drawn")
    most = escapes_at_most(escapes, audited, cleared, confidence)
    positives = positives_found + most
    return AuditBound(
        cleared=cleared,
        audited=audited,
        escapes=escapes,
        positives_found=positives_found,
        share_at_most=upper_bound(escapes, audited, confidence) if audited else 1.0,
        escapes_at_most=most,
        sensitivity_at_least=positives_found / positives if positives else 0.0,
        confidence=confidence,
    )


def escapes_at_most(escapes: int, audited: int, cleared: int, confidence: float) -> int:
    """Largest number of escapes among `cleared` that would still show so few in the audit: P(X <= escapes) > doubt."""
    likely = partial(_at_most, escapes, audited, cleared)
    low, high = escapes, cleared - (audited - escapes)  # audited cases that were good are no escapes
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if likely(middle) > 1.0 - confidence else (low, middle - 1)
    return low


def _at_most(k: int, drawn: int, population: int, marked: int) -> float:
    """P(X <= k) for X marked ones among `drawn` of a population that holds `marked`."""
    x = np.arange(max(0, drawn - (population - marked)), min(k, drawn, marked) + 1)
    log = _log_choose(marked, x) + _log_choose(population - marked, drawn - x) - _log_choose(population, drawn)
    return float(np.exp(log).sum())


def _log_choose(
    n: int, k: np.ndarray[tuple[int, ...], np.dtype[np.int64]] | int
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.asarray(gammaln(n + 1) - gammaln(np.asarray(k) + 1) - gammaln(n - np.asarray(k) + 1), np.float64)
