"""What is asked of a calibration, and what scored pictures answer: the thresholds and what each of them proves.

Plain columns in, plain values out, so that a simulation can ask as often as it likes what the command asks once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from inspect_ai.calibration.costs import PROVES_NOTHING, Costs, cheapest
from inspect_ai.calibration.groups import GroupScore, Units, reduced
from inspect_ai.calibration.overkill import (
    OverkillProof,
    best_effort_overkill,
    line_above,
    negatives_per_group,
    prove_overkill,
)
from inspect_ai.calibration.subgroups import fallback, lacking, prove_groups, proved
from inspect_ai.domain import GroupPoint, Guarantee
from inspect_ai.errors import CalibrationRefused, UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationRequest:
    """A sensitivity to promise, how, of what, and for whom each on its own."""

    sensitivity: float = 0.987
    confidence: float = 0.95
    guarantee: Guarantee = Guarantee.CONFIDENCE
    group_score: GroupScore = GroupScore.LOWEST
    group_by: str = ""  # a column; "" for one promise about all
    overkill: float | None = None
    costs: Costs | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationScores:
    """Scored pictures, column by column. `values`: of the column that groups, one a picture, if any does."""

    scores: Sequence[float]
    units: Sequence[str]  # the patient, tile or picture that is independent of the others
    positive: Sequence[bool]
    passed: Sequence[bool]  # the quality gate
    values: Sequence[str] = ()

    def kept(self, rows: Sequence[bool]) -> CalibrationScores:
        """Some rows of all columns."""
        wanted = [i for i, keep in enumerate(rows) if keep]
        return CalibrationScores(
            scores=[self.scores[i] for i in wanted],
            units=[self.units[i] for i in wanted],
            positive=[self.positive[i] for i in wanted],
            passed=[self.passed[i] for i in wanted],
        )

    def positives(self, rule: GroupScore) -> Units:
        """One score for each positive unit."""
        return reduced(self.scores, self.units, self.positive, self.passed, rule)

    def negatives(self, rule: GroupScore) -> list[float]:
        """One score for each negative unit."""
        return negatives_per_group(self.scores, self.units, self.positive, rule)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationResult:
    """The fields of an operating point that follow from scores alone, under their names there."""

    clear_below: float
    flag_from: float
    n_positive: int
    n_missed: int
    proved_sensitivity: float
    refusal: str | None
    n_abstained: int
    groups: tuple[GroupPoint, ...] = ()
    n_negative: int = 0
    n_flagged: int = 0
    proved_overkill: float | None = None
    overkill_refusal: str | None = None


def solve(pictures: CalibrationScores, request: CalibrationRequest, *, step: float = 0.0) -> CalibrationResult:
    """Thresholds for what is asked; where it cannot be proved, thresholds to work with and the refusal.

    `step`: how far below a line a score is still taken as reaching it, at work. Raises UsageError where there are no
    positives, no negatives though they are asked about, or what is asked makes no sense.
    """
    units = pictures.positives(request.group_score)
    if not units.scores:
        raise UsageError("The quality gate hands every positive to a person: there is no score to set a threshold by.")
    clear = _for_groups(pictures, units, request) if request.group_by else _for_all(units, request)
    if request.costs is not None:
        clear = _priced(clear, units, pictures.negatives(request.group_score), request.costs)
    if request.overkill is None:
        return clear
    return _with_flag_line(clear, pictures.negatives(request.group_score), request.overkill, request.confidence, step)


def _for_all(units: Units, request: CalibrationRequest) -> CalibrationResult:
    refusal = None
    try:
        proof = proved(
            units, sensitivity=request.sensitivity, confidence=request.confidence, guarantee=request.guarantee
        )
    except CalibrationRefused as e:
        refusal = str(e)
        proof = fallback(
            units, sensitivity=request.sensitivity, confidence=request.confidence, guarantee=request.guarantee
        )
    return CalibrationResult(
        clear_below=proof.threshold,
        flag_from=proof.threshold,
        n_positive=proof.n_positive,
        n_missed=proof.n_missed,
        proved_sensitivity=proof.proved_sensitivity,
        refusal=refusal,
        n_abstained=units.abstained,
    )


def _for_groups(pictures: CalibrationScores, units: Units, request: CalibrationRequest) -> CalibrationResult:
    """One proof a group. For all of them together stands the lowest threshold, and the weakest group's bound."""
    members = {value: members_of(pictures, value, request.group_score) for value in _values(pictures, request)}
    groups = prove_groups(
        members, sensitivity=request.sensitivity, confidence=request.confidence, guarantee=request.guarantee
    )
    lowest = min(group.clear_below for group in groups)
    return CalibrationResult(
        clear_below=lowest,
        flag_from=lowest,
        n_positive=units.n,
        n_missed=sum(score < lowest for score in units.scores),
        proved_sensitivity=min(group.proved_sensitivity for group in groups),
        refusal=lacking(groups, request.group_by),
        n_abstained=units.abstained,
        groups=groups,
    )


