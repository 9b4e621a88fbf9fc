"""Validation of an operating point's claims against its counts: no edit of the file certifies a refused point."""

from __future__ import annotations

import math
from collections.abc import Iterator

from inspect_ai.calibration.bounds import lower_bound, proves, upper_bound
from inspect_ai.calibration.conformal_risk import expected_sensitivity, misses_on_average
from inspect_ai.calibration.overkill import proves_overkill
from inspect_ai.calibration.planning import split_confidence
from inspect_ai.operating_point import (
    FalseAlarmProof,
    GroupPoint,
    Guarantee,
    OperatingPoint,
    ScoreScale,
    SensitivityProof,
)
from inspect_ai.text import printable

ROUNDING = 1e-9  # of a bound computed by another version of SciPy


def faults(point: OperatingPoint) -> Iterator[str]:
    """Yield a phrase for each impossible claim of the point; the first one is enough to refuse it."""
    lines, proof = point.thresholds, point.proof
    if fault := _out_of_range(point):
        yield fault
        return
    if not lines.clear_below <= lines.flag_from:
        yield f"clear_below ({lines.clear_below:g}) lies above flag_from ({lines.flag_from:g})"
    each = split_confidence(proof.confidence, proof.looks)
    if proof.groups or proof.group_by:
        yield from _group_faults(point, each)
    else:
        yield from _proof_faults(proof, proof, each, "")
    if not 0 <= proof.n_abstained <= proof.n_positive:
        yield f"n_abstained is {proof.n_abstained}, of {proof.n_positive} positives"
    if point.false_alarms is not None:
        yield from _overkill_faults(point.false_alarms, each, "overkill")
    if point.negatives_line is not None:
        yield from _overkill_faults(point.negatives_line, each, "fpr")
        if proof.groups or proof.guarantee is Guarantee.AVERAGE:
            yield "a line that negatives set proves one bound, with confidence, for all positives together"


def _out_of_range(point: OperatingPoint) -> str | None:
    lines, proof = point.thresholds, point.proof
    for name, value in (("clear_below", lines.clear_below), ("flag_from", lines.flag_from)):
        if fault := _no_threshold(value, lines.score_scale):
            return f"{name} is {value:g}; {fault}"
    for name, value in (("sensitivity", proof.sensitivity), ("confidence", proof.confidence)):
        if not 0.0 < value < 1.0:
            return f"{name} is {value:g}; it lies between 0 and 1, both excluded"
    if proof.looks < 1 or (proof.looks > 1 and proof.guarantee is Guarantee.AVERAGE):
        return f"looks is {proof.looks}; it counts models from 1 on, and an average promise has no doubt to split"
    return _count_fault(proof.n_missed, proof.n_positive, "")


def _no_threshold(value: float, scale: ScoreScale) -> str | None:
    if scale is ScoreScale.EXACT:
        return None if math.isfinite(value) else "a threshold is a finite number"
    return None if 0.0 <= value <= 1.0 else "a threshold lies between 0 and 1"


def _count_fault(missed: int, n: int, whose: str) -> str | None:
    if 0 <= missed <= n and n > 0:
        return None
    return f"{whose}n_missed is {missed} and n_positive {n}; there must be positives, and no more missed than there are"


def _proof_faults(
    claim: SensitivityProof | GroupPoint, whole: SensitivityProof, confidence: float, whose: str
) -> Iterator[str]:
    """Check a claimed proof, of the whole point or of one group, by computing it again from the counts."""
    missed, n, asked = claim.n_missed, claim.n_positive, whole.sensitivity
    if whole.guarantee is Guarantee.AVERAGE:
        bound, kept = expected_sensitivity(missed, n), missed <= misses_on_average(n, asked)
    else:
        bound, kept = lower_bound(n - missed, n, confidence), proves(missed, n, asked, confidence)
    said = f"{missed} missed of {n} prove {bound:.6f}"
    if not 0.0 <= claim.proved_sensitivity <= bound + ROUNDING:
        yield f"{whose}proved_sensitivity is {claim.proved_sensitivity:.6f}, but {said}"
    if claim.refusal is None and not kept:
        yield f"{whose}it claims to prove {asked:g}, but {said} only"


def _group_faults(point: OperatingPoint, together: float) -> Iterator[str]:
    """Check each group. together: the confidence with which all of them hold."""
    proof = point.proof
    values = [group.value for group in proof.groups]
    if not proof.group_by or not values or "" in values or len(set(values)) < len(values):
        yield "groups need the column that tells them apart, and each its own value"
        return
    confidence = split_confidence(together, len(values))
    for group in proof.groups:
        whose = f"group {printable(repr(group.value), 60)}: "
        if fault := _no_threshold(group.clear_below, point.thresholds.score_scale):
            yield f"{whose}clear_below is {group.clear_below:g}; {fault}"
        if fault := _count_fault(group.n_missed, group.n_positive, whose):
            yield fault
            return
        yield from _proof_faults(group, proof, confidence, whose)
    if point.thresholds.clear_below > min(group.clear_below for group in proof.groups):
        yield f"clear_below ({point.thresholds.clear_below:g}) lies above a group's"
    if proof.n_positive > sum(group.n_positive for group in proof.groups):
        yield f"n_positive is {proof.n_positive}, more than the groups have"
    if proof.proved_sensitivity > min(group.proved_sensitivity for group in proof.groups):
        yield f"proved_sensitivity is {proof.proved_sensitivity:.6f}, better than that of its weakest group"
    if point.certified and any(group.refusal is not None for group in proof.groups):
        yield "it claims to be proved for all groups, but one of them is refused"


def _overkill_faults(alarms: FalseAlarmProof, confidence: float, name: str) -> Iterator[str]:
    """Check a claimed share of negatives at a line; name: `overkill` at flag_from, `fpr` at clear_below."""
    flagged, n = alarms.n_flagged, alarms.n_negative
    if not 0.0 < alarms.overkill < 1.0 or not 0 <= flagged <= n or n == 0:
        yield f"{name} is {alarms.overkill:g}, with {flagged} of {n} negatives flagged; that cannot be"
        return
    bound = upper_bound(flagged, n, confidence)
    said = f"{flagged} flagged of {n} prove {bound:.6f}"
    if not bound - ROUNDING <= alarms.proved_overkill <= 1.0:
        yield f"proved_{name} is {alarms.proved_overkill:.6f}, but {said}"
    if alarms.overkill_refusal is None and not proves_overkill(flagged, n, alarms.overkill, confidence):
        yield f"it claims an {name} of at most {alarms.overkill:g}, but {said} only"
