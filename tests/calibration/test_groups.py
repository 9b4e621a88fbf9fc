from __future__ import annotations

import math

import numpy as np
import pytest

from inspect_ai.calibration import GroupScore, per_group, prove
from inspect_ai.errors import UsageError

ROWS = [("b", 0.9, True), ("a", 0.3, True), ("b", 0.2, True), ("a", 0.8, False), ("c", 0.99, False), ("b", 0.1, False)]
GROUPS, SCORES, POSITIVE = zip(*ROWS, strict=True)


def test_the_lowest_positive_picture_stands_for_its_group() -> None:
    assert per_group(SCORES, GROUPS, POSITIVE) == [0.2, 0.3]


def test_for_whole_groups_the_highest_picture_stands_whatever_its_own_label() -> None:
    assert per_group(SCORES, GROUPS, POSITIVE, GroupScore.HIGHEST) == [0.9, 0.8]


def test_groups_without_positive_do_not_count() -> None:
    assert per_group([0.5], ["c"], [False], GroupScore.HIGHEST) == []


def test_a_patient_who_is_there_twice_changes_nothing() -> None:
    scores = list(np.random.default_rng(3).random(80))
    patients = list(range(80))
    once = prove(per_group(scores, patients, [True] * 80), sensitivity=0.95, confidence=0.95)
    twice = prove(per_group(scores * 2, patients * 2, [True] * 160), sensitivity=0.95, confidence=0.95)

    assert twice == once


def test_two_like_pictures_a_patient_break_the_promise_and_groups_mend_it() -> None:
    """10,000 calibrations of 59 positives: counted singly, thirty patients' pictures prove what only 59 can."""
    patients = np.random.default_rng(5).random((10_000, 30))
    singly = np.sort(np.repeat(patients, 2, axis=1)[:, :59], axis=1)[:, 0]  # 0 misses of 59 allowed
    kept = (1.0 - singly >= 0.95).mean()

    assert kept < 0.85
    counted = per_group(list(np.repeat(patients[0], 2)[:59]), [i // 2 for i in range(59)], [True] * 59)
    with pytest.raises(UsageError, match="at least 59 independent positives; there are 30"):
        prove(counted, sensitivity=0.95, confidence=0.95)


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_a_score_that_is_no_number_is_found_before_it_hides_in_a_minimum(wrong: float) -> None:
    with pytest.raises(UsageError, match="not a number"):
        per_group([0.4, wrong], ["a", "a"], [True, True])


@pytest.mark.parametrize("nobody", [None, ""])
def test_a_picture_without_a_group_is_refused(nobody: str | None) -> None:
    with pytest.raises(UsageError, match="no group"):
        per_group([0.4], [nobody], [True])


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError):
        per_group([0.4, 0.5], ["a"], [True, True])
