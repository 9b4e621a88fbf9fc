from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom

from inspect_ai.calibration import best_effort, prove
from inspect_ai.errors import CalibrationRefused, UsageError

SCORES = st.lists(st.integers(min_value=0, max_value=65536).map(lambda i: i / 65536), min_size=60, max_size=300)


@settings(deadline=None, max_examples=40)
@given(n=st.integers(min_value=59, max_value=2000))
def test_the_promise_holds_and_one_more_miss_would_break_it(n: int) -> None:
    scores = [i / n for i in range(n)]

    proof = prove(scores, sensitivity=0.95, confidence=0.95)

    missed = sum(score < proof.threshold for score in scores)
    bounds = [beta.ppf(0.05, n - m, m + 1) for m in (missed, missed + 1)]
    assert bounds[0] >= 0.95 > bounds[1]
    assert (proof.n_positive, proof.n_missed, proof.n_allowed) == (n, missed, missed)
    assert proof.proved_sensitivity == pytest.approx(bounds[0], abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(scores=SCORES)
def test_ties_fall_to_the_safe_side(scores: list[float]) -> None:
    proof = prove(scores, sensitivity=0.95, confidence=0.95)

    assert proof.threshold in scores
    assert sum(score < proof.threshold for score in scores) == proof.n_missed <= proof.n_allowed
    assert sum(score <= proof.threshold for score in scores) > proof.n_allowed


def test_all_scores_alike_miss_nobody() -> None:
    proof = prove([0.25] * 100, sensitivity=0.95, confidence=0.95)

    assert (proof.threshold, proof.n_missed, proof.n_allowed) == (0.25, 0, 1)


@settings(deadline=None, max_examples=40)
@given(scores=SCORES, seed=st.integers(min_value=0, max_value=2**32 - 1))
def test_order_and_rising_transforms_change_no_decision(scores: list[float], seed: int) -> None:
    proof = prove(scores, sensitivity=0.95, confidence=0.95)
    shuffled = np.random.default_rng(seed).permutation(scores)
    risen = [math.exp(3 * score) for score in scores]

    assert prove(list(shuffled), sensitivity=0.95, confidence=0.95) == proof
    other = prove(risen, sensitivity=0.95, confidence=0.95)
    assert [r >= other.threshold for r in risen] == [s >= proof.threshold for s in scores]


@pytest.mark.parametrize("n", [58, 59, 60, 93])
@pytest.mark.parametrize("levels", [None, 256, 20])
def test_over_many_calibrations_the_promise_is_kept_as_often_as_said(n: int, levels: int | None) -> None:
    """20,000 calibration sets; scores are uniform, so that the true sensitivity at t is known: P(score >= t)."""
    random, draws = np.random.default_rng(7), 20_000
    if n < 59:
        with pytest.raises(CalibrationRefused):
            prove(list(random.random(n)), sensitivity=0.95, confidence=0.95)
        return
    scores = random.random((draws, n))
    scores = scores if levels is None else np.floor(scores * levels) / levels
    allowed = prove(list(scores[0]), sensitivity=0.95, confidence=0.95).n_allowed
    thresholds = np.sort(scores, axis=1)[:, allowed]
    assert [prove(list(row), sensitivity=0.95, confidence=0.95).threshold for row in scores[:50]] == list(
        thresholds[:50]
    )

    kept = (1.0 - thresholds >= 0.95).mean()  # of a grid score, P(score >= j / levels) is 1 - j / levels as well

    assert kept >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / draws)
    if levels is None:  # and not by being needlessly careful: the exact probability is the binomial tail
        assert kept == pytest.approx(1 - binom.cdf(allowed, n, 0.05), abs=4 * math.sqrt(0.05 * 0.95 / draws))


def test_a_refusal_names_what_would_do_and_what_can_be_proved() -> None:
    with pytest.raises(CalibrationRefused) as refused:
        prove([0.9] * 228, sensitivity=0.987, confidence=0.95)

    said = str(refused.value)
    assert "at least 229 independent positives; there are 228" in said
    assert "prove at most 0.986" in said  # 0.98695, never rounded up to what was asked


def test_confidence_is_said_as_it_was_asked() -> None:
    with pytest.raises(CalibrationRefused, match=r"97\.5 % confidence"):
        prove([0.9] * 5, sensitivity=0.987, confidence=0.975)


def test_after_a_refusal_the_lowest_positive_serves_and_nothing_more_is_claimed() -> None:
    proof = best_effort([0.4, 0.2, 0.9], sensitivity=0.987, confidence=0.95)

    assert (proof.threshold, proof.n_missed) == (0.2, 0)
    assert proof.proved_sensitivity == pytest.approx(0.05 ** (1 / 3))


def test_numpy_arrays_are_scores_too() -> None:
    assert prove(np.linspace(0, 1, 59), sensitivity=0.95, confidence=0.95).threshold == 0.0  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_number_stops_the_calibration(wrong: float) -> None:
    with pytest.raises(UsageError, match="not a number"):
        prove([0.5] * 99 + [wrong], sensitivity=0.95, confidence=0.95)


def test_without_positives_nothing_is_proved() -> None:
    with pytest.raises(UsageError, match="no positive"):
        best_effort([], sensitivity=0.95, confidence=0.95)
