"""Confident learning: which labels do not fit the answers of models that never learnt them.

C. Northcutt, L. Jiang and I. Chuang, "Confident learning: estimating uncertainty in dataset labels" (JAIR 2021, arXiv
1911.00068), there "prune by noise rate". A picture is confidently of a class where that is at least as likely as on the
class's own pictures on average: so each class has its own measure, and rare or over-drawn classes are not suspected for
being so. How often a label is confidently of another class gives the expected number of its errors; so many with the
largest margins are suspected. Departing from the source, each class's average is taken off before margins are compared,
and nothing need be more than CERTAIN: of few errors, half lie below the average of a class that a network is sure of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

CERTAIN = 0.9  # a probability that is confident whatever the average


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """One suspected label. index: of the picture; likely: the class that it seems to be of.

    suspicion: how much further the picture lies above the average of that class than above that of its label.
    """

    index: int
    likely: int
    suspicion: float


def own_averages(probabilities: Values, given: Sequence[int]) -> Values:
    """Mean probability of each class over the pictures that bear it; infinite for a class that none bears.

    probabilities: [N, K]; given: [N]. -> [K]
    """
    label = np.asarray(given)
    averages = np.full(probabilities.shape[1], np.inf)
    for k in np.unique(label):
        averages[k] = probabilities[label == k, k].mean()
    return averages


def doubts(probabilities: Values, given: Sequence[int]) -> list[Doubt]:
    """Suspected labels, the most suspicious first. probabilities: [N, K], given: [N] classes as labelled."""
    if not len(given):
        return []
    label = np.asarray(given)
    averages = own_averages(probabilities, given)
    over = probabilities - averages  # [N, K]
    bars = np.where(np.isfinite(averages), np.minimum(averages, CERTAIN), np.inf)  # [K]
    enough = np.asarray(probabilities >= bars)  # [N, K]
    reached = np.asarray(enough.any(axis=1))
    confident = np.where(enough, probabilities, -np.inf).argmax(axis=1)  # the most probable of those that it reaches
    found: dict[int, Doubt] = {}
    for own in np.unique(label):
        members = np.flatnonzero(label == own)
        counted = np.bincount(confident[members[reached[members]]], minlength=over.shape[1])
        for other in np.flatnonzero(counted):
            if other != own:
                errors = round(len(members) * counted[other] / counted.sum())
                for doubt in _largest(over, members, int(own), int(other), errors):
                    if doubt.index not in found or found[doubt.index].suspicion < doubt.suspicion:
                        found[doubt.index] = doubt
    return sorted(found.values(), key=lambda doubt: (-doubt.suspicion, doubt.index))


def _largest(over: Values, members: NDArray[np.int64], own: int, other: int, count: int) -> Iterator[Doubt]:
    """The `count` members that lie furthest further above the other class's average than above their own."""
    margins = over[members, other] - over[members, own]
    for at in np.argsort(-margins, kind="stable")[:count]:
        if margins[at] > 0:
            yield Doubt(index=int(members[at]), likely=other, suspicion=float(margins[at]))
