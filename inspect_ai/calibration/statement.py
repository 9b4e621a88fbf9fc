"""Texts of a calibration of any scores: its name, the limits of the proof, and the units that were counted."""

from __future__ import annotations

from inspect_ai.calibration.bounds import lower_bound
from inspect_ai.calibration.ladder import short_of_usual
from inspect_ai.calibration.solver import CalibrationRequest, CalibrationScores, positive_counts, stepped
from inspect_ai.errors import UsageError
from inspect_ai.text import printable

NAME_MOST = 60  # characters
SILENT_MOST = 8  # values without positives that a statement names


def limits(pictures: CalibrationScores, request: CalibrationRequest) -> list[str]:
    """Phrases for what set the threshold, if not the usual promise, and for values about which nothing is proved."""
    words = []
    if request.or_best and (short := _short(pictures, request)):
        words.append(short)
    if request.at_fpr is not None:
        words.append(
            f"negatives alone set the line: at most {request.at_fpr:g} of them reach it, one score for each unit that "
            f"holds no positive"
        )
    if request.costs is not None:
        costs = request.costs
        words.append(
            f"the threshold weighs an escape at {costs.escape:g} and an overkill at {costs.overkill:g}, "
            f"at a prevalence of {costs.prevalence:g}; that choice is no part of the proof"
        )
    if request.group_by:
        heard = {v for v, positive in zip(pictures.values, pictures.positive, strict=True) if positive}
        if silent := sorted(set(pictures.values) - heard):
            named = ", ".join(repr(value) for value in silent[:SILENT_MOST])
            words.append(f"nothing is said about {request.group_by} {named}, which had no positives")
    return words


def _short(pictures: CalibrationScores, request: CalibrationRequest) -> str:
    counts = positive_counts(pictures, request)
    best = stepped(pictures, request).sensitivity
    return short_of_usual(best, counts, confidence=request.confidence_each, guarantee=request.guarantee)


def not_independent(pictures: CalibrationScores, units: int, unit_name: str, confidence: float) -> str:
    """Sentence on the difference between the counts of pictures and of units; empty where they are equal."""
    n = sum(pictures.positive)
    if n == units:
        return ""
    return (
        f" Counted are {units} {unit_name}s; their {n} positive pictures are not independent "
        f"(if they were, the best provable sensitivity would be {lower_bound(n, n, confidence):.3f})."
    )


def counted_units(pictures: CalibrationScores) -> set[str]:
    """Independent positive units, which a certificate lists, hashed."""
    return {unit for unit, positive in zip(pictures.units, pictures.positive, strict=True) if positive}


def statement_name(text: str) -> str:
    """Check the name of the statement. Raises UsageError for one that is not one printable line."""
    if not text or printable(text, NAME_MOST) != text:
        raise UsageError(f"The name {printable(text, NAME_MOST)!r} must be one printable line; choose one with --name.")
    return text
