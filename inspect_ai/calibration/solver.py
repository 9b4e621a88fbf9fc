"""Solver of calibration: thresholds and their proofs from a request and scored pictures.

Plain columns and frozen values, so that a simulation can run the command's computation many times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from inspect_ai.calibration.costs import PROVES_NOTHING, Costs, cheapest
from inspect_ai.calibration.groups import GroupScore, Units, reduced
from inspect_ai.calibration.ladder import USUAL, best_step
from inspect_ai.calibration.negatives_line import negatives_line, proof_at
from inspect_ai.calibration.overkill import (
    best_effort_overkill,
    line_above,
    negatives_per_group,
    prove_overkill,
    proves_overkill,
)
from inspect_ai.calibration.planning import split_confidence
from inspect_ai.calibration.subgroups import fallback, lacking, prove_groups, proved
from inspect_ai.errors import CalibrationRefused, UsageError
from inspect_ai.operating_point import FalseAlarmProof, Guarantee, SensitivityProof, Thresholds


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationRequest:
    """Sensitivity to promise, its kind of guarantee, the unit that is decided, and the groups to prove apart."""

    sensitivity: float = USUAL
    or_best: bool = False  # where there are too few positives for USUAL, the best step of ladder.py below it
    confidence: float = 0.95
    guarantee: Guarantee = Guarantee.CONFIDENCE
    group_score: GroupScore = GroupScore.LOWEST
    group_by: str = ""  # a column; "" for one promise about all
    looks: int = 1  # models or recipes that are judged by these positives, of which this one may be chosen
    overkill: float | None = None  # largest share of negatives to flag; None for one line
    overkill_if_provable: bool = False  # one line, and no refusal, where there are too few negatives for it
    at_fpr: float | None = None  # the line is set by negatives: at most this share of them reaches it
    prove_fpr: bool = False  # that share is proved of all negatives to come
    costs: Costs | None = None

    @property
    def confidence_each(self) -> float:
        """Confidence to prove at, so that the best of `looks` models keeps `confidence` (C. Bonferroni 1936)."""
        return split_confidence(self.confidence, self.looks)


USUAL_OVERKILL = 0.05  # docs/decisions/020: flags worth a look at once, from 59 negatives on
USUAL_REQUEST = CalibrationRequest(or_best=True, overkill=USUAL_OVERKILL, overkill_if_provable=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationScores:
    """Scored pictures in columns of equal length. `values`: of the column to group by, empty without one."""

    scores: Sequence[float]
    units: Sequence[str]  # the patient, tile or picture that is independent of the others
    positive: Sequence[bool]
    passed: Sequence[bool]  # the quality gate
    values: Sequence[str] = ()

    def kept(self, rows: Sequence[bool]) -> CalibrationScores:
        """Select rows of all columns."""
        wanted = [i for i, keep in enumerate(rows) if keep]
        return CalibrationScores(
            scores=[self.scores[i] for i in wanted],
            units=[self.units[i] for i in wanted],
            positive=[self.positive[i] for i in wanted],
            passed=[self.passed[i] for i in wanted],
        )

    def positives(self, rule: GroupScore) -> Units:
        """Scores of the positive units, one each."""
        return reduced(self.scores, self.units, self.positive, self.passed, rule)

    def negatives(self, rule: GroupScore) -> list[float]:
        """Scores of the negative units, one each."""
        return negatives_per_group(self.scores, self.units, self.positive, rule)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationResult:
    """Parts of an operating point that follow from scores alone."""

    thresholds: Thresholds
    proof: SensitivityProof
    false_alarms: FalseAlarmProof | None = None
    negatives_line: FalseAlarmProof | None = None


def solve(
    pictures: CalibrationScores, request: CalibrationRequest, *, step: float = 0.0, highest: float = 1.0
) -> CalibrationResult:
    """Solve for the requested thresholds; where they cannot be proved, thresholds to use uncertified, and the refusal.

    `step`: distance below a threshold at which a score still counts as reaching it, at work. `highest`: the highest
    possible score; no threshold lies above. Raises UsageError where there are no positives, no negatives though the
    request needs them, or the request makes no sense, CalibrationRefused where no line keeps an `at_fpr`.
    """
    if request.looks > 1 and request.guarantee is Guarantee.AVERAGE:
        raise UsageError("A promise on average has no doubt to split over looks. Promise with a confidence instead.")
    units = pictures.positives(request.group_score)
    if not units.scores:
        raise UsageError("The quality gate hands every positive to a person: there is no score to set a threshold by.")
    request = stepped(pictures, request)
    if request.at_fpr is not None:
        found = _at_price(pictures, units, request, request.at_fpr, step, highest)
    elif request.group_by:
        found = _for_groups(pictures, units, request)
    else:
        found = _for_all(pictures, units, request)
    if request.costs is not None:
        found = _with_costs(found, units, pictures.negatives(request.group_score), request.costs, highest)
    negatives = pictures.negatives(request.group_score)
    if request.overkill is None or _skipped(request, request.overkill, len(negatives)):
        return found
    return _with_flag_line(found, negatives, request.overkill, step, highest)


def stepped(pictures: CalibrationScores, request: CalibrationRequest) -> CalibrationRequest:
    """Request at the best step of the ladder, where that was asked for. It looks at counts alone, never at scores."""
    if not request.or_best:
        return request
    counts = positive_counts(pictures, request)
    best = best_step(counts, confidence=request.confidence_each, guarantee=request.guarantee)
    return replace(request, sensitivity=best, or_best=False)


def positive_counts(pictures: CalibrationScores, request: CalibrationRequest) -> list[int]:
    """Numbers of positive units that are proved apart: one of all, or one of each group."""
    if not request.group_by:
        return [pictures.positives(request.group_score).n]
    return [members_of(pictures, value, request.group_score).n for value in _values(pictures, request)]


def _skipped(request: CalibrationRequest, overkill: float, negatives: int) -> bool:
    """Tell whether so few negatives make do with one line."""
    if not request.overkill_if_provable:
        return False
    return request.costs is not None or not proves_overkill(0, negatives, overkill, request.confidence_each)


def _at_price(
    pictures: CalibrationScores,
    units: Units,
    request: CalibrationRequest,
    share: float,
    step: float,
    highest: float,
) -> CalibrationResult:
    """Line by the negatives of units without any positive, and what the positives prove there."""
    if request.group_by or request.costs is not None or request.guarantee is Guarantee.AVERAGE:
        raise UsageError(
            "A line at a price (at_fpr) is one line for all, proved with confidence: it goes with no groups, no costs "
            "and no promise on average. Ask for a sensitivity there."
        )
    line, reached = negatives_line(
        pictures.negatives(GroupScore.HIGHEST),
        share=share,
        confidence=request.confidence_each,
        proved=request.prove_fpr,
        step=step,
        highest=highest,
    )
    proof = proof_at(line, units, confidence=request.confidence_each, group_score=_rule(pictures, request))
    proof = replace(proof, confidence=request.confidence, looks=request.looks)
    return CalibrationResult(thresholds=_one_line(line), proof=proof, negatives_line=reached)


def _for_all(pictures: CalibrationScores, units: Units, request: CalibrationRequest) -> CalibrationResult:
    refusal = None
    try:
        found = proved(
            units, sensitivity=request.sensitivity, confidence=request.confidence_each, guarantee=request.guarantee
        )
    except CalibrationRefused as e:
        refusal = str(e)
        found = fallback(
            units, sensitivity=request.sensitivity, confidence=request.confidence_each, guarantee=request.guarantee
        )
    return CalibrationResult(
        thresholds=_one_line(found.threshold),
        proof=SensitivityProof(
            sensitivity=request.sensitivity,
            confidence=request.confidence,
            guarantee=request.guarantee,
            group_score=_rule(pictures, request),
            n_positive=found.n_positive,
            n_missed=found.n_missed,
            proved_sensitivity=found.proved_sensitivity,
            refusal=refusal,
            n_abstained=units.abstained,
            looks=request.looks,
        ),
    )


def _for_groups(pictures: CalibrationScores, units: Units, request: CalibrationRequest) -> CalibrationResult:
    """Prove each group. The lowest threshold and the weakest group's bound apply to all of them together."""
    members = {value: members_of(pictures, value, request.group_score) for value in _values(pictures, request)}
    groups = prove_groups(
        members, sensitivity=request.sensitivity, confidence=request.confidence_each, guarantee=request.guarantee
    )
    lowest = min(group.clear_below for group in groups)
    return CalibrationResult(
        thresholds=_one_line(lowest),
        proof=SensitivityProof(
            sensitivity=request.sensitivity,
            confidence=request.confidence,
            guarantee=request.guarantee,
            group_score=_rule(pictures, request),
            group_by=request.group_by,
            groups=groups,
            n_positive=units.n,
            n_missed=sum(score < lowest for score in units.scores),
            proved_sensitivity=min(group.proved_sensitivity for group in groups),
            refusal=lacking(groups, request.group_by),
            n_abstained=units.abstained,
            looks=request.looks,
        ),
    )


