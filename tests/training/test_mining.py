"""Hard samples are drawn more often, within bounds, and suspected labels are not."""

import math

import numpy as np
import pytest
import torch

from inspect_ai.datasets.samples import IGNORE
from inspect_ai.training.data import BalancedSampler
from inspect_ai.training.mining import RunningLosses, running_losses
from tests.training.test_data import sample


def known(sides: list[int], losses: list[float]) -> RunningLosses:
    running = RunningLosses(sides)
    running.update(torch.arange(len(sides)), torch.tensor(sides), torch.tensor(losses, dtype=torch.float64))
    return running


def test_a_hard_sample_is_drawn_in_proportion_to_its_loss_and_no_side_grows() -> None:
    running = known([1, 1, 1, 0, 0], [0.5, 1.0, 1.5, 0.2, 0.2])

    found = running.factors(most=4.0, suspect=0.0)

    assert found.tolist() == pytest.approx([0.5, 1.0, 1.5, 1.0, 1.0])


def test_no_sample_is_drawn_more_than_allowed_nor_less_than_half_as_often_as_its_side() -> None:
    losses = [*np.random.default_rng(0).exponential(size=50), 100.0]

    found = known([1] * 51, losses).factors(most=3.0, suspect=0.0)

    assert found.mean() == pytest.approx(1.0)
    assert (found.min(), found.max()) == (0.5, 3.0)
    assert (np.diff(found[np.argsort(losses)]) >= 0).all()


def test_the_most_surprising_share_of_each_side_is_held_back() -> None:
    losses = [float(i) for i in range(1, 101)]

    found = known([0] * 100, losses).factors(most=4.0, suspect=0.02)

    assert found[-2:].tolist() == [0.5, 0.5]
    assert found[:-2].argmax() == 97
    assert found.mean() == pytest.approx(1.0)


def test_what_was_never_looked_at_or_belongs_to_no_side_is_drawn_as_before() -> None:
    running = RunningLosses([1, 1, 1, IGNORE])
    running.update(torch.tensor([0, 1, 3]), torch.tensor([1, 1, IGNORE]), torch.tensor([0.1, 0.9, 5.0]))

    assert running.factors(most=2.0, suspect=0.0)[2:].tolist() == [1.0, 1.0]
    assert running_losses([IGNORE, IGNORE]) is None


def test_the_running_loss_forgets_slowly_and_no_view_of_the_other_side_counts() -> None:
    running = RunningLosses([1])
    for side, loss in ((1, 1.0), (1, 0.0), (0, 50.0), (1, math.nan)):
        running.update(torch.tensor([0]), torch.tensor([side]), torch.tensor([loss]))

    assert running.losses.tolist() == pytest.approx([0.7])


def test_the_sampler_draws_by_the_losses_of_now_and_a_restored_one_draws_the_same() -> None:
    samples = [sample("bad", None)] * 10 + [sample("good", None)] * 90
    running = known([1] * 10 + [0] * 90, [9.0] + [1.0] * 99)
    sampler = BalancedSampler(samples, 1000, 0.5, 3, lambda: running.factors(4.0, 0.0))
    restored = RunningLosses([1] * 10 + [0] * 90)
    restored.restore(running.state())

    before = list(BalancedSampler(samples, 1000, 0.5, 3))
    drawn = list(sampler)

    assert sum(i < 10 for i in drawn) == pytest.approx(500, abs=2)  # the share of positives stays
    assert (before.count(0), drawn.count(0)) == (50, pytest.approx(200, abs=1))
    assert drawn == list(BalancedSampler(samples, 1000, 0.5, 3, lambda: restored.factors(4.0, 0.0)))
