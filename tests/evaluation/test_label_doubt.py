"""Planted label errors come first; neither rare classes nor an honest hard picture are suspected for what they are."""

import numpy as np
import pytest

from inspect_ai.evaluation.label_doubt import doubts, own_averages


def answered(truth: np.ndarray, sure: float = 3.0, seed: int = 0) -> np.ndarray:
    """[N, 2] answers of a good but not perfect network, by the truth."""
    logit = np.random.default_rng(seed).normal(np.where(truth == 1, sure, -sure), 1.0)
    p = 1 / (1 + np.exp(-logit))
    return np.stack([1 - p, p], axis=1)


def test_planted_errors_stand_on_top_and_most_are_found() -> None:
    truth = (np.arange(600) < 200).astype(int)
    planted = {*range(0, 200, 20), *range(200, 600, 40)}  # ten of each side
    given = np.array([1 - t if i in planted else t for i, t in enumerate(truth)])

    found = doubts(answered(truth), given.tolist())

    caught = {doubt.index for doubt in found} & planted
    assert len(caught) >= 15
    assert {doubt.index for doubt in found[: len(caught)]} == caught
    assert all(doubt.likely == truth[doubt.index] for doubt in found if doubt.index in planted)
    assert len(found) <= 2 * len(planted)
    assert [d.suspicion for d in found] == sorted((d.suspicion for d in found), reverse=True)


def test_a_picture_is_suspected_where_it_reaches_the_other_classs_own_average() -> None:
    answers = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.4, 0.6], [0.79, 0.21], [0.81, 0.19]])
    given = [0, 0, 1, 1, 1, 1]

    assert own_averages(answers, given).tolist() == pytest.approx([0.8, 0.45])
    (found,) = doubts(answers, given)  # of four, one of three confident ones is confidently of class 0: 4/3 errors
    assert (found.index, found.likely) == (5, 0)  # 0.81 reaches 0.8; 0.79 does not
    assert found.suspicion == pytest.approx((0.81 - 0.80) - (0.19 - 0.45))


def test_shifting_all_answers_towards_one_side_suspects_nobody_new() -> None:
    truth = (np.arange(400) < 60).astype(int)
    shifted = answered(truth, seed=1)
    logit = np.log(shifted[:, 1] / shifted[:, 0]) + 2.0  # a network that saw too many positives
    p = 1 / (1 + np.exp(-logit))

    found = doubts(np.stack([1 - p, p], axis=1), truth.tolist())

    assert len(found) < 30


def test_a_class_that_nobody_bears_is_never_likely() -> None:
    answers = np.array([[0.1, 0.2, 0.7], [0.6, 0.3, 0.1], [0.2, 0.5, 0.3]])

    assert 2 not in {doubt.likely for doubt in doubts(answers, [0, 0, 1])}
    assert doubts(np.zeros((0, 3)), []) == []


def test_a_single_error_is_found_though_a_sure_network_is_surer_of_the_others() -> None:
    answers = np.array([[0.999, 0.001]] * 9 + [[0.99, 0.01]] + [[0.001, 0.999]] * 9)
    given = [0] * 9 + [1] * 10

    assert [doubt.index for doubt in doubts(answers, given)] == [9]
