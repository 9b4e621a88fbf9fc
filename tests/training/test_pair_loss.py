"""The loss over pairs equals loops over pairs, and pulls where sensitivity is lost."""

import math
from typing import Any

import pytest
import torch

from inspect_ai.config import Training
from inspect_ai.datasets.samples import IGNORE
from inspect_ai.training.pair_loss import PairLoss


def pair_loss(**keys: Any) -> PairLoss:
    return PairLoss(Training(**{"pair_weight": 1.0, "pair_memory": 0, **keys}))


def by_loops(positives: list[float], negatives: list[float], kind: str) -> float:
    def cost(ahead: float) -> float:
        return math.log1p(math.exp(-ahead)) if kind == "logistic" else max(0.0, 1.0 - ahead) ** 2

    return sum(cost(p - n) for p in positives for n in negatives) / (len(positives) * len(negatives))


@pytest.mark.parametrize("kind", ["logistic", "squared_hinge"])
def test_all_pairs_count_alike_where_the_share_is_the_whole(kind: str) -> None:
    logits, sides = torch.tensor([1.0, -0.5, 2.0, 0.3, 7.0]), torch.tensor([1, 1, 0, 0, IGNORE])

    found = pair_loss(pair_share=1.0, pair_kind=kind)(logits, sides)

    assert found.item() == pytest.approx(by_loops([1.0, -0.5], [2.0, 0.3], kind))


def test_only_the_hardest_share_of_the_positives_is_paired() -> None:
    positives = [3.0, 0.1, 2.0, 5.0, -1.0, 4.0, 6.0, 7.0, 8.0, 9.0]
    logits = torch.tensor([*positives, 0.5, -2.0], requires_grad=True)

    found = pair_loss(pair_share=0.2)(logits, torch.tensor([1] * 10 + [0] * 2))
    found.backward()

    assert found.item() == pytest.approx(by_loops([-1.0, 0.1], [0.5, -2.0], "logistic"))
    assert logits.grad is not None
    assert logits.grad[:10].nonzero().flatten().tolist() == [1, 4]
    assert (logits.grad[10:] > 0).all()  # negatives are pushed down
    assert (logits.grad[[1, 4]] < 0).all()  # the hardest positives up


def test_a_batch_of_one_side_is_paired_with_what_is_remembered() -> None:
    pairs = pair_loss(pair_share=1.0, pair_memory=8)

    alone = pairs(torch.tensor([0.2, -0.4]), torch.tensor([0, 0]))
    with_memory = pairs(torch.tensor([1.0], requires_grad=True), torch.tensor([1]))

    assert alone.item() == 0.0
    assert with_memory.item() == pytest.approx(by_loops([1.0], [0.2, -0.4], "logistic"))


def test_pairs_of_two_remembered_scores_do_not_count() -> None:
    pairs = pair_loss(pair_share=1.0, pair_memory=8)
    pairs(torch.tensor([1.0, 0.0]), torch.tensor([1, 0]))

    found = pairs(torch.tensor([3.0], requires_grad=True), torch.tensor([1]))

    assert found.item() == pytest.approx(by_loops([3.0], [0.0], "logistic"))


def test_a_remembered_positive_that_is_harder_than_the_batchs_own_takes_their_place() -> None:
    pairs = pair_loss(pair_share=0.5, pair_memory=8)
    pairs(torch.tensor([-5.0]), torch.tensor([1]))

    found = pairs(torch.tensor([4.0, 1.0]), torch.tensor([1, 0]))

    assert found.item() == pytest.approx(by_loops([-5.0], [1.0], "logistic"))


def test_the_memory_keeps_the_newest_of_each_side_and_goes_into_checkpoints() -> None:
    pairs, other = pair_loss(pair_memory=2), pair_loss(pair_memory=2)
    for logits in ([1.0, 10.0], [2.0, 20.0], [3.0, 30.0]):
        pairs(torch.tensor(logits, requires_grad=True), torch.tensor([1, 0]))

    other.restore(pairs.state())

    assert (other.positives.tolist(), other.negatives.tolist()) == ([3.0, 2.0], [30.0, 20.0])
    assert not other.positives.requires_grad
