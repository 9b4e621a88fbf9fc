"""Measurement of lines and outcomes on labelled pictures that did not set the lines: their frontier, and each side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from inspect_ai.calibration import GroupScore
from inspect_ai.calibration.frontier import Frontier
from inspect_ai.calibration.solver import CalibrationRequest
from inspect_ai.config import LabelSet
from inspect_ai.decide import reaches
from inspect_ai.domain import Outcome
from inspect_ai.evaluation.curves import Share
from inspect_ai.evaluation.lines import MeasuredRow, OutcomeShare
from inspect_ai.inspection.calibration_data import calibration_scores
from inspect_ai.inspection.dataset_scoring import Scored, Unscored
from inspect_ai.operating_point import Guarantee, OperatingPoint

SIDES = ("positives", "negatives")


def measured(
    found: Frontier, point: OperatingPoint, scored: Sequence[Scored], labels: LabelSet
) -> tuple[MeasuredRow, ...]:
    """Measure the proved rows of a frontier on scored pictures, in units as calibration counts them."""
    highest = point.proof.group_score == GroupScore.HIGHEST.value
    rule = GroupScore.HIGHEST if highest else GroupScore.LOWEST
    if found.guarantee is Guarantee.AVERAGE or not scored:
        return ()
    pictures = calibration_scores(scored, labels, CalibrationRequest(group_score=rule))
    positives, negatives = pictures.positives(rule), pictures.negatives(rule)

    def reaching(scores: Iterable[float], line: float | None) -> int:
        return sum(line is not None and reaches(score, line, point.thresholds) for score in scores)

    return tuple(
        MeasuredRow(
            row=row,
            kept=Share(k=reaching(positives.scores, row.clear_below) + positives.abstained, n=positives.n),
            not_cleared=Share(k=reaching(negatives, row.clear_below), n=len(negatives)),
            flagged=Share(k=reaching(negatives, row.flag_from), n=len(negatives)),
        )
        for row in found.rows
        if row.provable
    )


def outcome_shares(
    scored: Sequence[Scored], unscored: Sequence[Unscored], labels: LabelSet
) -> tuple[OutcomeShare, ...]:
    """Share of each outcome on each side; none where nothing was decided."""
    everything: list[Scored | Unscored] = [*scored, *unscored]
    decided = [(s.row.label in labels.positive, s.verdict.outcome) for s in everything if s.verdict]
    return tuple(
        OutcomeShare(
            side=side,
            outcome=outcome,
            share=Share(k=sum(one == (positive, outcome) for one in decided), n=sum(p == positive for p, _ in decided)),
        )
        for side, positive in zip(SIDES, (True, False), strict=True)
        for outcome in (Outcome.CLEAR, Outcome.ABSTAIN, Outcome.FLAG)
        if any(p == positive for p, _ in decided)
    )
