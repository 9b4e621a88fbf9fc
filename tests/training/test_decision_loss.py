"""Losses of the decision equal their published formulas, written in NumPy, also for soft targets."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from inspect_ai.config import Training, checked
from inspect_ai.datasets.samples import IGNORE
from inspect_ai.errors import UsageError
from inspect_ai.training.decision_loss import decision, surprise

LOGITS, SIDES, VOTES = [2.0, -1.0, 0.5, 9.0], [1, 0, 1, IGNORE], [0.75, 0.0, 1.0, 0.0]
P = 1 / (1 + np.exp(-np.array(LOGITS[:3])))
T = np.array(VOTES[:3])


def loss(*, soft: bool = True, **schedule: Any) -> float:
    votes = torch.tensor(VOTES) if soft else None
    return decision(torch.tensor(LOGITS), torch.tensor(SIDES), Training(**schedule), votes).item()


def cross_entropy(t: np.ndarray, p: np.ndarray) -> np.ndarray:
    return np.asarray(-(t * np.log(p) + (1 - t) * np.log(1 - p)))


def test_the_decision_loss_is_the_cross_entropy_of_known_samples_to_their_sides() -> None:
    assert loss(soft=False) == pytest.approx(-math.log(P[0] * (1 - P[1]) * P[2]) / 3)


def test_votes_are_targets_in_the_sides_place_and_smoothing_draws_them_to_a_half() -> None:
    assert loss() == pytest.approx(cross_entropy(T, P).mean())
    assert loss(label_smoothing=0.1) == pytest.approx(cross_entropy(0.9 * T + 0.05, P).mean())


def test_the_focal_loss_weighs_each_sample_by_how_wrong_its_side_is() -> None:
    wrong = np.array([1 - P[0], P[1], 1 - P[2]])

    assert loss(soft=False, focal=2.0) == pytest.approx(float((-(wrong**2) * np.log(1 - wrong)).mean()))


def test_the_generalised_loss_is_that_of_zhang_and_sabuncu() -> None:
    expected = T * (1 - P**0.7) / 0.7 + (1 - T) * (1 - (1 - P) ** 0.7) / 0.7

    assert loss(decision_loss="generalised") == pytest.approx(expected.mean())


def test_the_symmetric_loss_adds_the_answers_cross_entropy_to_the_target() -> None:
    def log(t: np.ndarray) -> np.ndarray:
        return np.asarray(np.maximum(np.log(np.maximum(t, 1e-30)), -4.0))

    expected = 0.1 * cross_entropy(T, P) - (P * log(T) + (1 - P) * log(1 - T))

    assert loss(decision_loss="symmetric") == pytest.approx(expected.mean())


def test_the_bootstrap_loss_believes_the_network_a_twentieth() -> None:
    mixed = 0.95 * T + 0.05 * P

    assert loss(decision_loss="bootstrap") == pytest.approx(cross_entropy(mixed, P).mean())


@pytest.mark.parametrize("kind", ["generalised", "symmetric"])
def test_a_wrong_label_pulls_less_than_by_cross_entropy(kind: str) -> None:
    pulls = []
    for name in ("cross_entropy", kind):
        logits = torch.tensor([8.0], requires_grad=True)
        decision(logits, torch.tensor([0]), Training(decision_loss=name)).backward()
        assert logits.grad is not None
        pulls.append(logits.grad.item())

    assert 0 <= pulls[1] < 0.15 * pulls[0]


@pytest.mark.parametrize("kind", ["cross_entropy", "generalised", "symmetric", "bootstrap"])
def test_logits_beyond_all_bounds_give_finite_losses_and_gradients(kind: str) -> None:
    logits = torch.tensor([300.0, -300.0], requires_grad=True)

    found = decision(logits, torch.tensor([0, 1]), Training(decision_loss=kind))
    found.backward()

    assert logits.grad is not None
    assert torch.isfinite(found)
    assert torch.isfinite(logits.grad).all()


def test_surprise_knows_the_side_alone_and_is_unknown_where_the_side_is() -> None:
    found = surprise(torch.tensor(LOGITS, requires_grad=True), torch.tensor(SIDES))

    assert not found.requires_grad
    assert found[:3].tolist() == pytest.approx([-math.log(P[0]), -math.log(1 - P[1]), -math.log(P[2])])
    assert math.isnan(found[3])


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"focal": 2.0, "decision_loss": "symmetric"}, "set it to 0"),
        ({"mixup": 0.2, "pair_weight": 1.0}, "mixup leaves no picture on one side"),
        ({"mixup": 0.2, "mining": 3.0}, "mixup leaves no picture on one side"),
        ({"mixup": 0.2, "distil_views": "whole"}, "mixup shows two pictures at once"),
    ],
)
def test_settings_that_contradict_each_other_are_refused_with_a_remedy(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        checked(Training, keys, "config.yaml")
