"""Curves over thresholds, compared with scikit-learn's and with scipy's beta distribution."""

import numpy as np
import pytest
from scipy.stats import beta
from sklearn.metrics import precision_recall_curve, roc_curve

from inspect_ai.evaluation.curves import Share, best_cost, curve, escape_weight, expected_cost, units_with

RANDOM = np.random.default_rng(4)
POSITIVE = RANDOM.random(300) < 0.3
TIED = np.round(np.clip(RANDOM.normal(0.4 + 0.2 * POSITIVE, 0.15), 0, 1), 2).astype(
    np.float64
)  # about 80 distinct values


def test_every_point_of_the_roc_is_one_of_scikit_learns() -> None:
    found = curve(TIED, POSITIVE)

    false_alarms, sensitivity, thresholds = roc_curve(POSITIVE, TIED, drop_intermediate=False)

    np.testing.assert_allclose(found.false_alarms, false_alarms)
    np.testing.assert_allclose(found.sensitivity, sensitivity)
    np.testing.assert_array_equal(found.threshold, thresholds)


def test_precision_and_recall_are_scikit_learns() -> None:
    found = curve(TIED, POSITIVE)

    precision, recall, _ = precision_recall_curve(POSITIVE, TIED)

    np.testing.assert_allclose(found.precision[::-1], precision)
    np.testing.assert_allclose(found.sensitivity[::-1], recall)


@pytest.mark.parametrize("threshold", [0.0, 0.37, 0.4, 0.401, 1.0, 2.0])
def test_what_reaches_a_threshold_is_counted_with_equal_scores(threshold: float) -> None:
    hits, alarms = curve(TIED, POSITIVE).at(threshold)

    assert (hits.k, hits.n) == (int((TIED[POSITIVE] >= threshold).sum()), int(POSITIVE.sum()))
    assert (alarms.k, alarms.n) == (int((TIED[~POSITIVE] >= threshold).sum()), int((~POSITIVE).sum()))


@pytest.mark.parametrize(("k", "n"), [(0, 48), (7, 48), (48, 48), (1, 2)])
def test_the_corners_of_a_box_are_quantiles_of_beta_distributions(k: int, n: int) -> None:
    low, high = Share(k=k, n=n).interval

    assert low == pytest.approx(beta.ppf(0.025, k, n - k + 1) if k else 0.0)
    assert high == pytest.approx(beta.ppf(0.975, k + 1, n - k) if k < n else 1.0)


def test_the_best_cost_is_the_lowest_that_any_threshold_reaches() -> None:
    found, weights = curve(TIED, POSITIVE), np.array([0.0, 0.2, 0.5, 1.0])

    by_hand = [
        min(
            w * (TIED[POSITIVE] < t).mean() + (1 - w) * (TIED[~POSITIVE] >= t).mean()
            for t in [*np.unique(TIED).tolist(), 2.0]
        )
        for w in weights
    ]

    np.testing.assert_allclose(best_cost(found, weights), by_hand)


def test_the_weight_of_escapes_puts_prevalence_and_cost_together() -> None:
    # of 1000 parts 10 are bad; an escape costs 99 overkills: 10 * 99 against 990 * 1
    assert escape_weight(0.01, 99.0) == pytest.approx(0.5)
    assert expected_cost(0.1, 0.3, 0.5) == pytest.approx(0.2)


def test_a_unit_counts_once_however_many_pictures_it_has() -> None:
    units = ["a", "a", "b", "b", "c"]
    among = [True, True, True, False, False]

    assert units_with([True, True, False, True, True], units, among) == Share(k=1, n=2)
