"""Proof for each manufacturer, camera, defect class or other value of a column; never one for all of them.

delta is split evenly over the G groups (C. Bonferroni 1936): each is proved at 1 - delta/G, so that all statements hold
together with confidence 1 - delta. An average promise (conformal_risk.py) has no confidence to split. A group with too
few positives is not certified and says how many it lacks; it takes none from the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from inspect_ai.calibration.bounds import misses_allowed, smallest_n
from inspect_ai.calibration.conformal_risk import (
    average,
    expected_sensitivity,
    misses_on_average,
    smallest_n_on_average,
)
from inspect_ai.calibration.groups import Units
from inspect_ai.calibration.planning import split_confidence
from inspect_ai.calibration.threshold import Proof, best_effort, prove
from inspect_ai.errors import CalibrationRefused
from inspect_ai.operating_point import GroupPoint, Guarantee, SensitivityProof


def prove_groups(
    groups: Mapping[str, Units], *, sensitivity: float, confidence: float, guarantee: Guarantee = Guarantee.CONFIDENCE
) -> tuple[GroupPoint, ...]:
    """Prove each group, in order of value, at its share of delta; a group that cannot be proved says what it lacks.

    A group all of whose positives the gate leaves to a person clears nothing. Raises UsageError as `prove` does.
    """
    share = split_confidence(confidence, len(groups))
    return tuple(
        _point(value, groups[value], sensitivity=sensitivity, confidence=share, guarantee=guarantee)
        for value in sorted(groups)
    )


def proved(units: Units, *, sensitivity: float, confidence: float, guarantee: Guarantee) -> Proof:
    """Make the proof of the requested kind. Raises CalibrationRefused and UsageError as `prove` does."""
    if guarantee is Guarantee.AVERAGE:
        return average(units.scores, sensitivity=sensitivity, abstained=units.abstained)
    return prove(units.scores, sensitivity=sensitivity, confidence=confidence, abstained=units.abstained)


def fallback(units: Units, *, sensitivity: float, confidence: float, guarantee: Guarantee) -> Proof:
    """Threshold to use after a refusal: the lowest positive, with the bound of the requested kind of promise."""
    if guarantee is Guarantee.CONFIDENCE:
        return best_effort(units.scores, sensitivity=sensitivity, confidence=confidence, abstained=units.abstained)
    lowest = best_effort(units.scores, sensitivity=sensitivity, confidence=confidence, abstained=units.abstained)
    return Proof(
        threshold=lowest.threshold,
        n_positive=units.n,
        n_allowed=0,
        n_missed=0,
        proved_sensitivity=expected_sensitivity(0, units.n),
    )


def allowed_misses(n: int, whole: SensitivityProof) -> int:
    """Misses that a group's n positives may have, among the groups of the whole; -1 if so few prove nothing."""
    if whole.guarantee is Guarantee.AVERAGE:
        return misses_on_average(n, whole.sensitivity)
    each = split_confidence(whole.confidence, whole.looks)
    return misses_allowed(n, whole.sensitivity, split_confidence(each, len(whole.groups)))


def lacking(groups: Sequence[GroupPoint], name: str) -> str | None:
    """Sentence on why one threshold for all groups is not certified; None if every group is."""
    refused = [f"{group.value!r}: {group.refusal}" for group in groups if group.refusal is not None]
    return f"Not every {name} is certified ({'; '.join(refused)})." if refused else None


def _point(value: str, units: Units, *, sensitivity: float, confidence: float, guarantee: Guarantee) -> GroupPoint:
    if not units.scores:
        why = "the quality gate hands all its positives to a person, so none has a score"
        return GroupPoint(
            value=value, clear_below=0.0, n_positive=units.n, n_missed=0, proved_sensitivity=0.0, refusal=why
        )
    refusal = None
    try:
        proof = proved(units, sensitivity=sensitivity, confidence=confidence, guarantee=guarantee)
    except CalibrationRefused as e:
        if guarantee is Guarantee.AVERAGE:
            more = smallest_n_on_average(sensitivity) - units.n
        else:
            more = smallest_n(0, sensitivity, confidence) - units.n
        refusal = f"it needs {more} more positive{'s' * (more > 1)}" if more > 0 else str(e).rstrip(".")
        proof = fallback(units, sensitivity=sensitivity, confidence=confidence, guarantee=guarantee)
    return GroupPoint(
        value=value,
        clear_below=proof.threshold,
        n_positive=proof.n_positive,
        n_missed=proof.n_missed,
        proved_sensitivity=proof.proved_sensitivity,
        refusal=refusal,
    )