def members_of(pictures: CalibrationScores, value: str, rule: GroupScore) -> Units:
    """Positive units that have a positive picture of this value: by those pictures (LOWEST), or by all pictures of the
    unit (HIGHEST).
    """
    mine = [is_positive and v == value for is_positive, v in zip(pictures.positive, pictures.values, strict=True)]
    if rule is GroupScore.HIGHEST:
        whole = {unit for unit, keep in zip(pictures.units, mine, strict=True) if keep}
        mine = [unit in whole for unit in pictures.units]
    return pictures.kept(mine).positives(rule)


def _rule(pictures: CalibrationScores, request: CalibrationRequest) -> str:
    """Rule by which several pictures of a unit became one score; empty where each unit has one picture."""
    return request.group_score.value if len(set(pictures.units)) < len(pictures.units) else ""


def _one_line(threshold: float) -> Thresholds:
    return Thresholds(clear_below=threshold, flag_from=threshold)


def _values(pictures: CalibrationScores, request: CalibrationRequest) -> list[str]:
    values = {v for v, is_positive in zip(pictures.values, pictures.positive, strict=True) if is_positive}
    if "" in values:
        raise UsageError(
            f"Column {request.group_by!r} is empty for a positive picture; write what it belongs to, if only 'unknown'."
        )
    return sorted(values)


