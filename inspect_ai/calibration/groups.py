"""From several pictures of one patient, tile or lesion to one independent score: what the proof counts.

Pictures of one group resemble each other. Counted singly they prove too much: with two identical pictures a patient, a
promise at 95 % confidence holds with 78 % only. So each positive group gives one score, and which one decides what the
proof says.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from enum import StrEnum

from inspect_ai.errors import UsageError


class GroupScore(StrEnum):
    """Which score stands for a positive group, and the statement that a proof over such scores makes."""

    LOWEST = "lowest"  # of its positive pictures. Proves: EVERY positive picture of a positive group reaches the line
    HIGHEST = "highest"  # of all its pictures. Proves: a positive group is flagged when ANY of its pictures is


def per_group(
    scores: Sequence[float],
    groups: Sequence[Hashable],
    positive: Sequence[bool],
    rule: GroupScore = GroupScore.LOWEST,
) -> list[float]:
    """One score for each group that holds a positive, in order of first appearance; three columns, one row a picture.

    LOWEST is for decisions on single pictures and is the safe one there: a lower threshold only finds more. HIGHEST is
    for decisions on whole groups and void where single pictures are decided. Raises UsageError for a score that is no
    number and for an empty group name, ValueError for columns of different lengths.
    """
    shares: dict[Hashable, list[float]] = {}
    with_positive: dict[Hashable, None] = {}
    for score, group, is_positive in zip(scores, groups, positive, strict=True):
        _check(score, group)
        if is_positive:
            with_positive[group] = None
        if is_positive or rule is GroupScore.HIGHEST:
            shares.setdefault(group, []).append(float(score))
    one = min if rule is GroupScore.LOWEST else max
    return [one(shares[group]) for group in with_positive]


def _check(score: float, group: Hashable) -> None:
    if not math.isfinite(score):
        raise UsageError(f"A calibration score of group {group!r} is not a number; leave no picture without a score.")
    if group is None or group == "":
        raise UsageError("A calibration picture has no group; fill the column, or name each picture its own group.")
