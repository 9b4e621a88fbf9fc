"""Frontier of provable sensitivities, each with its share of false alarms on the negatives.

Each row is a proof by itself. To pick a row after looking at all of them is to choose a threshold by the scores that
prove it, and the confidence is no longer that of one row: promise first, or calibrate again on other positives.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from inspect_ai.calibration.bounds import smallest_n
from inspect_ai.calibration.conformal_risk import smallest_n_on_average
from inspect_ai.calibration.planning import split_confidence
from inspect_ai.calibration.solver import CalibrationRequest, CalibrationScores, solve
from inspect_ai.operating_point import Guarantee

SENSITIVITIES = (0.9, 0.95, 0.97, 0.98, 0.987, 0.99, 0.995)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontierRow:
    """One sensitivity: the threshold that proves it and its false alarms, or the positives that it would take.

    false_positive_rate: share of the negative units at or above the threshold; None without negatives or proof.
    """

    sensitivity: float
    provable: bool
    clear_below: float | None
    n_missed: int | None  # positives below the threshold
    false_positive_rate: float | None
    positives_needed: int  # in each group, without a miss


def frontier(pictures: CalibrationScores, request: CalibrationRequest, *, step: float = 0.0) -> list[FrontierRow]:
    """Rows for each of SENSITIVITIES and for the requested one, in rising order. Raises as `solve` does."""
    negatives = sorted(pictures.negatives(request.group_score))
    rows = []
    for sensitivity in sorted({*SENSITIVITIES, request.sensitivity}):
        asked = replace(request, sensitivity=sensitivity, overkill=None, costs=None)
        found = solve(pictures, asked, step=step)
        provable = found.proof.refusal is None
        line = found.thresholds.clear_below
        alarms = sum(score >= line - step for score in negatives)
        rows.append(
            FrontierRow(
                sensitivity=sensitivity,
                provable=provable,
                clear_below=line if provable else None,
                n_missed=found.proof.n_missed if provable else None,
                false_positive_rate=alarms / len(negatives) if provable and negatives else None,
                positives_needed=_needed(asked, len(found.proof.groups)),
            )
        )
    return rows


def _needed(request: CalibrationRequest, groups: int) -> int:
    if request.guarantee is Guarantee.AVERAGE:
        return smallest_n_on_average(request.sensitivity)
    return smallest_n(0, request.sensitivity, split_confidence(request.confidence_each, max(groups, 1)))
