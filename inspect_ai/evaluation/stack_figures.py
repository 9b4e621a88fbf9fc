"""Figures of stacks: findings and patients found at a line, false positives a context, free response over all lines.

A group (patient) is found when each of its findings reaches the line: its score is the lowest of theirs, the unit that
calibration proves (calibration/groups.py). False positives are windows on bright blobs where no reader voted. Intervals
draw whole groups again (B. Efron, Annals of Statistics 1979), since findings of one patient are not independent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inspect_ai.evaluation.curves import Share

RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)  # false positives a context, as LUNA16's rates are a scan
DIAMETERS_PX = (6.0, 8.0, 12.0, 20.0)  # borders of the bands
DRAWS, CONFIDENCE = 1000, 0.95

Values = NDArray[np.float64]
Picked = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class StackScores:
    """Scores of findings [n] and of windows without one [m], each with its group, and the contexts of each group."""

    finding: Values = field(compare=False, repr=False)
    finding_group: tuple[str, ...] = field(repr=False)
    diameter_px: Values = field(compare=False, repr=False)  # NaN where the table does not say it
    readers: tuple[str, ...] = field(repr=False)  # how many drew the finding, as the table says it
    window: Values = field(compare=False, repr=False)
    window_group: tuple[str, ...] = field(repr=False)
    contexts: Mapping[str, int] = field(repr=False)  # by group


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure with its interval over groups, and how many findings or contexts it is about."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StackFigures:
    """Figures of one labelled folder of stacks. line: None where there is no operating point, and what rests on it."""

    contexts: int
    windows: int
    groups: int
    group_name: str
    auc: Estimate
    free_response: tuple[tuple[float, Estimate], ...]  # false positives a context -> share of findings
    line: float | None
    groups_found: Share | None
    by: tuple[tuple[str, Estimate], ...]  # name of a part of the findings -> share found at the line
    false_positives: Estimate | None  # a context, at the line


def stack_figures(scores: StackScores, line: float | None, group_name: str) -> StackFigures:
    """Measure everything; the same scores give the same figures. line: scores at or above it are flagged."""
    draws = _Draws(scores)
    found = scores.finding >= (math.inf if line is None else line)
    parts = _parts(scores) if line is not None else {}
    return StackFigures(
        contexts=sum(scores.contexts.values()),
        windows=len(scores.window),
        groups=len(set(scores.finding_group)),
        group_name=group_name,
        auc=draws.estimate(_auc(scores), len(scores.finding)),
        free_response=tuple((rate, draws.estimate(_at_rate(scores, rate), len(scores.finding))) for rate in RATES),
        line=line,
        groups_found=None if line is None else _groups_found(scores, found),
        by=tuple((name, draws.estimate(_share(found, part), int(part.sum()))) for name, part in parts.items()),
        false_positives=None if line is None else draws.estimate(_alarms(scores, line), sum(scores.contexts.values())),
    )


def gains(mine: StackScores, other: StackScores) -> tuple[tuple[str, Estimate], ...]:
    """Difference of two models on the same stacks in AUC and in the share found at each rate, draw by draw.

    Raises ValueError for scores of other findings or windows.
    """
    if (mine.finding_group, mine.window_group, mine.contexts) != (
        other.finding_group,
        other.window_group,
        other.contexts,
    ):
        raise ValueError("gains need two models' scores of the same findings and windows, in the same order")
    draws, n = _Draws(mine), len(mine.finding)

    def difference(make: Callable[[StackScores], Measure]) -> Estimate:
        a, b = make(mine), make(other)
        return draws.estimate(lambda w: a(w) - b(w), n)

    def at(rate: float) -> Callable[[StackScores], Measure]:
        return lambda scores: _at_rate(scores, rate)

    return (
        ("AUC", difference(_auc)),
        *((f"found at {rate:g} false positives a context", difference(at(rate))) for rate in RATES),
    )


def _parts(scores: StackScores) -> dict[str, Picked]:
    """Findings by diameter and by readers, and all; parts without any are left out."""
    parts = {"all": np.ones(len(scores.finding), bool)}
    for low, high in zip((0.0, *DIAMETERS_PX), (*DIAMETERS_PX, math.inf), strict=True):
        name = f"{low:g} px and more" if math.isinf(high) else f"{low:g} to {high:g} px"
        parts[name] = (scores.diameter_px >= low) & (scores.diameter_px < high)
    for count in sorted(set(scores.readers) - {""}):
        parts[f"{count} readers"] = np.array([reader == count for reader in scores.readers], bool)
    return {name: part for name, part in parts.items() if part.any()}


def _groups_found(scores: StackScores, found: Picked) -> Share:
    missed = {group for group, hit in zip(scores.finding_group, found, strict=True) if not hit}
    groups = set(scores.finding_group)
    return Share(k=len(groups - missed), n=len(groups))


Weights = tuple[Values, Values, float]  # of findings [n], of windows [m], and the number of contexts
Measure = Callable[[Weights], float]


def _share(found: Picked, part: Picked) -> Measure:
    return lambda w: _ratio(float(w[0][found & part].sum()), float(w[0][part].sum()))


def _alarms(scores: StackScores, line: float) -> Measure:
    alarms = scores.window >= line
    return lambda w: _ratio(float(w[1][alarms].sum()), w[2])


def _at_rate(scores: StackScores, rate: float) -> Measure:
    """Share of the findings above the first window too many for `rate` false positives a context; ties fall below."""
    order = np.argsort(-scores.window, kind="stable")

    def measured(w: Weights) -> float:
        passed = np.cumsum(w[1][order]) > rate * w[2] + 1e-9
        line = float(scores.window[order][passed.argmax()]) if passed.any() else -math.inf
        return _ratio(float(w[0][scores.finding > line].sum()), float(w[0].sum()))

    return measured


def _auc(scores: StackScores) -> Measure:
    """Share of pairs of a finding and a window in which the finding scores higher, ties half."""
    order = np.argsort(scores.window, kind="stable")
    ordered = scores.window[order]
    below, upto = (np.searchsorted(ordered, scores.finding, side=side) for side in ("left", "right"))

    def measured(w: Weights) -> float:
        sums = np.concatenate([[0.0], np.cumsum(w[1][order])])
        wins = float((w[0] * (sums[below] + sums[upto]) / 2).sum())
        return _ratio(wins, float(w[0].sum()) * float(w[1].sum()))

    return measured


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


class _Draws:
    """Draws of groups with replacement, the same for every figure."""

    def __init__(self, scores: StackScores) -> None:
        names = sorted({*scores.finding_group, *scores.window_group, *scores.contexts})
        place = {name: i for i, name in enumerate(names)}
        self._finding = np.array([place[group] for group in scores.finding_group], int)
        self._window = np.array([place[group] for group in scores.window_group], int)
        self._contexts = np.array([scores.contexts.get(name, 0) for name in names], np.float64)
        share = np.full(len(names), 1.0 / max(1, len(names)))
        self._drawn = np.random.default_rng(0).multinomial(len(names), share, size=DRAWS).astype(np.float64)

    def estimate(self, measure: Measure, n: int) -> Estimate:
        """Measure the data as they are, with the percentiles over drawn groups."""
        values = np.array([measure(self._weights(drawn)) for drawn in self._drawn])
        known = values[~np.isnan(values)]
        ends = (50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE))
        low, high = np.percentile(known, ends) if len(known) else (math.nan, math.nan)
        here = measure(self._weights(np.ones(self._drawn.shape[1])))
        return Estimate(value=here, low=float(low), high=float(high), n=n)

    def _weights(self, drawn: Values) -> Weights:
        return drawn[self._finding], drawn[self._window], float(drawn @ self._contexts)
