"""Reliability of scores as probabilities: bins, calibration error, Brier score, before and after Platt's map.

Platt's map is two numbers, fitted to log-odds with his softened targets (J. Platt 1999; H.-T. Lin, C.-J. Lin, R. Weng
2007). It is cross-fitted over groups: no picture, and no other picture of its patient or tile, calibrates itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from inspect_ai.evaluation.curves import Flags, Share, Values

BINS = 10
FOLDS = 5
EDGE = 1.0 / 65536.0  # the grid of scores: log-odds of 0 and 1 are taken half a step inside


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Scores between two quantiles: their mean `said`, and the share `seen` of positives among them."""

    said: float
    seen: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """Bins of about equally many pictures, and two summaries."""

    bins: tuple[Bin, ...]
    calibration_error: float  # ECE: mean distance of said and seen, weighted by pictures
    brier: float  # mean squared distance of score and truth


def reliability(probability: Values, positive: Flags, bins: int = BINS) -> Reliability:
    """Bin scores by quantiles. probability, positive: [n], n >= 1. Equal scores stay in one bin."""
    edges = np.unique(np.quantile(probability, np.linspace(0.0, 1.0, bins + 1)))
    place = np.clip(np.searchsorted(edges, probability, side="right") - 1, 0, max(len(edges) - 2, 0))
    made = tuple(
        Bin(said=float(probability[inside].mean()), seen=Share(k=int(positive[inside].sum()), n=int(inside.sum())))
        for inside in (place == b for b in range(max(len(edges) - 1, 1)))
        if inside.any()
    )
    error = sum(b.seen.n * abs(b.said - b.seen.value) for b in made) / len(probability)
    return Reliability(
        bins=made, calibration_error=float(error), brier=float(np.mean((probability - positive.astype(float)) ** 2))
    )


def cross_fitted(score: Values, positive: Flags, groups: Sequence[str], folds: int = FOLDS) -> Values | None:
    """[n]: each score through a Platt map of the other groups; None where they lack one side.

    The fold of a group follows from its name and its side alone.
    """
    fold = _folds(positive, groups, folds)
    odds = log_odds(score)
    calibrated = np.full(len(score), np.nan)
    for f in np.unique(fold):
        held, rest = fold == f, fold != f
        if not rest.any() or positive[rest].all() or not positive[rest].any():
            return None
        slope, offset = platt(odds[rest], positive[rest])
        calibrated[held] = _sigmoid(slope * odds[held] + offset)
    return calibrated


def platt(odds: Values, positive: Flags) -> tuple[float, float]:
    """Slope and offset: P(positive) = sigmoid(slope * odds + offset)."""
    n1, n0 = int(positive.sum()), int((~positive).sum())
    target = np.where(positive, (n1 + 1.0) / (n1 + 2.0), 1.0 / (n0 + 2.0))

    def loss(line: Values) -> tuple[float, Values]:
        z = line[0] * odds + line[1]
        off = _sigmoid(z) - target
        return float((np.logaddexp(0.0, z) - target * z).mean()), np.array([(off * odds).mean(), off.mean()])

    start = np.array([1.0, 0.0])
    found = minimize(loss, start, jac=True, method="BFGS").x
    return float(found[0]), float(found[1])


def log_odds(score: Values) -> Values:
    """Log-odds of scores in 0..1; the ends lie half a step of the grid inside."""
    inside = np.clip(score, EDGE / 2.0, 1.0 - EDGE / 2.0)
    return np.asarray(np.log(inside / (1.0 - inside)), np.float64)


def _folds(positive: Flags, groups: Sequence[str], folds: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """[n] fold numbers; groups with a positive are dealt out first, so that every fold has some of both sides."""
    sides: dict[str, bool] = {}
    for group, side in zip(groups, positive, strict=True):
        sides[group] = sides.get(group, False) or bool(side)
    dealt = sorted(sides, key=lambda g: (not sides[g], hashlib.sha256(g.encode()).digest()))
    number = {group: index % folds for index, group in enumerate(dealt)}
    return np.array([number[group] for group in groups], np.int64)


def _sigmoid(z: Values) -> Values:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * z)), np.float64)
