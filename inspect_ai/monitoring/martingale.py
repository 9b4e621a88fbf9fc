"""Conformal test martingale: cumulative evidence that a stream of values is no longer exchangeable.

Sources: V. Vovk, I. Petej, I. Nouretdinov, E. Ahlberg, L. Carlsson, A. Gammerman, "Retrain or not retrain: conformal
test martingales for change-point detection" (COPA 2021); J. Ville (1939). A gambler stakes 1 on the p-values of
`ranks`. Independent and uniform, they are a fair game whatever he bets before each, so with probability 1 - η his
capital never, at no time, reaches 1 / η. The alarm at 1 / η therefore sounds falsely in at most a share η of all
streams, however long they run and however often one looks.

Why the reference must grow: ranks among a *fixed* calibration set are each uniform over the draw of that set, but they
share it. Given the set they are independent with one and the same skewed distribution, and the gambler learns the skew:
his capital grows without bound although nothing has changed (`benchmarks.monitor` shows the share of false alarms).

Departures from the paper. Bets: its Simple Jumper bets 1 + ε (p - 1/2), which at most gives 1.5 a step; here they are
likelihood ratios of a normal score z of the rank: moved by `SHIFTS`, or spread by `SPREADS`. Waking: the Jumper moves
capital at a constant rate, and what it loses so without a change grows with the length of the stream; here resting
capital wakes at rate 1 / (t ln t), so that the loss grows with ln t alone. Several streams: each has its own share of η
(`limit`) rather than the mean of their capitals. The mean is a martingale only if each capital is a fair game in sight
of all streams at once; with conformal p-values it is not (whether two streams agreed on which of two values was higher
tells where the values lay, and so about the next rank). The shares hold however the streams depend on one another, and
cost at most ln(streams) of evidence. Both are sums over a finite set of bets, so every step costs the same.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

ETA = 0.05  # largest probability of ever raising a false alarm
SHIFTS = np.array([-2.0, -1.0, -0.5, -0.25, 0.25, 0.5, 1.0, 2.0])  # standard deviations
SPREADS = np.array([0.5, 2.0])  # of the new standard deviation to the old
SWITCHING = 0.001  # of the betting capital, a step, so that no bet's capital ever falls to nothing
EASY_START = 10  # steps by which the waking rate is behind, so that it starts below 1
LARGEST_LOG = 700.0  # of a capital that is still a float
FURTHEST = 8.0  # normal scores beyond are rounding

Array = NDArray[np.float64]


class Martingale:
    """Capital of one gambler for each of `streams` streams, in logarithms. Steps take p-values as they come."""

    def __init__(self, streams: int = 1) -> None:
        self.log_capital = np.zeros(streams)
        self._resting = np.ones(streams)  # shares of the capital; with `_betting` they sum to 1
        self._betting = np.zeros((streams, len(SHIFTS) + len(SPREADS)))
        self._steps = 0

    def step(self, p: Array | float) -> Array:
        """[S] p-values -> [S] logarithm of the capital after them."""
        return self._settle(np.broadcast_to(gains(p), self._betting.shape))

    def _settle(self, gain: Array) -> Array:
        self._steps += 1
        t = self._steps + EASY_START
        woken = self._resting / (t * math.log(t))
        switched = SWITCHING * self._betting.sum(1)
        self._resting = self._resting - woken
        bets = self._betting * (1.0 - SWITCHING)
        bets = (bets + ((woken + switched) / bets.shape[1])[:, None]) * gain
        grown = self._resting + bets.sum(1)
        self._resting, self._betting = self._resting / grown, bets / grown[:, None]
        self.log_capital = self.log_capital + np.log(grown)
        return self.log_capital


def gains(p: Array | float) -> Array:
    """[...] p-values -> [..., bets] factor by which each bet grows. Its mean over uniform p is 1."""
    z = np.clip(-ndtri(np.asarray(p, np.float64)), -FURTHEST, FURTHEST)[..., None]  # high values: small p, large z
    moved = np.exp(SHIFTS * z - 0.5 * SHIFTS**2)
    spread = np.exp(0.5 * z**2 * (1.0 - SPREADS**-2.0)) / SPREADS
    return np.concatenate([moved, spread], axis=-1)


def evidence(p: Array) -> Array:
    """[S, n] p-values -> [S, n] logarithm of the capital after each."""
    game = Martingale(len(p))
    return np.stack([game.step(p[:, t]) for t in range(p.shape[1])], axis=1)


def capital(log: float) -> float:
    """Capital from its logarithm, cut off where floats end."""
    return math.exp(min(log, LARGEST_LOG))


def limit(streams: int, eta: float = ETA) -> float:
    """Capital at which any of so many streams raises the alarm; all together falsely with probability eta."""
    if streams < 1 or not 0.0 < eta < 1.0:
        raise ValueError("an alarm needs a stream to watch, and a false-alarm rate between 0 and 1")
    return streams / eta
