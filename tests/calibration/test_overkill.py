from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom

from inspect_ai.calibration import GroupScore
from inspect_ai.calibration.overkill import (
    best_effort_overkill,
    line_above,
    negatives_per_group,
    prove_overkill,
    proves_overkill,
)
from inspect_ai.decide import GRID, decide
from inspect_ai.domain import Outcome
from inspect_ai.errors import CalibrationRefused, UsageError
from tests.support.points import make_point

SCORES = st.lists(st.integers(min_value=0, max_value=65536).map(lambda i: i / 65536), min_size=30, max_size=200)


@settings(deadline=None, max_examples=40)
@given(n=st.integers(min_value=14, max_value=2000))
def test_the_share_is_proved_and_one_more_flag_would_break_it(n: int) -> None:
    scores = [i / n for i in range(n)]

    proof = prove_overkill(scores, overkill=0.2, confidence=0.95)

    flagged = sum(score > proof.above for score in scores)
    bounds = [beta.ppf(0.95, m + 1, n - m) for m in (flagged, flagged + 1)]  # Clopper-Pearson, from above
    assert bounds[0] <= 0.2 < bounds[1]
    assert (proof.n_negative, proof.n_flagged, proof.n_allowed) == (n, flagged, flagged)
    assert proof.proved_overkill == pytest.approx(bounds[0], abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(scores=SCORES)
def test_ties_at_the_line_are_not_flagged(scores: list[float]) -> None:
    proof = prove_overkill(scores, overkill=0.2, confidence=0.95)

    assert proof.above in scores
    assert sum(score > proof.above for score in scores) == proof.n_flagged <= proof.n_allowed
    assert sum(score >= proof.above for score in scores) > proof.n_allowed


@settings(deadline=None, max_examples=40)
@given(scores=SCORES, seed=st.integers(min_value=0, max_value=2**32 - 1))
def test_order_and_rising_transforms_flag_the_same_negatives(scores: list[float], seed: int) -> None:
    proof = prove_overkill(scores, overkill=0.2, confidence=0.95)
    risen = [math.exp(3 * score) for score in scores]

    shuffled = np.random.default_rng(seed).permutation(scores)
    assert prove_overkill(list(shuffled), overkill=0.2, confidence=0.95) == proof
    other = prove_overkill(risen, overkill=0.2, confidence=0.95)
    assert [r > other.above for r in risen] == [s > proof.above for s in scores]


@pytest.mark.parametrize("levels", [None, 20])
def test_over_many_calibrations_the_share_is_kept_as_often_as_said(levels: int | None) -> None:
    """20,000 calibrations of 60 uniform negatives; the true share above the line is known."""
    draws, n = 20_000, 60
    scores = np.random.default_rng(11).random((draws, n))
    scores = scores if levels is None else np.floor(scores * levels) / levels
    allowed = prove_overkill(list(scores[0]), overkill=0.2, confidence=0.95).n_allowed
    lines = np.sort(scores, axis=1)[:, n - 1 - allowed]
    assert [prove_overkill(list(row), overkill=0.2, confidence=0.95).above for row in scores[:50]] == list(lines[:50])

    flagged = 1.0 - lines if levels is None else 1.0 - (lines + 1 / levels)  # P(score > line)
    kept = (flagged <= 0.2 + 1e-12).mean()

    assert kept >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / draws)
    if levels is None:
        assert kept == pytest.approx(1 - binom.cdf(allowed, n, 0.2), abs=0.007)


@settings(deadline=None, max_examples=40)
@given(scores=SCORES)
def test_at_work_no_more_negatives_are_flagged_than_were_counted(scores: list[float]) -> None:
    """The one place that compares takes a score one step below a line as reaching it; the line allows for that."""
    proof = prove_overkill(scores, overkill=0.2, confidence=0.95)
    line = min(line_above(proof.above, GRID), 1.0)
    point = make_point(
        task="t", clear_below=0.0, flag_from=line, sensitivity=0.9, confidence=0.95, n_positive=9, n_missed=0,
        proved_sensitivity=0.5, covers="", model_sha256="", config_sha256="", engine="", calibration_sha256="",
    )  # fmt: skip

    flagged = [decide(score, point).outcome is Outcome.FLAG for score in scores]

    if line < 1.0:
        assert flagged == [score > proof.above for score in scores]


def test_a_line_is_above_its_score_even_where_floats_are_coarsest() -> None:
    for above in (0.0, 0.5 - GRID, 0.5, 1.0 - 3 * GRID):
        line = line_above(above, GRID)
        assert above < line - GRID <= above + GRID
    assert line_above(0.5, 0.0) == math.nextafter(0.5, 1.0)


def test_a_refusal_names_the_negatives_that_would_do() -> None:
    with pytest.raises(CalibrationRefused, match="at least 14 independent negatives; there are 13") as refused:
        prove_overkill([0.1] * 13, overkill=0.2, confidence=0.95)

    assert beta.ppf(0.95, 1, 13) == pytest.approx(0.2058, abs=1e-4)
    assert "no less than 0.206" in str(refused.value)
    assert prove_overkill([0.1] * 14, overkill=0.2, confidence=0.95).n_allowed == 0
    assert best_effort_overkill([0.1, 0.4], overkill=0.2, confidence=0.95).above == 0.4


def test_a_share_counts_as_it_was_typed() -> None:
    assert proves_overkill(0, 1, 0.7, 0.7)  # P(Binomial(1, 0.7) = 0) = 0.3, exactly the doubt


PICTURES = [("a", 0.2, False), ("a", 0.7, False), ("b", 0.9, True), ("b", 0.4, False), ("c", 0.3, False)]
UNITS, VALUES, POSITIVE = zip(*PICTURES, strict=True)


def test_the_highest_negative_picture_stands_for_its_unit() -> None:
    assert negatives_per_group(VALUES, UNITS, POSITIVE, GroupScore.LOWEST) == [0.7, 0.4, 0.3]


def test_a_study_with_a_positive_is_no_negative_study() -> None:
    assert negatives_per_group(VALUES, UNITS, POSITIVE, GroupScore.HIGHEST) == [0.7, 0.3]


def test_a_unit_that_is_there_twice_changes_no_line() -> None:
    assert negatives_per_group(VALUES * 2, UNITS * 2, POSITIVE * 2, GroupScore.LOWEST) == [0.7, 0.4, 0.3]


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_a_score_that_is_no_number_is_refused(wrong: float) -> None:
    with pytest.raises(UsageError, match="not a number"):
        prove_overkill([0.5] * 99 + [wrong], overkill=0.2, confidence=0.95)
    with pytest.raises(UsageError, match="not a number"):
        negatives_per_group([wrong, 0.9], ["a", "a"], [False, False], GroupScore.LOWEST)


@pytest.mark.parametrize("wrong", [0.0, 1.0, 20.0, math.nan])
def test_a_share_outside_0_to_1_is_refused(wrong: float) -> None:
    with pytest.raises(UsageError, match="overkill must lie between 0 and 1"):
        prove_overkill([0.5] * 99, overkill=wrong, confidence=0.95)


def test_without_negatives_nothing_is_proved() -> None:
    with pytest.raises(UsageError, match="no negative unit"):
        prove_overkill([], overkill=0.2, confidence=0.95)
