"""Scores of a labelled split, as `inspect-ai evaluate --scores` writes them, and the units that a proof counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.guarantee.draws import Array
from inspect_ai.calibration import per_group, prove
from inspect_ai.config import LabelSet
from inspect_ai.datasets.score_file import read_score_file
from inspect_ai.errors import CalibrationRefused, UsageError
from inspect_ai.plugins import task_named
from inspect_ai.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Positive:
    """One positive picture."""

    file: str
    group: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RealScores:
    """Positives of one split of one task, and the label set that says which units are independent."""

    name: str
    task: str
    labels: LabelSet
    pictures: int  # negatives included
    positives: tuple[Positive, ...]

    @property
    def units(self) -> tuple[tuple[str, float], ...]:
        """(group, score) of each independent positive: its own score, or the lowest of its group."""
        if self.labels.independent == "picture":
            return tuple((p.group, p.score) for p in self.positives)
        names = list(dict.fromkeys(p.group for p in self.positives))
        scores = per_group([p.score for p in self.positives], [p.group for p in self.positives], self._all_positive())
        return tuple(zip(names, scores, strict=True))

    @property
    def singly(self) -> tuple[tuple[str, float], ...]:
        """(group, score) of each positive picture, as if it were independent."""
        return tuple((p.group, p.score) for p in self.positives)

    def _all_positive(self) -> list[bool]:
        return [True] * len(self.positives)


def read_scores(named: str, settings: Settings) -> RealScores:
    """Read TASK=FILE.csv. Raises UsageError or InputError that say what is wrong."""
    task_name, _, file = named.partition("=")
    if not file:
        raise UsageError(f"{named!r} names no task; give --scores TASK=FILE.csv, as lung_nodule=scores.csv.")
    path = Path(file)
    read = read_score_file(path)
    config = task_named(task_name, settings.tasks).config
    positives = tuple(Positive(file=r.unit, group=r.group, score=r.score) for r in read.rows if r.positive)
    if not positives:
        raise UsageError(f"{path} holds no positives; there is nothing to calibrate on.")
    labels = config.label_set({r.label for r in read.rows}, str(path))
    name = path.name.removesuffix(".csv")
    return RealScores(name=name, task=task_name, labels=labels, pictures=len(read.rows), positives=positives)


def certifiable(scores: RealScores, sensitivity: float, confidence: float) -> str:
    """Promise that these scores carry, in the words of `inspect-ai calibrate`."""
    units = [score for _, score in scores.units]
    try:
        proof = prove(units, sensitivity=sensitivity, confidence=confidence)
    except CalibrationRefused as e:
        return str(e)
    return (
        f"Certified: sensitivity at least {sensitivity:g} at confidence {confidence:g} ({proof.n_positive} positives, "
        f"{proof.n_missed} below the threshold {proof.threshold:.6f}; the proved bound is "
        f"{proof.proved_sensitivity:.4f}). Covers: one {scores.labels.independent_name}."
    )


def arrays(units: Sequence[tuple[str, float]]) -> tuple[Array, Array]:
    """Scores, and the index of each one's group."""
    groups = {name: i for i, name in enumerate(dict.fromkeys(group for group, _ in units))}
    return np.array([score for _, score in units]), np.array([groups[group] for group, _ in units], dtype=np.float64)
