"""Calibration error and Brier score by hand, Platt's map by what it must undo, and folds that keep groups apart."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from inspect_ai.evaluation.reliability import cross_fitted, log_odds, platt, reliability


def test_calibration_error_and_brier_score_of_four_pictures_are_those_done_by_hand() -> None:
    found = reliability(np.array([0.1, 0.3, 0.6, 0.8]), np.array([False, True, True, True]), bins=2)

    # two bins: 0.1 and 0.3 say 0.2 and half are positive; 0.6 and 0.8 say 0.7 and all are
    assert [(round(b.said, 9), b.seen.k, b.seen.n) for b in found.bins] == [(0.2, 1, 2), (0.7, 2, 2)]
    assert found.calibration_error == pytest.approx((0.3 + 0.3) / 2)
    assert found.brier == pytest.approx((0.01 + 0.49 + 0.16 + 0.04) / 4)


def test_equal_scores_share_one_bin_and_every_picture_is_in_one() -> None:
    found = reliability(np.array([0.5] * 90 + [0.9] * 10), np.zeros(100, bool))

    assert sorted(b.seen.n for b in found.bins) == [10, 90]


def test_a_constant_score_makes_a_single_bin() -> None:
    (only,) = reliability(np.full(8, 0.25), np.array([True, False] * 4)).bins

    assert (only.said, only.seen.n) == (0.25, 8)


def test_platts_map_is_a_logistic_regression_on_log_odds_where_there_is_much_data() -> None:
    random = np.random.default_rng(0)
    odds = random.normal(0, 2, 4000)
    positive = random.random(4000) < 1 / (1 + np.exp(-(0.5 * odds - 1)))

    slope, offset = platt(odds, positive)

    free = LogisticRegression(C=np.inf).fit(odds[:, None], positive)
    assert slope == pytest.approx(float(free.coef_[0, 0]), abs=0.01)
    assert offset == pytest.approx(float(free.intercept_[0]), abs=0.01)


def test_overconfident_scores_mean_more_after_the_map_than_before() -> None:
    random = np.random.default_rng(1)
    true_odds = random.normal(0, 1.5, 600)
    positive = random.random(600) < 1 / (1 + np.exp(-true_odds))
    score = 1 / (1 + np.exp(-3 * true_odds))

    mapped = cross_fitted(score, positive, [f"tile{i}" for i in range(600)])

    assert mapped is not None
    assert reliability(mapped, positive).calibration_error < 0.5 * reliability(score, positive).calibration_error


def test_no_label_of_a_group_reaches_the_map_of_its_own_pictures() -> None:
    random = np.random.default_rng(2)
    groups = [f"patient{i // 2}" for i in range(80)]
    positive = np.array([i % 2 == 0 for i in range(80)])  # of each patient one eye
    score = np.clip(random.normal(0.4 + 0.2 * positive, 0.2), 0.01, 0.99)
    mine = np.array([g == "patient7" for g in groups])
    swapped = np.where(mine, ~positive, positive)  # the other eye

    first, second = cross_fitted(score, positive, groups), cross_fitted(score, swapped, groups)

    assert first is not None
    assert second is not None
    same = first == second
    assert same[mine].all()
    assert 12 < same.sum() < 20  # its fold of about 8 patients keeps its map; the other folds' maps change


@pytest.mark.parametrize("groups", [["one"] * 6, ["a", "a", "a", "b", "b", "b"]])
def test_too_few_groups_give_no_map_rather_than_one_fitted_on_itself(groups: list[str]) -> None:
    positive = np.array([True, True, True, False, False, False])

    assert cross_fitted(np.linspace(0.9, 0.1, 6), positive, groups) is None


def test_log_odds_of_the_ends_are_finite() -> None:
    low, middle, high = log_odds(np.array([0.0, 0.5, 1.0]))

    assert np.isfinite([low, high]).all()
    assert middle == 0.0
    assert low == -high
