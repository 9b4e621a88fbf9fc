"""The one place where a score meets a threshold: outcome, reason, certified or not.

The proof is about `clear_below`: of the positives, at least the promised share scores there or higher, so it is not
cleared. Anything that is no proper score ends before a person, never as clear.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from inspect_ai.domain import Measure, Outcome, Verdict
from inspect_ai.operating_point import OperatingPoint, Thresholds

GRID = 2.0**-16  # scores are compared on it; within one step below a threshold counts as at it, the safe side


def decide(
    score: float | None,
    point: OperatingPoint,
    *,
    mismatches: Sequence[str] = (),
    problems: Sequence[str] = (),
    measures: Sequence[Measure] = (),
    suspended: str | None = None,
) -> Verdict:
    """Outcome of one study. Problems and failed measures come first: a score must not hide them.

    mismatches: why no certificate stands behind what is at work (certificates/deployment.py); they cost the
    certificate only. problems: why this study cannot be decided. measures: the quality gate. suspended: why nothing is
    cleared without a person for now; what would be clear is left to one, and no promise is made.
    """
    why = [*problems, *(_failed(measure) for measure in measures if not measure.passed)]
    if not why and (score is None or not 0.0 <= score <= 1.0):  # true for NaN too
        number = score is not None and math.isfinite(score)
        why = [f"the score {score:g} does not lie between 0 and 1" if number else "the score is not a number"]
    if why or score is None:
        return Verdict(outcome=Outcome.ABSTAIN, reason="; ".join(why), certified=False)
    outcome, where = _place(round(score / GRID) * GRID, point.thresholds)
    doubts = _doubts(point, mismatches, suspended)
    if suspended is not None and outcome is Outcome.CLEAR:
        outcome, where = Outcome.ABSTAIN, f"{where}, but a person must look"
    promise = f"not certified: {'; '.join(doubts)}" if doubts else point.promise
    return Verdict(outcome=outcome, reason=f"{where}; {promise}", certified=not doubts)


def reaches(score: float, threshold: float) -> bool:
    """Whether a score counts as reaching a threshold: within one step of the grid below it does, the safe side."""
    return score >= threshold - GRID


def _place(score: float, lines: Thresholds) -> tuple[Outcome, str]:
    """The side of each line. Five digits, so that two neighbours on the grid never read alike."""
    said, clear, flag = f"score {score:.5f}", f"{lines.clear_below:.5f}", f"{lines.flag_from:.5f}"
    if score >= lines.flag_from:
        return Outcome.FLAG, f"{said} is at or above {flag}"
    if reaches(score, lines.flag_from):
        return Outcome.FLAG, f"{said} is so close below {flag} that it counts as reaching it"
    if not reaches(score, lines.clear_below):
        return Outcome.CLEAR, f"{said} is below {clear}"
    return Outcome.ABSTAIN, f"{said} lies between {clear} and {flag}: a person must look"


def _doubts(point: OperatingPoint, mismatches: Sequence[str], suspended: str | None) -> list[str]:
    """The reasons why no promise stands behind the verdict."""
    # The first sentence of a refusal says what is missing; the rest stands once, where the point itself is shown.
    refusal = [] if point.proof.refusal is None else [point.proof.refusal.split(". ")[0]]
    return [*([] if suspended is None else [suspended]), *mismatches, *refusal]


def _failed(measure: Measure) -> str:
    if math.isnan(measure.value):
        return f"{measure.name} could not be measured: {measure.advice}"
    return f"{measure.name} is {measure.value:.3g}, less than {measure.limit:.3g}: {measure.advice}"
