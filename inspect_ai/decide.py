"""Decision of a score against thresholds, made here alone: outcome, reason, certified or not.

The proof is about `clear_below`: of the positives, at least the promised share scores there or higher, so it is not
cleared. Anything that is no proper score is left to a person, never cleared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from inspect_ai.domain import Measure, Outcome, Verdict
from inspect_ai.operating_point import PROMISES, PROVED_FOR_PHANTOMS, OperatingPoint, ScoreScale, Thresholds

NOT_CERTIFIED = "not certified: "
MOST_DOUBTS = 3  # that one sentence names
GRID = 2.0**-16  # probabilities are compared on it; within one step below a threshold counts as at it, the safe side


def decide(
    score: float | None,
    point: OperatingPoint,
    *,
    mismatches: Sequence[str] = (),
    problems: Sequence[str] = (),
    measures: Sequence[Measure] = (),
    suspended: str | None = None,
    unseen: Sequence[str] = (),
) -> Verdict:
    """Outcome of one study. Problems and failed measures come first: a score must not hide them.

    mismatches: reasons why no certificate holds for the deployed files (certificates/deployment.py); they cost the
    certificate only. problems: reasons against deciding this study. measures: the quality gate. suspended: the reason
    why nothing is cleared without a person for now; a would-be clear study is left to one, and no promise is made.
    unseen: parts of the object that the study does not show; what is there may be flagged, and nothing is cleared.
    A phantom point certifies no decision: its reason says what is proved for phantoms.
    """
    why = [*problems, *(failure(measure) for measure in measures if not measure.passed)]
    if not why:
        why = _no_score(score, point.thresholds.score_scale)
    if why or score is None:
        return Verdict(outcome=Outcome.ABSTAIN, reason="; ".join(why), certified=False)
    outcome, where = _place(score, point.thresholds)
    if unseen and outcome is Outcome.CLEAR:
        return Verdict(outcome=Outcome.ABSTAIN, reason=f"{where}, but {'; '.join(unseen)}", certified=False)
    doubts = _doubts(point, mismatches, suspended)
    if suspended is not None and outcome is Outcome.CLEAR:
        outcome, where = Outcome.ABSTAIN, f"{where}, but a person must look"
    promise = f"{NOT_CERTIFIED}{'; '.join(doubts)}" if doubts else point.promise
    return Verdict(outcome=outcome, reason=f"{where}; {promise}", certified=not doubts and not point.phantom)


def parted(reason: str) -> tuple[str, str]:
    """Part the reason of a verdict into what is said of the study, and the sentence about its certificate or ""."""
    found = [at for start in (NOT_CERTIFIED, *PROMISES) if (at := reason.find(f"; {start}")) >= 0]
    return (reason, "") if not found else (reason[: min(found)], reason[min(found) + 2 :])


def for_phantoms(reason: str) -> bool:
    """Tell whether the reason of a verdict promises something for phantoms."""
    return parted(reason)[1].startswith(PROVED_FOR_PHANTOMS)


def reaches(score: float, threshold: float, lines: Thresholds) -> bool:
    """Tell whether a score counts as reaching a threshold: a probability within one step below it does."""
    return score >= threshold - step(lines)


def step(lines: Thresholds) -> float:
    """The distance below a line at which a score still counts as reaching it, the safe side."""
    return GRID if lines.score_scale is ScoreScale.PROBABILITY else 0.0


def lowest_flagged(lines: Thresholds) -> float:
    """The lowest score that is not cleared, one step below the line where a score on the grid counts as reaching it."""
    return lines.clear_below - step(lines)


def _no_score(score: float | None, scale: ScoreScale) -> list[str]:
    """The reason why nothing can be decided by this score, if there is one."""
    if score is None or not math.isfinite(score):
        return ["the score is not a number"]
    if scale is ScoreScale.PROBABILITY and not 0.0 <= score <= 1.0:
        return [f"the score {score:g} does not lie between 0 and 1"]
    return []


def _place(score: float, lines: Thresholds) -> tuple[Outcome, str]:
    """Side of each threshold."""
    near = step(lines)
    score = round(score / near) * near if near else score
    clear, flag = lines.written(lines.clear_below), lines.written(lines.flag_from)
    scored = f"score {lines.written(score)}"
    if score >= lines.flag_from:
        return Outcome.FLAG, f"{scored} is at or above {flag}"
    if reaches(score, lines.flag_from, lines):
        return Outcome.FLAG, f"{scored} is so close below {flag} that it counts as reaching it"
    if not reaches(score, lines.clear_below, lines):
        return Outcome.CLEAR, f"{scored} is below {clear}"
    return Outcome.ABSTAIN, f"{scored} lies between the lines, {clear} and {flag}: a person must look"


def _doubts(point: OperatingPoint, mismatches: Sequence[str], suspended: str | None) -> list[str]:
    """Reasons why the promise does not hold for the verdict."""
    # The first sentence of a refusal names the lack; the rest is shown once, with the point itself.
    refusal = [] if point.proof.refusal is None else [point.proof.refusal.split(". ")[0]]
    return [*([] if suspended is None else [suspended]), *listed_doubts(mismatches), *refusal]


def listed_doubts(doubts: Sequence[str]) -> list[str]:
    """First doubts of many, and the number of the others: another version of the program differs in every file."""
    more = len(doubts) - MOST_DOUBTS
    if more <= 1:
        return list(doubts)
    return [*doubts[:MOST_DOUBTS], f"and {more} more reasons, which `inspect-ai certificate verify` lists"]


def failure(measure: Measure) -> str:
    """Sentence about a measure that did not pass, with what a person can do."""
    if math.isnan(measure.value):
        return f"{measure.name} could not be measured: {measure.advice}"
    return f"{measure.name} is {measure.value:.3g}, less than {measure.limit:.3g}: {measure.advice}"
