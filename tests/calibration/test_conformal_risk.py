from __future__ import annotations

import math

import numpy as np
import pytest

from inspect_ai.calibration import prove
from inspect_ai.calibration.conformal_risk import (
    average,
    expected_sensitivity,
    misses_on_average,
    smallest_n_on_average,
)
from inspect_ai.errors import CalibrationRefused, UsageError


@pytest.mark.parametrize(("n", "misses"), [(75, -1), (76, 0), (229, 1), (500, 5)])
def test_the_misses_are_those_of_the_published_rule(n: int, misses: int) -> None:
    assert misses_on_average(n, 0.987) == misses


def test_the_rule_is_exact_where_floats_are_not() -> None:
    """alpha (n + 1) = 1 exactly: 0.1 * 10. In floats 1 - 0.9 is less than 0.1, and the floor would fall."""
    assert 1 - 0.9 < 0.1
    assert misses_on_average(9, 0.9) == 0
    assert misses_on_average(8, 0.9) == -1
    assert smallest_n_on_average(0.9) == 9
    assert smallest_n_on_average(0.987) == 76


@pytest.mark.parametrize("levels", [None, 10])
def test_the_average_over_calibrations_is_kept_and_half_of_them_fall_short(levels: int | None) -> None:
    draws, n = 20_000, 60
    scores = np.random.default_rng(2).random((draws, n))
    scores = scores if levels is None else np.floor(scores * levels) / levels
    proof = average(list(scores[0]), sensitivity=0.9)
    lines = np.sort(scores, axis=1)[:, proof.n_allowed]
    assert [average(list(row), sensitivity=0.9).threshold for row in scores[:50]] == list(lines[:50])

    missed = lines  # P(score < line) of a uniform score, on the grid too

    assert missed.mean() <= 0.1 + 3 * missed.std() / math.sqrt(draws)
    if levels is None:
        assert missed.mean() == pytest.approx(1 - expected_sensitivity(proof.n_allowed, n), abs=0.001)
        assert (missed > 0.1).mean() > 0.25  # which is why it is never said with a confidence


def test_it_asks_for_fewer_positives_and_lies_higher_than_the_proof() -> None:
    scores = list(np.random.default_rng(0).random(300))

    weaker, stronger = average(scores, sensitivity=0.95), prove(scores, sensitivity=0.95, confidence=0.95)

    assert weaker.threshold > stronger.threshold
    assert weaker.proved_sensitivity == pytest.approx(1 - 15 / 301)  # 15 = floor(0.05 * 301)


def test_a_refusal_names_what_would_do_and_no_confidence() -> None:
    with pytest.raises(CalibrationRefused, match="at least 76 independent positives; there are 75") as refused:
        average([0.5] * 75, sensitivity=0.987)

    assert "on average over calibrations" in str(refused.value)
    assert "confidence" not in str(refused.value)
    assert "promise at most 0.986" in str(refused.value)


def test_positives_that_the_gate_hands_over_count_as_found() -> None:
    """9 of 19 are abstained: one may be missed on average at 0.9, and it is one of the ten that are scored."""
    proof = average([i / 10 for i in range(10)], sensitivity=0.9, abstained=9)

    assert (proof.n_positive, proof.n_allowed, proof.threshold) == (19, 1, 0.1)


def test_scores_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(UsageError, match="not a number"):
        average([0.5, math.nan], sensitivity=0.9)
