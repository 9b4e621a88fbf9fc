"""Free-response measures against counting by hand."""

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from benchmarks.statistics import auc_of
from benchmarks.volumes.froc import auc_over, estimated, gain, sensitivity, threshold_at, tubes_passed
from benchmarks.volumes.results import Fold


def fold(nodules: list[float], alarms: list[float], *, scans: int = 2, **other: object) -> Fold:
    values: dict[str, object] = {
        "tubes": [],
        "twins": [],
        "met": [True] * len(nodules),
        "diameters_mm": [5.0] * len(nodules),
    } | other
    return Fold(
        nodules=np.array(nodules),
        alarms=np.array(alarms),
        tubes=np.array(values["tubes"], float),
        twins=np.array(values["twins"], float),
        met=np.array(values["met"], bool),
        diameters_mm=np.array(values["diameters_mm"], float),
        scans=scans,
    )


@pytest.mark.parametrize(
    ("rate", "found"),
    [
        (0.0, 1),  # no alarm: above 0.9 lies 0.95 alone
        (0.5, 2),  # one alarm in two scans, 0.9: what lies above the next, 0.8
        (0.9, 2),  # 1.8 alarms are one
        (1.0, 3),  # two alarms: above 0.5
        (1.5, 3),  # three alarms: above 0.2; 0.1 is still below
        (2.0, 4),  # all four alarms: everything
    ],
)
def test_sensitivity_at_so_many_alarms_a_scan_is_what_a_hand_counts(rate: float, found: int) -> None:
    one = fold([0.95, 0.85, 0.6, 0.1], [0.9, 0.5, 0.2, 0.8])
    assert sensitivity([one], rate) == found / 4


def test_a_scorer_that_gives_everything_one_value_finds_nothing_until_every_alarm_is_allowed() -> None:
    flat = fold([0.5] * 6, [0.5] * 8)
    assert [sensitivity([flat], rate) for rate in (0.0, 1.0, 3.9, 4.0)] == [0, 0, 0, 1]


def test_a_nodule_that_ties_with_the_first_alarm_too_many_is_missed() -> None:
    assert sensitivity([fold([0.7, 0.6], [0.8, 0.6], scans=1)], 1.0) == 0.5
    assert sensitivity([fold([0.7, 0.6], [0.7, 0.7], scans=1)], 1.0) == 0.0  # two alarms at one height come together


def test_a_diameter_belongs_to_the_band_that_starts_with_it() -> None:
    sizes = fold([0.9, 0.9, 0.1], [0.5], scans=1, diameters_mm=[3.0, 6.0, 6.0])
    assert sensitivity([sizes], 0.0, (3.0, 6.0)) == 1.0
    assert sensitivity([sizes], 0.0, (6.0, 10.0)) == 0.5
    assert math.isnan(sensitivity([sizes], 0.0, (10.0, 20.0)))


def test_what_the_finder_does_not_meet_is_missed_end_to_end_whatever_its_score() -> None:
    one = fold([0.9, 0.8, 0.1, 0.7], [0.5], scans=1, met=[True, False, True, True])
    assert sensitivity([one], 0.0) == 0.75
    assert sensitivity([one], 0.0, end_to_end=True) == 0.5
    assert sensitivity([one], math.inf, end_to_end=True) == 0.75


def test_each_fold_has_its_own_threshold_since_two_networks_score_on_two_scales() -> None:
    low, high = fold([1.0, -1.0], [0.0], scans=1), fold([101.0, 99.0], [100.0], scans=1)
    assert sensitivity([low, high], 0.0) == 0.5
    assert (threshold_at(low.alarms, 1, 0.0), threshold_at(high.alarms, 1, 0.0)) == (0.0, 100.0)
    assert auc_over([low, high], lambda f: f.alarms) == 0.5  # 1 > 0, -1 < 0, 101 > 100, 99 < 100


def test_made_vessels_are_counted_above_the_threshold_that_real_candidates_set() -> None:
    one = fold([0.9], [0.5, 0.4], scans=1, tubes=[0.6, 0.45, 0.4], twins=[0.1])
    assert tubes_passed([one], 0.0) == 0.25
    assert tubes_passed([one], 1.0) == 0.5  # above 0.4, not at it
    assert tubes_passed([one], 2.0) == 1.0


def test_auc_is_scikit_learns_on_scores_with_ties() -> None:
    random = np.random.default_rng(1)
    positives, negatives = random.integers(2, 9, 60).astype(float), random.integers(0, 7, 80).astype(float)
    truth = np.r_[np.ones(60), np.zeros(80)]
    assert auc_of(positives, negatives) == pytest.approx(roc_auc_score(truth, np.r_[positives, negatives]))
    assert auc_of(np.array([1.0]), np.array([1.0, 0.0])) == 0.75


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    covered = 0
    for trial in range(60):
        one = fold((random.random(50) < 0.7).astype(float).tolist(), [0.5] * 20, scans=20)
        found = estimated([one], lambda folds: sensitivity(folds, 0.0), 50, seed=trial, draws=200)
        covered += found.low <= 0.7 <= found.high
    assert 51 <= covered <= 60


def test_a_scorer_gains_nothing_over_itself_and_a_better_one_surely() -> None:
    random = np.random.default_rng(3)
    good, alarms = random.normal(2, 1, 80), random.normal(0, 1, 80)
    better, same = fold(good.tolist(), alarms.tolist()), fold((good - 1.5).tolist(), alarms.tolist())
    none = gain([same], [same], lambda folds: auc_over(folds, lambda f: f.alarms), 80, draws=100)
    some = gain([better], [same], lambda folds: auc_over(folds, lambda f: f.alarms), 80, draws=100)
    assert (none.value, none.low, none.high) == (0, 0, 0)
    assert 0 < some.low <= some.value <= some.high
