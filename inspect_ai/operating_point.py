"""Operating point: thresholds, their proof, and the model and data they belong to. Frozen values, no NumPy.

On disk it is one flat record (calibration/point_record.py); in the program each part is a value of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from inspect_ai.domain import OBSERVABLE

PROVED, PROVED_FOR_PHANTOMS, ON_AVERAGE = "proved: ", "proved for phantoms: ", "promised on average "
PROMISES = (PROVED, PROVED_FOR_PHANTOMS, ON_AVERAGE)  # first words of a promise
PHANTOM = "phantom: "  # first word of `covers` where made pictures set the thresholds; signed with the rest of it


class Guarantee(StrEnum):
    """Kind of promise that a threshold carries."""

    CONFIDENCE = "confidence"  # this threshold keeps it, with the stated confidence
    AVERAGE = "average"  # the weaker tier: kept on average over calibrations, nothing is known of this one


class ScoreScale(StrEnum):
    """Scale of scores, and with it the way in which they are compared with a threshold."""

    PROBABILITY = "probability"  # 0..1, rounded to a grid before they are compared (decide.py)
    EXACT = "exact"  # any finite number, compared as it is: scores that another program made


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Thresholds between outcomes: clear below `clear_below`, flag from `flag_from`, abstain between."""

    clear_below: float
    flag_from: float
    flag_volume_from: float | None = None  # for whole volumes, where one finding among many flags; proves nothing
    score_scale: ScoreScale = ScoreScale.PROBABILITY

    def written(self, score: float) -> str:
        """Text of a score; scores compared as different never read alike: five digits on the grid, else all."""
        return repr(float(score)) if self.score_scale is ScoreScale.EXACT else f"{score:.5f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPoint:
    """One group's threshold and its proof, at the group's share of the doubt: (1 - confidence) / groups."""

    value: str  # of the column that groups
    clear_below: float
    n_positive: int
    n_missed: int
    proved_sensitivity: float
    refusal: str | None = None  # the group's lack, such as "it needs 214 more positives"


@dataclass(frozen=True, slots=True, kw_only=True)
class SensitivityProof:
    """The sensitivity that was asked for, the counts, and what they prove.

    With groups it holds for all of them at once, so it is certified if every group is.
    """

    sensitivity: float  # asked for
    confidence: float
    n_positive: int  # independent calibration units
    n_missed: int  # of them below the proved threshold; clear_below may lie lower, never higher
    proved_sensitivity: (
        float  # Clopper-Pearson lower bound at `confidence`, for one of `looks`; the expected share where AVERAGE
    )
    refusal: str | None = None  # why nothing is proved
    guarantee: Guarantee = Guarantee.CONFIDENCE
    n_abstained: int = 0  # of the positives, handed to a person by the quality gate: never cleared, so not missed
    group_score: str = ""  # how several pictures of a unit became one score: lowest or highest (calibration/groups)
    group_by: str = ""  # the column whose values have each their own proof
    groups: tuple[GroupPoint, ...] = ()
    looks: int = 1  # models that this one was chosen from by the same positives: each has 1/looks of the doubt


