"""Losses punish what they should, and nothing that is unknown."""

import pytest
import torch

from inspect_ai.config import parse_config
from inspect_ai.datasets.samples import IGNORE
from inspect_ai.model.readout import Readings
from inspect_ai.training.data import Batch
from inspect_ai.training.losses import TaskLoss, attention_off_mask, cells, cumulative

LABELS = [
    {
        "name": "parts",
        "classes": ["good", "bad"],
        "positive": ["bad"],
        "mask_column": "mask",
        "grade_column": "g",
        "grades": 3,
    },
    {"name": "steel", "classes": ["dent", "rust", "scratch"], "positive": ["dent", "rust", "scratch"]},
]


def readings(logits: torch.Tensor) -> Readings:
    heat = torch.full((len(logits), logits.shape[1], 4, 4), 1 / 16)
    return Readings(logits, heat, (heat,), torch.zeros(len(logits), 4, 4), torch.zeros(len(logits), 1))


def batch(positive: int, grade: int, steel: int, mask: int) -> Batch:
    return Batch(
        pixels=torch.zeros(1, 1, 32, 32),
        positive=torch.tensor([positive]),
        classes=torch.tensor([[IGNORE, steel]]),
        grade=torch.tensor([[grade, IGNORE]]),
        mask=torch.full((1, 32, 32), mask, dtype=torch.int8),
    )


def test_a_sample_of_which_nothing_is_known_costs_nothing() -> None:
    config = parse_config({"name": "parts", "labels": LABELS}, "test")

    loss, _ = TaskLoss(config)(readings(torch.randn(1, 6)), batch(IGNORE, IGNORE, IGNORE, IGNORE))

    assert loss.item() == pytest.approx(0.0, abs=1e-6)


def test_each_target_lands_on_its_own_logits() -> None:
    config = parse_config({"name": "parts", "labels": LABELS}, "test")
    assert config.outputs == (
        "positive",
        "parts:grade>=1",
        "parts:grade>=2",
        "steel:dent",
        "steel:rust",
        "steel:scratch",
    )
    for target, row in (
        (batch(1, IGNORE, IGNORE, IGNORE), [0]),
        (batch(IGNORE, 1, IGNORE, IGNORE), [1, 2]),
        (batch(IGNORE, IGNORE, 2, IGNORE), [3, 4, 5]),
    ):
        logits = torch.zeros(1, 6, requires_grad=True)

        TaskLoss(config)(readings(logits), target)[0].backward()

        assert logits.grad is not None
        assert logits.grad[0].nonzero().flatten().tolist() == row


def test_a_higher_grade_asks_for_all_lower_steps() -> None:
    right = torch.tensor([[9.0, 9.0, -9.0]])

    assert cumulative(right, torch.tensor([2])).item() < 0.01
    assert cumulative(right, torch.tensor([0])).item() > 5
    assert cumulative(right, torch.tensor([3])).item() > 2


def test_attention_on_the_mask_is_cheaper_than_beside_it() -> None:
    mask = torch.zeros(1, 32, 32, dtype=torch.int8)
    mask[0, :8, :8] = 1
    on, off = torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)
    on[0, 0, 0, 0] = off[0, 0, 3, 3] = 1.0

    assert attention_off_mask((on,), mask).item() == pytest.approx(0.0, abs=1e-5)
    assert attention_off_mask((off,), mask).item() > 10


def test_one_defect_pixel_makes_its_cell_positive() -> None:
    mask = torch.zeros(1, 32, 32, dtype=torch.int8)
    mask[0, 9, 30] = 1

    assert cells(mask, (4, 4)).nonzero().tolist() == [[0, 1, 3]]


def test_a_pupil_that_agrees_with_its_teacher_pays_nothing_and_one_that_does_not_is_pulled_towards_it() -> None:
    loss, known = TaskLoss(parse_config({"name": "parts", "labels": LABELS}, "test")), batch(1, 1, 2, 0)
    theirs = readings(torch.tensor([[1.0, -1.0, 0.5, 2.0, 0.0, -2.0]]))
    same = readings(theirs.logits.clone())
    other = readings(torch.zeros(1, 6, requires_grad=True))

    away = loss.distil(other, theirs, known)
    away.backward()

    assert loss.distil(same, theirs, known).item() == pytest.approx(0.0, abs=1e-6)
    assert away.item() > 0.1
    assert other.logits.grad is not None
    assert (other.logits.grad.sign() == -theirs.logits.sign())[:, [0, 1, 2, 3, 5]].all()


def test_a_teacher_is_not_asked_where_the_truth_is_unknown() -> None:
    loss = TaskLoss(parse_config({"name": "parts", "labels": LABELS}, "test"))

    unknown = loss.distil(readings(torch.zeros(1, 6)), readings(torch.ones(1, 6)), batch(IGNORE, IGNORE, IGNORE, 0))

    assert unknown.item() == 0.0
