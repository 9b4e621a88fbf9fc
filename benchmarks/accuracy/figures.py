"""Figures of one set of scores, as it is and over resampled groups."""

from __future__ import annotations

import numpy as np

from benchmarks.accuracy.scores import Scores
from benchmarks.statistics import (
    RESAMPLES,
    Counts,
    Values,
    auc,
    cumulative_counts,
    false_positives,
    group_weights,
    kappa,
    share,
    true_positives,
)

SENSITIVITIES = (0.95, 0.987)
FALSE_POSITIVE_RATES = (0.05, 0.10, 0.25)


def figures(scores: Scores, line: float | None = None) -> dict[str, float]:
    """Every figure that is defined for these scores. line: a threshold that calibration has proved."""
    whole = np.ones((1, len(scores.files)), np.int64)
    found = {name: float(values[0]) for name, values in weighted(scores, whole, line).items()}
    if scores.answers:
        found["kappa"] = kappa(scores.labels, scores.answers, quadratic=False)
    if graded := [(t, a) for t, a in zip(scores.grades, scores.answered_grades, strict=True) if t is not None]:
        truth, answers = zip(*graded, strict=True)
        found["quadratic_kappa"] = kappa(truth, answers, quadratic=True)
    return {name: value for name, value in found.items() if np.isfinite(value)}


def weighted(scores: Scores, weights: Counts, line: float | None = None) -> dict[str, Values]:
    """Figures for each row of weights [D, n]; NaN where a row has no positives or no negatives. -> each [D]"""
    found: dict[str, Values] = {}
    if scores.positive.any() and not scores.positive.all():
        true, false = cumulative_counts(scores.score, scores.positive, weights)
        found["auc"] = auc(true, false)
        for sensitivity in SENSITIVITIES:
            counts = false_positives(true, false, sensitivity)
            found[f"false_positives_at_{sensitivity}"] = counts
            found[f"false_positive_rate_at_{sensitivity}"] = share(counts, false[:, -1])
        for rate in FALSE_POSITIVE_RATES:
            found[f"sensitivity_at_{rate}"] = share(true_positives(true, false, rate), true[:, -1])
        if line is not None:
            reached = scores.score >= line
            found["false_positives_at_line"] = (weights @ (reached & ~scores.positive)).astype(np.float64)
            found["false_positive_rate_at_line"] = share(weights @ (reached & ~scores.positive), false[:, -1])
            found["sensitivity_at_line"] = share(weights @ (reached & scores.positive), true[:, -1])
    if scores.answers:
        right = np.array([t == a for t, a in zip(scores.labels, scores.answers, strict=True)])
        found["accuracy"] = share(weights @ right, weights.sum(axis=1))
        found["wrong"] = (weights @ ~right).astype(np.float64)
    return found


def resampled(scores: Scores, draws: int = RESAMPLES, seed: int = 0, line: float | None = None) -> dict[str, Values]:
    """The figures of resampled groups, each [draws]; the line stays where it is."""
    portions = [weighted(scores, weights, line) for weights in group_weights(scores.groups, draws, seed)]
    return {name: np.concatenate([portion[name] for portion in portions]) for name in portions[0]}
