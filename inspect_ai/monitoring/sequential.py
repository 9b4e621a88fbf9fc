"""Bounds on the miss rate from reviewed labels that hold at every moment at once, however often one looks.

The mixture method of H. Robbins (Annals of Mathematical Statistics 1970), one-sided as in S. Howard, A. Ramdas,
J. McAuliffe, J. Sekhon (Annals of Statistics 2021): against "the rate is at most q" one bets on every larger rate at
once, weighted by Jeffreys' beta prior cut off at q; the capital is a supermartingale, so it reaches 1 / η with
probability η at most (Ville). The bound is the largest q that is refuted so.

Only part of the misses is seen: every positive among flags and abstentions, but a cleared one only if chance drew it
for audit, at the audit rate. Of the positives seen, the share q = m r / (1 - m + m r) are misses, when m is the miss
rate and r the audit rate: exact, growing with m, and so a bound on q is one on m.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincc, betaln

from inspect_ai.monitoring.martingale import capital

PRIOR = 0.5  # both parameters of Jeffreys' prior
HALVINGS = 40  # of an interval

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class MissBound:
    """Miss rate by the positives seen so far, at confidence 1 - eta in each direction, at every moment."""

    positives: int
    missed: int
    at_least: float
    at_most: float
    log_evidence: float | None  # highest so far that the rate is above the promised one; None without a promise
    crossed: int | None  # index of the positive at which that evidence reached 1 / eta

    @property
    def evidence(self) -> float | None:
        """Highest evidence as a number, from its logarithm."""
        return None if self.log_evidence is None else capital(self.log_evidence)


def miss_bound(missed: Sequence[bool], *, audit_rate: float, promised: float | None, eta: float) -> MissBound:
    """Bound the miss rate. `missed`: each positive that was seen, in the order of the decisions.

    `promised`: the largest miss rate allowed. Raises ValueError where rates make no sense.
    """
    if not 0.0 < audit_rate <= 1.0 or not 0.0 < eta < 1.0 or not (promised is None or 0.0 < promised < 1.0):
        raise ValueError("audit rate, false-alarm rate and promised miss rate lie between 0 and 1")
    k = np.cumsum(np.asarray(missed, np.float64))
    n = np.arange(1, len(k) + 1, dtype=np.float64)
    if not len(k):
        return MissBound(positives=0, missed=0, at_least=0.0, at_most=1.0, log_evidence=None, crossed=None)
    low = miss_rate(rate_at_least(k, n, eta), audit_rate)
    high = miss_rate(1.0 - rate_at_least(n - k, n, eta), audit_rate)
    top, crossed = None, None
    if promised is not None:
        log = log_evidence(k, n, np.full(len(k), seen_rate(promised, audit_rate)))
        over = log >= -np.log(eta)
        top, crossed = float(log.max()), int(over.argmax()) if over.any() else None
    missed_so_far = int(k[-1])
    return MissBound(
        positives=len(k), missed=missed_so_far, at_least=low, at_most=high, log_evidence=top, crossed=crossed
    )


def log_evidence(k: Array, n: Array, rate: Array) -> Array:
    """Logarithm of the capital won against "the rate is at most `rate`" when k of n were misses."""
    won = betaln(k + PRIOR, n - k + PRIOR) + _log_above(k + PRIOR, n - k + PRIOR, rate)
    stake = betaln(PRIOR, PRIOR) + _log_above(PRIOR, PRIOR, rate)
    return np.asarray(won - stake - k * np.log(rate) - (n - k) * np.log1p(-rate), np.float64)


def rate_at_least(k: Array, n: Array, eta: float) -> float:
    """The largest rate that is refuted at any of the moments (k of n seen, each), or 0."""
    risen = np.diff(k, prepend=0.0) > 0.0  # at the others the evidence has just fallen
    k, n = k[risen], n[risen]
    best = 0.0
    while True:
        better = k > best * n
        k, n = k[better], n[better]
        if best > 0.0:
            refuted = log_evidence(k, n, np.full(len(k), best)) > -np.log(eta)
            k, n = k[refuted], n[refuted]
        if not len(k):
            return best
        found = _refuted(k[-1:], n[-1:], eta)  # the last one, which most often gives the highest bound
        k, n, best = k[:-1], n[:-1], max(best, found)


def _refuted(k: Array, n: Array, eta: float) -> float:
    """Largest rate refuted at one moment, by bisection: the evidence falls while the rate rises towards k / n."""
    low, high = 0.0, float(k[0] / n[0])
    for _ in range(HALVINGS):
        middle = (low + high) / 2.0
        refuted = middle > 0.0 and log_evidence(k, n, np.array([middle]))[0] >= -np.log(eta)
        low, high = (middle, high) if refuted else (low, middle)
    return low


def seen_rate(miss: float, audit_rate: float) -> float:
    """Share of misses among the positives that are seen, from their share among all."""
    return miss * audit_rate / (1.0 - miss + miss * audit_rate)


def miss_rate(seen: float, audit_rate: float) -> float:
    """Share of misses among all positives, from their share among those that are seen."""
    return seen / (seen + audit_rate * (1.0 - seen))


def _log_above(a: Array | float, b: Array | float, rate: Array) -> Array:
    with np.errstate(divide="ignore"):  # nothing above the rate: no capital
        return np.asarray(np.log(betaincc(a, b, rate)), np.float64)