def members_of(pictures: CalibrationScores, value: str, rule: GroupScore) -> Units:
    """The positive units that have a positive picture of this value: by those pictures (LOWEST), or by all pictures of
    the unit (HIGHEST).
    """
    mine = [is_positive and v == value for is_positive, v in zip(pictures.positive, pictures.values, strict=True)]
    if rule is GroupScore.HIGHEST:
        whole = {unit for unit, keep in zip(pictures.units, mine, strict=True) if keep}
        mine = [unit in whole for unit in pictures.units]
    return pictures.kept(mine).positives(rule)


def _values(pictures: CalibrationScores, request: CalibrationRequest) -> list[str]:
    values = {v for v, is_positive in zip(pictures.values, pictures.positive, strict=True) if is_positive}
    if "" in values:
        raise UsageError(
            f"Column {request.group_by!r} is empty for a positive picture; write what it belongs to, if only 'unknown'."
        )
    return sorted(values)


def _priced(clear: CalibrationResult, units: Units, negatives: Sequence[float], costs: Costs) -> CalibrationResult:
    """The answer with its thresholds lowered to that of least cost; raised to it only where nothing is proved."""
    price = cheapest(units, negatives, costs)
    if clear.refusal is not None and not clear.groups:
        return replace(
            clear,
            clear_below=price,
            flag_from=price,
            n_missed=sum(score < price for score in units.scores),
            proved_sensitivity=0.0,
            refusal=f"{clear.refusal} {PROVES_NOTHING}",
        )
    groups = tuple(replace(group, clear_below=min(group.clear_below, price)) for group in clear.groups)
    lowered = min(clear.clear_below, price)
    return replace(clear, clear_below=lowered, flag_from=lowered, groups=groups)


def _with_flag_line(
    clear: CalibrationResult, negatives: Sequence[float], overkill: float, confidence: float, step: float
) -> CalibrationResult:
    """The answer with its own line for flags, never below that for clearing: there fewer still are flagged."""
    refusal = None
    try:
        proof: OverkillProof = prove_overkill(negatives, overkill=overkill, confidence=confidence)
    except CalibrationRefused as e:
        refusal = str(e)
        proof = best_effort_overkill(negatives, overkill=overkill, confidence=confidence)
    line = line_above(proof.above, step)
    if line > 1.0:
        line = 1.0
        refusal = refusal or "Negatives reach the highest score that there is; no line for flags keeps the overkill."
    flag_from = max(line, clear.clear_below)
    n_flagged = sum(score >= flag_from - step for score in negatives)
    bound = proof.proved_overkill if n_flagged <= proof.n_allowed else 1.0
    return replace(
        clear,
        flag_from=flag_from,
        n_negative=proof.n_negative,
        n_flagged=n_flagged,
        proved_overkill=bound,
        overkill_refusal=refusal,
    )
