"""Which value moved: figures against SciPy's and against counting by hand."""

import math

import numpy as np
import pytest
from scipy.stats import ks_2samp, mannwhitneyu

from inspect_ai.monitoring.movement import moment_of_change, movement

RNG = np.random.default_rng(0)
PAIRS = [
    (RNG.standard_normal(300), RNG.standard_normal(80) + 0.7),
    (RNG.integers(0, 4, 200).astype(float), RNG.integers(1, 5, 90).astype(float)),
    (np.zeros(50), np.zeros(20)),
    (np.array([1.0]), np.array([2.0, 3.0])),
]


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_distance_and_probability_agree_with_scipy_for_ties_too(old: np.ndarray, new: np.ndarray) -> None:
    moved = movement("score", old, new)

    assert moved.ks == pytest.approx(ks_2samp(old, new).statistic)
    assert moved.higher == pytest.approx(mannwhitneyu(new, old).statistic / (len(old) * len(new)))


def test_the_stability_index_is_the_one_that_one_counts_by_hand() -> None:
    # halves 50 : 50 become 80 : 20; the reference's own values are bins here
    moved = movement("level", [0.0] * 50 + [1.0] * 50, [0.0] * 80 + [1.0] * 20)

    assert moved.psi == pytest.approx(0.3 * math.log(0.8 / 0.5) - 0.3 * math.log(0.2 / 0.5))


def test_the_stability_index_stays_small_between_two_draws_and_grows_with_the_shift() -> None:
    old = RNG.standard_normal(5000)
    psi = [movement("score", old, RNG.standard_normal(5000) + shift).psi for shift in (0.0, 0.5, 1.0)]

    assert psi[0] < 0.02
    assert 0.15 < psi[1] < 0.4  # δ² for a normal shift, up to the bins: 0.25
    assert 0.6 < psi[2] < 1.3


@pytest.mark.parametrize(
    ("change", "direction"), [(lambda x: x + 1, "up"), (lambda x: x - 1, "down"), (lambda x: 3 * x, "spread")]
)
def test_the_direction_is_said(change, direction: str) -> None:
    old, new = RNG.standard_normal((2, 500))

    moved = movement("focus", old, change(new))

    assert moved.direction == direction
    assert movement("focus", old, old).direction == "unmoved"
    if direction != "spread":
        assert moved.shift_sd == pytest.approx(1 if direction == "up" else -1, abs=0.25)


@pytest.mark.parametrize(("before", "after"), [(400, 30), (50, 300), (100, 100)])
def test_the_moment_of_change_is_found_within_a_few_values(before: int, after: int) -> None:
    found = [
        moment_of_change(np.concatenate([RNG.standard_normal(before), RNG.standard_normal(after) + 2]))
        for _ in range(50)
    ]

    assert abs(np.median(found) - before) <= 2


def test_windows_without_values_have_no_movement() -> None:
    with pytest.raises(ValueError, match="focus needs values before and after"):
        movement("focus", [], [1.0])
    with pytest.raises(ValueError, match="at least 10 values"):
        moment_of_change([1.0] * 9)
