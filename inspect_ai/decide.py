"""The one place where a score meets a threshold: outcome, reason, certified or not."""

from __future__ import annotations

import math
from collections.abc import Sequence

from inspect_ai.domain import Measure, OperatingPoint, Outcome, Verdict

GRID = 2.0**-16  # scores are compared on it; within one step below a threshold counts as at it, the safe side


def decide(
    score: float | None,
    point: OperatingPoint,
    *,
    mismatches: Sequence[str] = (),
    problems: Sequence[str] = (),
    measures: Sequence[Measure] = (),
) -> Verdict:
    """Outcome of one study. Problems and failed measures come first: a score must not hide them."""
    certified = point.certified and not mismatches
    why = [*problems, *(_failed(m) for m in measures if not m.passed)]
    if why:
        return Verdict(outcome=Outcome.ABSTAIN, reason="; ".join(why), certified=False)
    if score is None or not math.isfinite(score):
        return Verdict(outcome=Outcome.ABSTAIN, reason="the score is not a number", certified=False)
    value = round(score / GRID) * GRID
    if value >= point.flag_from - GRID:
        outcome, where = Outcome.FLAG, f"score {value:.4f} reaches {point.flag_from:.4f}"
    elif value < point.clear_below - GRID:
        outcome, where = Outcome.CLEAR, f"score {value:.4f} is below {point.clear_below:.4f}"
    else:
        outcome = Outcome.ABSTAIN
        where = f"score {value:.4f} lies between {point.clear_below:.4f} and {point.flag_from:.4f}: a person must look"
    return Verdict(outcome=outcome, reason=f"{where}; {_promise(point, mismatches)}", certified=certified)


def _promise(point: OperatingPoint, mismatches: Sequence[str]) -> str:
    if mismatches:
        return "not certified: " + "; ".join(mismatches)
    if point.refusal is not None:
        return f"not certified: {point.refusal}"
    return f"proved: at least {point.sensitivity:.1%} of positives reach it ({point.confidence:.0%} confidence)"


def _failed(measure: Measure) -> str:
    return f"{measure.name} is {measure.value:.3g}, below {measure.limit:g}: {measure.advice}"
