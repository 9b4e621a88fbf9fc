"""Threshold from which scores are flagged, from negatives: the mirror image of threshold.py.

If n independent negatives are exchangeable with those to come, then above the (k+1)-th largest of their scores, where
k is the largest integer with P(Binomial(n, share) <= k) <= delta, lies at most that share of negatives, with
confidence 1 - delta (S. Wilks 1941). A score at that value is not flagged, so ties only flag fewer. One score for each
negative unit, the highest of its pictures: overkill is counted in units, whichever picture flagged them.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from inspect_ai.calibration.bounds import misses_allowed, proves, smallest_n, upper_bound
from inspect_ai.calibration.groups import GroupScore, check_row
from inspect_ai.errors import CalibrationRefused, UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class OverkillProof:
    """Proof of a flag threshold: only scores above `above` may be flagged, and `n_flagged` of `n_negative` are."""

    above: float
    n_negative: int
    n_allowed: int
    n_flagged: int
    proved_overkill: float  # one-sided exact upper bound at the asked confidence, for n_allowed flagged


def prove_overkill(scores: Sequence[float], *, overkill: float, confidence: float) -> OverkillProof:
    """Prove a threshold for at most `overkill` at `confidence` from one score for each independent negative.

    Raises CalibrationRefused if there are too few, naming how many are needed, and UsageError for no score, a score
    that is no number, or a share outside 0..1.
    """
    falling = ordered_negatives(scores, overkill, confidence)
    allowed = misses_allowed(len(falling), spared(overkill), confidence)
    if allowed < 0:
        raise CalibrationRefused(
            f"An overkill of at most {overkill:g} at {100 * confidence:.6g} % confidence needs at least "
            f"{smallest_n(0, spared(overkill), confidence)} independent negatives; there are {len(falling)}, "
            f"which prove no less than {math.ceil(1000 * upper_bound(0, len(falling), confidence)) / 1000:.3f}."
        )
    return _proof(falling, allowed, confidence)


def best_effort_overkill(scores: Sequence[float], *, overkill: float, confidence: float) -> OverkillProof:
    """Threshold to use after a refusal: above the highest negative, which flags none of the given ones.

    Raises as `prove_overkill` does, but never CalibrationRefused.
    """
    return _proof(ordered_negatives(scores, overkill, confidence), 0, confidence)


def proves_overkill(flagged: int, n: int, overkill: float, confidence: float) -> bool:
    """True if `flagged` of `n` negatives prove the share: P(Binomial(n, share) <= flagged) <= 1 - confidence."""
    return proves(flagged, n, spared(overkill), confidence)


def negatives_per_group(
    scores: Sequence[float], groups: Sequence[Hashable], positive: Sequence[bool], rule: GroupScore
) -> list[float]:
    """Highest score of each negative unit, in order of first appearance; three columns, one row a picture.

    Where single pictures are decided (LOWEST), a unit is the negative pictures of one group, positives beside them or
    not; where whole groups are decided (HIGHEST), it is a group without any positive. The gate spares no negative
    here: one that is left to a person still costs time. Raises as groups.reduced does.
    """
    highest: dict[Hashable, float] = {}
    with_positive: set[Hashable] = set()
    for score, group, is_positive in zip(scores, groups, positive, strict=True):
        check_row(score, group)
        if is_positive:
            with_positive.add(group)
        else:
            highest[group] = max(highest.get(group, -math.inf), float(score))
    spoiled = with_positive if rule is GroupScore.HIGHEST else set()
    return [score for group, score in highest.items() if group not in spoiled]


def line_above(above: float, step: float) -> float:
    """Least threshold that no score up to `above` reaches, where one within `step` below it counts as reaching it.

    Two steps: one for that, one for scores that are rounded to the grid of steps before they are compared.
    """
    return above + 2.0 * step if step > 0.0 else math.nextafter(above, math.inf)


def spared(overkill: float) -> float:
    """1 - overkill of the decimal as typed: 0.3 for 0.7, not 0.30000000000000004."""
    return float(1 - Fraction(repr(float(overkill))))


def ordered_negatives(scores: Sequence[float], overkill: float, confidence: float) -> list[float]:
    """Sort the scores from high to low.

    Raises UsageError for none, for one that is no number, and for a share outside 0..1.
    """
    for name, value in (("overkill", overkill), ("confidence", confidence)):
        if not 0.0 < value < 1.0:  # true for NaN too
            raise UsageError(f"The {name} must lie between 0 and 1, for example 0.2; it is {value:g}.")
    falling = sorted((float(score) for score in scores), reverse=True)
    if not falling:
        raise UsageError("There is no negative unit among the calibration pictures; no overkill can be proved.")
    if not all(math.isfinite(score) for score in falling):
        raise UsageError("A calibration score is not a number; find it with `inspect-ai evaluate --scores` first.")
    return falling


def _proof(falling: list[float], allowed: int, confidence: float) -> OverkillProof:
    above = falling[allowed]
    return OverkillProof(
        above=above,
        n_negative=len(falling),
        n_allowed=allowed,
        n_flagged=sum(score > above for score in falling),
        proved_overkill=upper_bound(allowed, len(falling), confidence),
    )