def _with_costs(
    found: CalibrationResult, units: Units, negatives: Sequence[float], costs: Costs, highest: float
) -> CalibrationResult:
    """Lower the thresholds to that of least cost; raise them to it only where nothing is proved."""
    price, proof = cheapest(units, negatives, costs, highest), found.proof
    if proof.refusal is not None and not proof.groups:
        return replace(
            found,
            thresholds=_one_line(price),
            proof=replace(
                proof,
                n_missed=sum(score < price for score in units.scores),
                proved_sensitivity=0.0,
                refusal=f"{proof.refusal} {PROVES_NOTHING}",
            ),
        )
    groups = tuple(replace(group, clear_below=min(group.clear_below, price)) for group in proof.groups)
    lowered = _one_line(min(found.thresholds.clear_below, price))
    return replace(found, thresholds=lowered, proof=replace(proof, groups=groups))


def _with_flag_line(
    found: CalibrationResult, negatives: Sequence[float], overkill: float, step: float, highest: float
) -> CalibrationResult:
    """Set a separate threshold for flags, never below that for clearing: there fewer still are flagged."""
    confidence, refusal = split_confidence(found.proof.confidence, found.proof.looks), None
    try:
        alarms = prove_overkill(negatives, overkill=overkill, confidence=confidence)
    except CalibrationRefused as e:
        refusal = str(e)
        alarms = best_effort_overkill(negatives, overkill=overkill, confidence=confidence)
    line = line_above(alarms.above, step)
    if line > highest:
        line = highest
        refusal = refusal or "Negatives reach the highest score that there is; no line for flags keeps the overkill."
    flag_from = max(line, found.thresholds.clear_below)
    n_flagged = sum(score >= flag_from - step for score in negatives)
    return replace(
        found,
        thresholds=replace(found.thresholds, flag_from=flag_from),
        false_alarms=FalseAlarmProof(
            overkill=overkill,
            n_negative=alarms.n_negative,
            n_flagged=n_flagged,
            proved_overkill=alarms.proved_overkill if n_flagged <= alarms.n_allowed else 1.0,
            overkill_refusal=refusal,
        ),
    )
