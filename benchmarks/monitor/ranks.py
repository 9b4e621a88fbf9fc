"""Conformal p-values of many streams at once; inspect_ai.monitoring.ranks gives the same ones value by value."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inspect_ai.domain import Floats

Array = NDArray[np.float64]


def growing_p(values: Array | Floats, theta: Array) -> Array:
    """[S, n] -> [S, n]: p-values of many streams at once. Counts with a Fenwick tree over ranks."""
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
    """Values of each stream at ranks 1 .. upto. Cell 0 of every tree stays 0, so finished streams add nothing."""
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
