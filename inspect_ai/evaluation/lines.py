"""What each line of the frontier, and each outcome, makes of labelled pictures that did not set the lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from inspect_ai.calibration import GroupScore
from inspect_ai.calibration.frontier import Frontier, FrontierRow
from inspect_ai.calibration.solver import CalibrationRequest
from inspect_ai.config import LabelSet
from inspect_ai.decide import reaches
from inspect_ai.domain import Outcome
from inspect_ai.evaluation.curves import Share
from inspect_ai.inspection.calibration_data import calibration_scores
from inspect_ai.inspection.dataset_scoring import Scored, Unscored
from inspect_ai.operating_point import Guarantee, OperatingPoint

SIDES = ("positives", "negatives")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredRow:
    """A proved row of the frontier, and the shares of other units that reach its lines; each unit counts once.

    A positive that the quality gate leaves to a person is kept, as in the proof.
    """

    row: FrontierRow
    kept: Share  # of the positives: not cleared
    not_cleared: Share  # of the negatives
    flagged: Share  # of the negatives

    @property
    def holds(self) -> str:
        """Whether the promise is seen here: yes, within chance (the interval reaches it), or no."""
        if not self.kept.n:
            return "no positives"
        if self.kept.value >= self.row.sensitivity:
            return "yes"
        return "within chance" if self.kept.interval[1] >= self.row.sensitivity else "no"

    def plain(self) -> dict[str, Any]:
        """Convert to plain values for JSON."""
        row = self.row
        promised = {name: getattr(row, name) for name in ("sensitivity", "promised", "clear_below", "flag_from")}
        shares = {"kept": self.kept, "not_cleared": self.not_cleared, "flagged": self.flagged}
        return {**promised, **{name: plain_share(share) for name, share in shares.items()}, "holds": self.holds}


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeShare:
    """Pictures of one side that had one outcome, quality gate included."""

    side: str
    outcome: Outcome
    share: Share

    def plain(self) -> dict[str, Any]:
        """Convert to plain values for JSON."""
        return {"side": self.side, "outcome": self.outcome.value, **plain_share(self.share)}


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
    decided = [(s.row.label in labels.positive, s.verdict.outcome) for s in (*scored, *unscored) if s.verdict]
    return tuple(
        OutcomeShare(
            side=side,
            outcome=outcome,
            share=Share(k=sum(one == (positive, outcome) for one in decided), n=sum(p == positive for p, _ in decided)),
        )
        for side, positive in zip(SIDES, (True, False), strict=True)
        for outcome in Outcome
        if any(p == positive for p, _ in decided)
    )


def plain_share(share: Share) -> dict[str, Any]:
    """Convert a share to plain values for JSON."""
    value = share.value if share.n else None
    return {"k": share.k, "n": share.n, "share": value, "interval": list(share.interval) if share.n else None}
