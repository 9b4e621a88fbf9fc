"""Conformal p-values with a growing reference: each value's smoothed rank among the values before it and itself.

V. Vovk, A. Gammerman, G. Shafer, Algorithmic Learning in a Random World (2005), theorem 8.2: when the values come in an
order that chance alone decides (exchangeable), these p-values are independent and uniform, whatever the distribution
and however many ties: `theta` in (0, 1) divides a tie. High values get small p.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable

_BITS = 53  # of a float's mantissa


class GrowingReference:
    """Reference of one stream. `start`: values known to be exchangeable with it, if any (hardly a calibration set)."""

    def __init__(self, start: Iterable[float] = ()) -> None:
        self._seen = sorted(start)

    def p(self, value: float, theta: float) -> float:
        """P-value of the next value, which then belongs to the reference. Two binary searches."""
        below, through = bisect_left(self._seen, value), bisect_right(self._seen, value)
        n = len(self._seen)
        insort(self._seen, value)
        return (n - through + theta * (through - below + 1)) / (n + 1)


def tie_breaker(entry_hash: str, stream: str) -> float:
    """Theta in (0, 1) from an entry's hash: nobody can choose it, and computing it again gives the same."""
    digest = hashlib.sha256(f"theta\n{stream}\n{entry_hash}".encode()).digest()
    return (float(int.from_bytes(digest[:8]) >> (64 - _BITS)) + 0.5) / 2.0**_BITS
