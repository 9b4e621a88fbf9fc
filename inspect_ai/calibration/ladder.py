"""Best of a few named sensitivities that so many positives prove.

Which step is taken follows from the number of positives alone (with groups: the number in each), never from a score.
The thresholds that the steps would have play no part, so nothing was chosen by the scores that prove it, and the proof
at the step that is taken has its full confidence: no doubt is split.
"""

from __future__ import annotations

from collections.abc import Sequence

from inspect_ai.calibration.bounds import misses_allowed, smallest_n
from inspect_ai.calibration.conformal_risk import misses_on_average, smallest_n_on_average
from inspect_ai.calibration.planning import split_confidence
from inspect_ai.operating_point import Guarantee

USUAL = 0.987  # promised where nothing else is asked for and there are positives enough
SHORT = f"the usual {USUAL:g} takes"  # first words on a promise that is lower for want of positives
LADDER = (USUAL, 0.98, 0.97, 0.95, 0.9)


def best_step(counts: Sequence[int], *, confidence: float, guarantee: Guarantee) -> float:
    """First sensitivity of LADDER that so many positives prove, all groups at once; the last where none is proved.

    counts: positive units of each group that is proved by itself; one number where all are proved together.
    """
    return next((step for step in LADDER if not _lacking(counts, step, confidence, guarantee)), LADDER[-1])


def short_of_usual(sensitivity: float, counts: Sequence[int], *, confidence: float, guarantee: Guarantee) -> str:
    """Phrase on a promise that is lower than USUAL because there are too few positives; "" for any other."""
    lacking = _lacking(counts, USUAL, confidence, guarantee)
    if sensitivity >= USUAL or not lacking:
        return ""
    each = "" if len(counts) == 1 else " in each group"
    steps = ", ".join(f"{step:g}" for step in LADDER)
    return (
        f"{SHORT} {_needed(USUAL, len(counts), confidence, guarantee)} positives{each} and "
        f"there are {min(lacking)}, so {sensitivity:g} is promised: the first of {steps} that so many prove"
    )


def _lacking(counts: Sequence[int], sensitivity: float, confidence: float, guarantee: Guarantee) -> list[int]:
    """Those of the counts that prove no such sensitivity."""
    if guarantee is Guarantee.AVERAGE:
        return [n for n in counts if misses_on_average(n, sensitivity) < 0]
    share = split_confidence(confidence, max(len(counts), 1))
    return [n for n in counts if misses_allowed(n, sensitivity, share) < 0]


def _needed(sensitivity: float, groups: int, confidence: float, guarantee: Guarantee) -> int:
    if guarantee is Guarantee.AVERAGE:
        return smallest_n_on_average(sensitivity)
    return smallest_n(0, sensitivity, split_confidence(confidence, max(groups, 1)))
