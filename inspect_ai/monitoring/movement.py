"""Two-sample figures that explain an alarm: the value that moved, its direction and distance. They raise none.

Kolmogorov-Smirnov distance and population stability index between a reference window and a recent one, and the
probability that a recent value lies above a reference value (Mann and Whitney 1947). All by ranks, ties counted half.
The moment of change is estimated as A. Pettitt (Applied Statistics 1979), standardised so that late changes are found.
Looking for the moment makes every figure larger than chance alone would at a moment named before: no p-values here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 10  # of the reference, equally full
LEAST_SHARE = 1e-3  # of a bin, in place of none, so that an empty one does not make the index infinite
EARLIEST = 5  # values on either side of a moment of change
RECENT = 200  # values in the recent window where no change is looked for
IQR_OF_NORMAL = 1.3489795003921634  # interquartile range of a normal distribution with standard deviation 1

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One value between two windows. `shift_sd` is NaN where the reference hardly varies."""

    name: str
    ks: float  # largest distance of the two distribution functions, 0 to 1
    psi: float  # population stability index; by custom 0.1 to 0.25 is a change to look at, more a large one
    higher: float  # probability that a recent value lies above a reference value; 0.5 is no movement
    before: float  # median
    after: float
    shift_sd: float  # of the medians, in standard deviations of the reference (from its interquartile range)

    @property
    def direction(self) -> str:
        """Direction: up, down, spread where the middle stayed, or unmoved."""
        if self.ks == 0.0:
            return "unmoved"
        if abs(self.higher - 0.5) < 0.25 * self.ks:
            return "spread"
        return "up" if self.higher > 0.5 else "down"


def movement(name: str, reference: Sequence[float] | Array, recent: Sequence[float] | Array) -> Movement:
    """Compare two windows. Raises ValueError for an empty one."""
    old, new = (np.sort(np.asarray(window, np.float64)) for window in (reference, recent))
    if not len(old) or not len(new):
        raise ValueError(f"{name} needs values before and after to be compared")
    low, middle, high = np.quantile(old, [0.25, 0.5, 0.75])
    after = float(np.median(new))
    sd = float(high - low) / IQR_OF_NORMAL
    return Movement(
        name=name,
        ks=ks_distance(old, new),
        psi=stability_index(old, new),
        higher=share_higher(old, new),
        before=float(middle),
        after=after,
        shift_sd=(after - float(middle)) / sd if sd > 0.0 else float("nan"),
    )


def ks_distance(old: Array, new: Array) -> float:
    """Largest difference of the distribution functions. Both sorted."""
    at = np.concatenate([old, new])
    return float(np.abs(_share_through(old, at) - _share_through(new, at)).max())


def share_higher(old: Array, new: Array) -> float:
    """P(new > old) + P(new = old) / 2. Both sorted."""
    below = np.searchsorted(old, new, "left") + np.searchsorted(old, new, "right")
    return float(below.mean() / (2 * len(old)))


def stability_index(old: Array, new: Array, bins: int = BINS) -> float:
    """Σ (new share - old share) ln(new share / old share) over bins that the reference fills equally. Both sorted.

    A value that fills several bins by itself makes one; what lies beyond the reference counts in the outer bins.
    """
    edges = np.unique(np.quantile(old, np.linspace(0, 1, bins + 1)[1:-1], method="inverted_cdf"))
    shares = []
    for window in (old, new):
        # The edges' own values are bins too, or a reference that is half zeros would hide a change within the rest.
        cuts = np.stack([_share_below(window, edges), _share_through(window, edges)], 1).ravel()
        shares.append(np.maximum(np.diff(np.concatenate([[0.0], cuts, [1.0]])), 0.0))
    filled = shares[0] + shares[1] > 0.0
    was, now = (np.maximum(share[filled], LEAST_SHARE) for share in shares)
    return float(((now - was) * np.log(now / was)).sum())


def moment_of_change(values: Sequence[float] | Array) -> int:
    """Index of the first value after the change, if there was one. Raises ValueError where values are too few."""
    x = np.asarray(values, np.float64)
    n = len(x)
    if n < 2 * EARLIEST:
        raise ValueError(f"a moment of change needs at least {2 * EARLIEST} values")
    ordered = np.sort(x)
    rank = (np.searchsorted(ordered, x, "left") + np.searchsorted(ordered, x, "right") + 1) / 2.0  # ties at the middle
    k = np.arange(EARLIEST, n - EARLIEST + 1)
    surplus = np.abs(rank.cumsum()[k - 1] - k * (n + 1) / 2.0)
    return int(k[np.argmax(surplus / np.sqrt(k * (n - k)))])


def _share_through(window: Array, at: Array) -> Array:
    return np.asarray(np.searchsorted(window, at, "right") / len(window), np.float64)


def _share_below(window: Array, at: Array) -> Array:
    return np.asarray(np.searchsorted(window, at, "left") / len(window), np.float64)
