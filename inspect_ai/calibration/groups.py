"""Reduction of several pictures of one patient, tile or lesion to one independent score, the unit of the proof.

Pictures of one group resemble each other. Counted singly they prove too much: with two identical pictures a patient, a
promise at 95 % confidence holds with 78 % only. So each positive group gives one score; the choice of that score
determines the statement that is proved.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from inspect_ai.errors import UsageError


class GroupScore(StrEnum):
    """Score that represents a positive group, and the statement that a proof over such scores makes."""

    LOWEST = "lowest"  # of its positive pictures. Proves: EVERY positive picture of a group reaches the threshold
    HIGHEST = "highest"  # of all its pictures. Proves: a positive group is flagged when ANY of its pictures is


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """Scores of the positive units that a score can decide, and the number of those left to a person by the gate."""

    scores: tuple[float, ...]
    abstained: int = 0

    @property
    def n(self) -> int:
        """Number of all positive units."""
        return len(self.scores) + self.abstained


def per_group(
    scores: Sequence[float],
    groups: Sequence[Hashable],
    positive: Sequence[bool],
    rule: GroupScore = GroupScore.LOWEST,
) -> list[float]:
    """Score of each group that holds a positive, in order of first appearance; three columns, one row a picture.

    LOWEST is for decisions on single pictures and is the safe one there: a lower threshold only finds more. HIGHEST is
    for decisions on whole groups and void where single pictures are decided. Raises UsageError for a score that is no
    number and for an empty group name, ValueError for columns of different lengths.
    """
    return list(reduced(scores, groups, positive, [True] * len(scores), rule).scores)


def reduced(
    scores: Sequence[float],
    groups: Sequence[Hashable],
    positive: Sequence[bool],
    passed: Sequence[bool],
    rule: GroupScore,
) -> Units:
    """Reduce as `per_group`, with a fourth column: True where the picture passes the quality gate.

    A picture that does not pass is left to a person at work, never cleared, so it cannot be a miss. LOWEST: it drops
    out, and a group without any positive picture left is abstained. HIGHEST: one such picture prevents the whole
    group from being cleared.
    """
    shares: dict[Hashable, list[float]] = {}
    with_positive: dict[Hashable, None] = {}
    handed_over: set[Hashable] = set()
    for score, group, is_positive, passes in zip(scores, groups, positive, passed, strict=True):
        check_row(score, group)
        if is_positive:
            with_positive[group] = None
        if not passes:
            handed_over.add(group)
        elif is_positive or rule is GroupScore.HIGHEST:
            shares.setdefault(group, []).append(float(score))
    one = min if rule is GroupScore.LOWEST else max
    abstained = handed_over if rule is GroupScore.HIGHEST else with_positive.keys() - shares.keys()
    decided = [group for group in with_positive if group not in abstained]
    return Units(scores=tuple(one(shares[group]) for group in decided), abstained=len(with_positive) - len(decided))


def check_row(score: float, group: Hashable) -> None:
    """Check one row. Raises UsageError for a score that is no number and for an empty group name."""
    if not math.isfinite(score):
        raise UsageError(f"A calibration score of group {group!r} is not a number; leave no picture without a score.")
    if group is None or group == "":
        raise UsageError("A calibration picture has no group; fill the column, or name each picture its own group.")
