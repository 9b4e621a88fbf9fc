"""Conformal p-values with a growing reference: each value's smoothed rank among the values before it and itself.

V. Vovk, A. Gammerman, G. Shafer, Algorithmic Learning in a Random World (2005), theorem 8.2: when the values come in an
order that chance alone decides (exchangeable), these p-values are independent and uniform, whatever the distribution
and however many ties: `theta` in (0, 1) divides a tie. High values get small p.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from inspect_ai.domain import Floats

Array = NDArray[np.float64]
_BITS = 53  # of a float's mantissa


class GrowingReference:
    """One stream. `start`: values known to be exchangeable with it, if there are any; a calibration set hardly is."""

    def __init__(self, start: Iterable[float] = ()) -> None:
        self._seen = sorted(start)

    def p(self, value: float, theta: float) -> float:
        """The p-value of the next value, which then belongs to the reference. Two binary searches."""
        below, through = bisect_left(self._seen, value), bisect_right(self._seen, value)
        n = len(self._seen)
        insort(self._seen, value)
        return (n - through + theta * (through - below + 1)) / (n + 1)


def tie_breaker(entry_hash: str, stream: str) -> float:
    """theta out of an entry's hash: nobody can choose it, and who computes again finds the same. In (0, 1)."""
    digest = hashlib.sha256(f"theta\n{stream}\n{entry_hash}".encode()).digest()
    return (float(int.from_bytes(digest[:8]) >> (64 - _BITS)) + 0.5) / 2.0**_BITS


def growing_p(values: Array | Floats, theta: Array) -> Array:
    """[S, n] -> [S, n]: the same for many streams at once, for simulations. Counts with a Fenwick tree over ranks."""
    streams, n = values.shape
    rank = _dense_ranks(values) + 1  # 1 .. n
    tree = np.zeros((streams, n + 1), np.int32)
    flat, start = tree.reshape(-1), np.arange(streams) * (n + 1)
    p = np.empty((streams, n))
    for t in range(n):
        through = _count(flat, start, rank[:, t])
        below = _count(flat, start, rank[:, t] - 1)
        p[:, t] = (t - through + theta[:, t] * (through - below + 1)) / (t + 1)
        _add(flat, start, rank[:, t], n)
    return p


def _dense_ranks(values: Array | Floats) -> NDArray[np.int64]:
    """[S, n]: 0 for each row's smallest value, equal values alike."""
    order = np.argsort(values, axis=1)
    ordered = np.take_along_axis(values, order, 1)
    steps = np.zeros(values.shape, np.int64)
    steps[:, 1:] = np.diff(ordered, axis=1) > 0
    ranks = np.empty(values.shape, np.int64)
    np.put_along_axis(ranks, order, steps.cumsum(1), 1)
    return ranks


def _count(flat: NDArray[np.int32], start: NDArray[np.int64], upto: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many of each stream lie at ranks 1 .. upto. Cell 0 of every tree stays 0, so finished streams add nothing."""
    total = np.zeros(len(start), np.int64)
    node = upto.copy()
    while node.any():
        total += flat[start + node]
        node &= node - 1
    return total


def _add(flat: NDArray[np.int32], start: NDArray[np.int64], rank: NDArray[np.int64], n: int) -> None:
    node, where = rank.copy(), start
    while len(node):
        flat[where + node] += 1
        node = node + (node & -node)
        inside = node <= n
        node, where = node[inside], where[inside]
