"""What an operating point claims, made again from its counts: no edit of the file certifies what was refused."""

from __future__ import annotations

from collections.abc import Iterator

from inspect_ai.calibration.bounds import lower_bound, proves, upper_bound
from inspect_ai.calibration.conformal_risk import expected_sensitivity, misses_on_average
from inspect_ai.calibration.overkill import proves_overkill
from inspect_ai.calibration.subgroups import split_confidence
from inspect_ai.domain import GroupPoint, Guarantee, OperatingPoint
from inspect_ai.text import printable

ROUNDING = 1e-9  # of a bound computed by another version of SciPy


def faults(point: OperatingPoint) -> Iterator[str]:
    """What cannot be true, a phrase each; the first one says enough."""
    if fault := _out_of_range(point):
        yield fault
        return
    if not point.clear_below <= point.flag_from:
        yield f"clear_below ({point.clear_below:g}) lies above flag_from ({point.flag_from:g})"
    if point.groups or point.group_by:
        yield from _group_faults(point)
    else:
        yield from _proof_faults(point, point, point.confidence, "")
    if not 0 <= point.n_abstained <= point.n_positive:
        yield f"n_abstained is {point.n_abstained}, of {point.n_positive} positives"
    yield from _overkill_faults(point)


def _out_of_range(point: OperatingPoint) -> str | None:
    for name, value in (("clear_below", point.clear_below), ("flag_from", point.flag_from)):
        if not 0.0 <= value <= 1.0:
            return f"{name} is {value:g}; a threshold lies between 0 and 1"
    for name, value in (("sensitivity", point.sensitivity), ("confidence", point.confidence)):
        if not 0.0 < value < 1.0:
            return f"{name} is {value:g}; it lies between 0 and 1, both excluded"
    return _count_fault(point.n_missed, point.n_positive, "")


def _count_fault(missed: int, n: int, whose: str) -> str | None:
    if 0 <= missed <= n and n > 0:
        return None
    return f"{whose}n_missed is {missed} and n_positive {n}; there must be positives, and no more missed than there are"


def _proof_faults(
    claim: OperatingPoint | GroupPoint, point: OperatingPoint, confidence: float, whose: str
) -> Iterator[str]:
    """A claimed proof is made again from the counts, of the whole point or of one group."""
    missed, n = claim.n_missed, claim.n_positive
    if point.guarantee is Guarantee.AVERAGE:
        bound, kept = expected_sensitivity(missed, n), missed <= misses_on_average(n, point.sensitivity)
    else:
        bound, kept = lower_bound(n - missed, n, confidence), proves(missed, n, point.sensitivity, confidence)
    said = f"{missed} missed of {n} prove {bound:.6f}"
    if not 0.0 <= claim.proved_sensitivity <= bound + ROUNDING:
        yield f"{whose}proved_sensitivity is {claim.proved_sensitivity:.6f}, but {said}"
    if claim.refusal is None and not kept:
        yield f"{whose}it claims to prove {point.sensitivity:g}, but {said} only"


def _group_faults(point: OperatingPoint) -> Iterator[str]:
    values = [group.value for group in point.groups]
    if not point.group_by or not values or "" in values or len(set(values)) < len(values):
        yield "groups need the column that tells them apart, and each its own value"
        return
    confidence = split_confidence(point.confidence, len(values))
    for group in point.groups:
        whose = f"group {printable(repr(group.value), 60)}: "
        if not 0.0 <= group.clear_below <= 1.0:
            yield f"{whose}clear_below is {group.clear_below:g}; a threshold lies between 0 and 1"
        if fault := _count_fault(group.n_missed, group.n_positive, whose):
            yield fault
            return
        yield from _proof_faults(group, point, confidence, whose)
    if point.clear_below > min(group.clear_below for group in point.groups):
        yield f"clear_below ({point.clear_below:g}) lies above a group's"
    if point.n_positive > sum(group.n_positive for group in point.groups):
        yield f"n_positive is {point.n_positive}, more than the groups have"
    if point.proved_sensitivity > min(group.proved_sensitivity for group in point.groups):
        yield f"proved_sensitivity is {point.proved_sensitivity:.6f}, better than that of its weakest group"
    if point.certified and any(group.refusal is not None for group in point.groups):
        yield "it claims to be proved for all groups, but one of them is refused"


def _overkill_faults(point: OperatingPoint) -> Iterator[str]:
    flagged, n = point.n_flagged, point.n_negative
    if point.overkill is None:
        if point.proved_overkill is not None or point.overkill_refusal is not None or flagged or n:
            yield "it tells of an overkill that was not asked for"
        return
    if not 0.0 < point.overkill < 1.0 or not 0 <= flagged <= n or n == 0:
        yield f"overkill is {point.overkill:g}, with {flagged} of {n} negatives flagged; that cannot be"
        return
    bound = upper_bound(flagged, n, point.confidence)
    said = f"{flagged} flagged of {n} prove {bound:.6f}"
    if point.proved_overkill is None or not bound - ROUNDING <= point.proved_overkill <= 1.0:
        claim = "missing" if point.proved_overkill is None else f"{point.proved_overkill:.6f}"
        yield f"proved_overkill is {claim}, but {said}"
    if point.overkill_refusal is None and not proves_overkill(flagged, n, point.overkill, point.confidence):
        yield f"it claims an overkill of at most {point.overkill:g}, but {said} only"
