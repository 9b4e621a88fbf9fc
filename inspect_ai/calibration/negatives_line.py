"""Line at a price: set by negatives alone, then proved by positives that had no part in its choice.

The line is an order statistic of the negatives' scores, one for each unit that holds no positive: the lowest line that
at most a share of them reaches. Given that line, the positives' misses are binomial, and the exact lower bound of
Clopper and Pearson holds at its full confidence: to choose by negatives is to choose without a look at what proves.
(Set the other way, by positives, the same sensitivity would have had to be named before anybody looked.) Negatives of a
unit that holds a positive too do not count here: they look like that positive, and would make the line depend on it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from inspect_ai.calibration.bounds import lower_bound, upper_bound
from inspect_ai.calibration.groups import Units
from inspect_ai.calibration.overkill import line_above, ordered_negatives, prove_overkill
from inspect_ai.errors import CalibrationRefused, UsageError
from inspect_ai.operating_point import FalseAlarmProof, SensitivityProof

DIGITS = 1000  # a bound is promised to three digits, rounded down


def negatives_line(
    negatives: Sequence[float], *, share: float, confidence: float, proved: bool, step: float, highest: float
) -> tuple[float, FalseAlarmProof]:
    """Lowest line that at most `share` of the negatives reaches, and what they prove about it.

    proved: at most that share of all negatives to come, at the confidence; otherwise of these negatives, and what is
    proved is more. step: distance below a line at which a score still reaches it. Raises UsageError without negatives
    and for a share outside 0..1, CalibrationRefused where too few are there and where no line keeps the share.
    """
    if not negatives:
        raise UsageError(
            "There is no unit without a positive among the calibration pictures, so no negative can set a line. "
            "Ask for a sensitivity, or add negatives that are units of their own."
        )
    falling = ordered_negatives(negatives, share, confidence)
    if proved:
        allowed = prove_overkill(falling, overkill=share, confidence=confidence).n_allowed
    else:
        allowed = math.floor(Fraction(repr(float(share))) * len(falling))  # of the decimal as typed
    line = line_above(falling[allowed], step)
    if line > highest:
        raise CalibrationRefused(
            f"{sum(line_above(score, step) > highest for score in falling)} of {len(falling)} negatives have the "
            f"highest score that there is, so no line is reached by at most {share:g} of them. Allow more of them."
        )
    bound = upper_bound(allowed, len(falling), confidence)
    asked = f"{share:g} was asked of the calibration negatives; of those to come at most {_up(bound)} is proved"
    return line, FalseAlarmProof(
        overkill=share,
        n_negative=len(falling),
        n_flagged=sum(score >= line - step for score in falling),
        proved_overkill=bound,
        overkill_refusal=None if proved else f"{asked}.",
    )


def proof_at(line: float, units: Units, *, confidence: float, group_score: str) -> SensitivityProof:
    """Highest sensitivity, to three digits, that the positives prove at a line that they did not choose.

    Raises CalibrationRefused where that is none.
    """
    missed = sum(score < line for score in units.scores)
    bound = lower_bound(units.n - missed, units.n, confidence)
    promised = math.floor(DIGITS * bound) / DIGITS
    if promised <= 0.0:
        raise CalibrationRefused(
            f"{missed} of {units.n} positives lie below that line: no sensitivity is proved at this price. "
            f"Allow more of the negatives, or use a better model."
        )
    return SensitivityProof(
        sensitivity=promised,
        confidence=confidence,
        group_score=group_score,
        n_positive=units.n,
        n_missed=missed,
        proved_sensitivity=bound,
        n_abstained=units.abstained,
    )


def _up(share: float) -> str:
    return f"{math.ceil(DIGITS * share) / DIGITS:.3f}"