@dataclass(frozen=True, slots=True, kw_only=True)
class FalseAlarmProof:
    """The largest share of negatives that may reach a line, as asked for, the counts, and what they prove.

    The line is `flag_from`, or `clear_below` where negatives set it (OperatingPoint.negatives_line).
    """

    overkill: float  # asked for
    n_negative: int
    n_flagged: int  # of the negatives, at or above the line
    proved_overkill: float  # Clopper-Pearson upper bound at the confidence of the sensitivity proof
    overkill_refusal: str | None = None  # why it is not proved; the sensitivity may be all the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Digests:
    """The model, configuration, engine and calibration data that an operating point belongs to."""

    model_sha256: str
    config_sha256: str
    engine: str  # name and precision
    calibration_sha256: str  # over the sorted digests of the calibration files


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingPoint:
    """Thresholds with their proof and what they belong to. Made by calibration.

    A refused point carries a refusal in its proof and still usable thresholds, so that work can go on uncertified.
    With groups, its thresholds are those that hold for all of them: the lowest. `clear_below` is set by the positives,
    unless `negatives_line` says which share of the negatives was allowed to reach it; the positives then prove how
    many of them do, at a line that they had no part in.
    """

    task: str
    covers: str  # the unit of the statement, and the limits of the statement
    thresholds: Thresholds
    proof: SensitivityProof
    false_alarms: FalseAlarmProof | None = None  # of flag_from; None where nothing was asked about it
    negatives_line: FalseAlarmProof | None = None  # of clear_below, where negatives set it
    digests: Digests

    @property
    def certified(self) -> bool:
        """True when the promise was proved."""
        return self.proof.refusal is None

    @property
    def phantom(self) -> bool:
        """True when made pictures set the thresholds: they decide made pictures alone, and certify no decision."""
        return self.covers.startswith(PHANTOM)

    @property
    def certified_somewhere(self) -> bool:
        """True when a study can be decided certified: the whole is proved, or a group that is known at work."""
        return self.certified or (self.own_thresholds and any(group.refusal is None for group in self.proof.groups))

    @property
    def own_thresholds(self) -> bool:
        """True when each group has its own threshold at work; otherwise all have the lowest."""
        return self.proof.group_by in OBSERVABLE

    @property
    def promise(self) -> str:
        """Proved statement in words, with the kind of its guarantee; of a refused point, that nothing is proved."""
        if self.proof.refusal is not None:
            return f"nothing is proved: {self.proof.refusal}"
        share, sure = _percent(self.proof.sensitivity), _percent(self.proof.confidence)
        what = f"{share} of {self._positives} {self._reach} {self.thresholds.written(self.thresholds.clear_below)}"
        if self.proof.guarantee is Guarantee.AVERAGE:
            return f"{ON_AVERAGE}over calibrations only, the weaker tier: {what}; this one may fall short"
        return (
            f"{PROVED_FOR_PHANTOMS if self.phantom else PROVED}at least {what} ({sure} confidence{self.chosen_among})"
        )

    @property
    def chosen_among(self) -> str:
        """Words on the choice of this model by the same positives; empty where there was none."""
        looks = self.proof.looks
        return f", chosen among {looks} models on the same positives" if looks > 1 else ""

    def for_study(self, attributes: Sequence[tuple[str, str]]) -> OperatingPoint:
        """Point for a study: its group's threshold where a group can be known, and never another group's promise.

        A group that is not certified keeps its own threshold, an unknown one the lowest of all; both are refused.
        """
        if not self.own_thresholds:
            return self
        name = self.proof.group_by
        value = dict(attributes).get(name, "")
        group = next((group for group in self.proof.groups if group.value == value), None)
        if group is None:
            why = "it was not among the calibration positives" if value else "the study does not say it"
            refusal = f"{name} {value!r} is not certified: {why}"
            return replace(self, proof=replace(self.proof, groups=(), refusal=refusal))
        line, own = self.thresholds.flag_from, group.clear_below
        return replace(
            self,
            thresholds=replace(
                self.thresholds, clear_below=own, flag_from=own if self.false_alarms is None else max(line, own)
            ),
            proof=replace(
                self.proof,
                n_positive=group.n_positive,
                n_missed=group.n_missed,
                proved_sensitivity=group.proved_sensitivity,
                groups=(group,),
                refusal=None if group.refusal is None else f"{name} {value!r} is not certified: {group.refusal}",
            ),
        )

    def for_volume(self) -> OperatingPoint:
        """Point for a whole volume: no promise, a higher threshold for flags, and abstention between the thresholds.

        Made volumes have a proof of their own, so that a phantom point holds for them as it is.
        """
        if self.phantom:
            return self
        why = "the promise was proved for single pictures of candidates, not for whole series"
        line = max(self.thresholds.flag_from, self.thresholds.flag_volume_from or 0.0)
        return replace(
            self,
            thresholds=replace(self.thresholds, flag_from=line),
            proof=replace(self.proof, refusal=self.proof.refusal or why),
        )

    @property
    def _positives(self) -> str:
        who = "groups with a positive" if self.proof.group_score == "highest" else "positives"
        who = f"made {who}" if self.phantom else who
        if not self.proof.group_by:
            return who
        if len(self.proof.groups) == 1:
            return f"{who} of {self.proof.group_by} {self.proof.groups[0].value!r}"
        return f"{who} of every {self.proof.group_by}"

    @property
    def _reach(self) -> str:
        return "have a picture that reaches" if self.proof.group_score == "highest" else "reach"


def _percent(share: float) -> str:
    """Per cent as asked for, without rounding up: 0.9995 is 99.95 %."""
    return f"{100 * share:.10g} %"
