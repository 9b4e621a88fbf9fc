"""Frontier: sensitivities that the same positives prove, each with its price in negatives and in work for a person.

Each row is a proof by itself. To pick a row after looking at all of them is to choose a threshold by the scores that
prove it, and the confidence is no longer that of one row: promise first, or calibrate again on other positives. The
row that was promised is marked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from inspect_ai.calibration.bounds import clopper_pearson, misses_allowed, smallest_n
from inspect_ai.calibration.conformal_risk import misses_on_average, smallest_n_on_average
from inspect_ai.calibration.planning import split_confidence
from inspect_ai.calibration.solver import (
    CalibrationRequest,
    CalibrationResult,
    CalibrationScores,
    positive_counts,
    solve,
    stepped,
)
from inspect_ai.operating_point import Guarantee

SENSITIVITIES = (0.9, 0.95, 0.97, 0.98, 0.987, 0.99)
CONFIDENCE = 0.95  # of the interval of a share of negatives, two-sided


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontierRow:
    """One sensitivity: the threshold that proves it and what happens at it, or the positives that it would take.

    Counts are of independent units: a positive by the score that represents it, a negative by its highest. A unit is
    not cleared from `clear_below` on, flagged from `flag_from` on, and left to a person between. None without proof.
    """

    sensitivity: float
    provable: bool
    promised: bool  # the row of the operating point
    clear_below: float | None
    flag_from: float | None
    n_positive: int
    n_allowed: int | None  # positives that may lie below the threshold
    n_missed: int | None  # positives below the threshold
    positives_flagged: int | None
    n_negative: int
    negatives_not_cleared: int | None
    negatives_flagged: int | None
    positives_needed: int  # in each group, without a miss

    @property
    def positives_between(self) -> int | None:
        """Positives left to a person: by a score between the lines, or by the quality gate."""
        if self.n_missed is None or self.positives_flagged is None:
            return None
        return max(self.n_positive - self.n_missed - self.positives_flagged, 0)

    @property
    def negatives_between(self) -> int | None:
        """Negatives left to a person by a score between the lines."""
        if self.negatives_not_cleared is None or self.negatives_flagged is None:
            return None
        return self.negatives_not_cleared - self.negatives_flagged

    @property
    def positives_missing(self) -> int:
        """Positives to add before this sensitivity is provable, without groups; 0 for a provable one."""
        return 0 if self.provable else max(self.positives_needed - self.n_positive, 1)

    @property
    def false_positive_rate(self) -> float | None:
        """Share of the negatives that are not cleared; None without negatives or proof."""
        known = self.negatives_not_cleared is not None and self.n_negative > 0
        return (self.negatives_not_cleared or 0) / self.n_negative if known else None

    @property
    def false_positive_rate_interval(self) -> tuple[float, float] | None:
        """Exact interval of that share; None without negatives or proof."""
        if self.negatives_not_cleared is None or not self.n_negative:
            return None
        return clopper_pearson(self.negatives_not_cleared, self.n_negative, CONFIDENCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateCounts:
    """Pictures that the whole quality gate leaves to a person, whatever their score and the row."""

    positives: int
    n_positive: int  # pictures
    negatives: int
    n_negative: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Frontier:
    """Rows in rising order of sensitivity, and what they have in common.

    by_negatives: the promised row's line was set by negatives (negatives_line.py), those of the others by positives.
    gate: None where another program made the scores.
    """

    rows: tuple[FrontierRow, ...]
    confidence: float
    guarantee: Guarantee = Guarantee.CONFIDENCE
    group_by: str = ""
    by_negatives: bool = False
    overkill: float | None = None  # largest share of negatives to flag, where there are two lines
    gate: GateCounts | None = None

    @property
    def two_lines(self) -> bool:
        """True where a row leaves something between its lines to a person."""
        return any(row.clear_below != row.flag_from for row in self.rows)


def frontier(
    pictures: CalibrationScores,
    request: CalibrationRequest,
    *,
    step: float = 0.0,
    highest: float = 1.0,
    gate: GateCounts | None = None,
) -> Frontier:
    """Frontier of these scores, with rows for each of SENSITIVITIES and for the requested one. Raises as `solve` does.

    The lines for flags are those of the request: set by negatives alone, they are the same in each row unless a row
    clears less than they flag.
    """
    request = stepped(pictures, request)
    if request.costs is not None:  # they move no row, and a point with costs has one line unless two were asked for
        request = replace(request, costs=None, overkill=None if request.overkill_if_provable else request.overkill)
    found = solve(pictures, request, step=step, highest=highest)
    promised = found.proof.sensitivity
    others = replace(request, at_fpr=None)
    rows = [_row(pictures, request, found, step, promised=True)]
    for sensitivity in SENSITIVITIES:
        if sensitivity != promised:
            asked = replace(others, sensitivity=sensitivity)
            rows.append(_row(pictures, asked, solve(pictures, asked, step=step, highest=highest), step))
    return Frontier(
        rows=tuple(sorted(rows, key=lambda row: row.sensitivity)),
        confidence=request.confidence,
        guarantee=request.guarantee,
        group_by=request.group_by,
        by_negatives=found.negatives_line is not None,
        overkill=None if found.false_alarms is None else found.false_alarms.overkill,
        gate=gate,
    )


def gate_counts(pictures: CalibrationScores) -> GateCounts:
    """Count the pictures that do not pass the gate, by their side."""
    rows = list(zip(pictures.positive, pictures.passed, strict=True))
    return GateCounts(
        positives=sum(positive and not passed for positive, passed in rows),
        n_positive=sum(positive for positive, _ in rows),
        negatives=sum(not positive and not passed for positive, passed in rows),
        n_negative=sum(not positive for positive, _ in rows),
    )


def plain_row(row: FrontierRow) -> dict[str, Any]:
    """Convert a row to plain values for JSON, with the shares that follow from its counts."""
    values = {name: getattr(row, name) for name in FrontierRow.__dataclass_fields__}
    low_high = row.false_positive_rate_interval
    return {
        **values,
        "positives_missing": row.positives_missing,
        "positives_between": row.positives_between,
        "negatives_between": row.negatives_between,
        "false_positive_rate": row.false_positive_rate,
        "false_positive_rate_interval": None if low_high is None else list(low_high),
    }


def _row(
    pictures: CalibrationScores,
    request: CalibrationRequest,
    found: CalibrationResult,
    step: float,
    *,
    promised: bool = False,
) -> FrontierRow:
    provable = found.proof.refusal is None
    lines, proof = found.thresholds, found.proof
    positives = pictures.positives(request.group_score)
    negatives = pictures.negatives(request.group_score)

    def reaching(scores: list[float] | tuple[float, ...], line: float) -> int | None:
        return sum(score >= line - step for score in scores) if provable else None

    return FrontierRow(
        sensitivity=proof.sensitivity,
        provable=provable,
        promised=promised,
        clear_below=lines.clear_below if provable else None,
        flag_from=lines.flag_from if provable else None,
        n_positive=proof.n_positive,
        n_allowed=_allowed(pictures, request, found) if provable else None,
        n_missed=proof.n_missed if provable else None,
        positives_flagged=reaching(positives.scores, lines.flag_from),
        n_negative=len(negatives),
        negatives_not_cleared=reaching(negatives, lines.clear_below),
        negatives_flagged=reaching(negatives, lines.flag_from),
        positives_needed=_needed(replace(request, sensitivity=proof.sensitivity), len(proof.groups)),
    )


def _allowed(pictures: CalibrationScores, request: CalibrationRequest, found: CalibrationResult) -> int:
    """Misses that the counts allow: of all positives, or of the smallest group."""
    if found.negatives_line is not None:
        return found.proof.n_missed
    smallest = min(positive_counts(pictures, request))
    if request.guarantee is Guarantee.AVERAGE:
        return misses_on_average(smallest, request.sensitivity)
    share = split_confidence(request.confidence_each, max(len(found.proof.groups), 1))
    return misses_allowed(smallest, request.sensitivity, share)


def _needed(request: CalibrationRequest, groups: int) -> int:
    if request.guarantee is Guarantee.AVERAGE:
        return smallest_n_on_average(request.sensitivity)
    return smallest_n(0, request.sensitivity, split_confidence(request.confidence_each, max(groups, 1)))
