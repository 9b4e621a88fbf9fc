"""Windows of stacks in training: one shape a batch, one change for all slices, targets by votes."""

from pathlib import Path

import numpy as np
import pytest
import torch

from inspect_ai.config import Augment, Training
from inspect_ai.datasets.contexts import read_contexts
from inspect_ai.datasets.folder import Row, read_folder
from inspect_ai.datasets.samples import IGNORE, Sample
from inspect_ai.datasets.windows import Window, negative_windows, positive_window
from inspect_ai.plugins import Task
from inspect_ai.settings import Settings
from inspect_ai.training.augment import StackAugment
from inspect_ai.training.data import BalancedSampler, OneShapeBatches, TrainSet, collate, whole_batches
from inspect_ai.training.decision_loss import decision
from tests.support.stacks import Made, stacks_config, write_stacks


class Stacks(Task):
    name = "stacks"


@pytest.fixture
def windows(tmp_path: Path) -> list[Window]:
    """One finding that three of four readers drew, and two vessels."""
    (tmp_path / "task").mkdir()
    task = Stacks(stacks_config(), tmp_path / "task")
    others = ((32.0, 96.0, 4.0), (95.0, 95.0, 3.0))
    root = write_stacks(tmp_path / "data", [Made(name="a", readers=3, others=others)])
    (context,) = read_contexts(read_folder(root, task.config), "train", task, Settings())
    return [positive_window(context), *negative_windows(context, task.config.input, 0.2)]


def picture(label: str) -> Sample:
    row = Row(file="a.png", label=label, split="train", group="g")
    return Sample(
        pixels=np.full((64, 64, 1), 90, np.uint8), mask=None, row=row, labels=stacks_config().labels[0], sha256="0"
    )


def test_a_batch_holds_pictures_or_stacks_and_never_both(windows: list[Window]) -> None:
    config = stacks_config()
    samples = [*windows * 8, *[picture("other")] * 30]
    data = TrainSet(samples, config, seed=0)
    batches = OneShapeBatches(BalancedSampler(samples, None, None, seed=0), samples, 8)

    drawn = list(batches)
    shapes = [collate([data[i] for i in batch]).pixels.shape for batch in drawn]

    assert len(drawn) == len(batches)
    assert {tuple(shape) for shape in shapes} == {(8, 1, 3, 64, 64), (8, 1, 64, 64)}
    assert len({i for batch in drawn for i in batch}) == 8 * len(drawn)


def test_the_next_epoch_draws_other_batches(windows: list[Window]) -> None:
    samples = windows * 16
    batches = OneShapeBatches(BalancedSampler(samples, None, None, seed=0), samples, 8)

    first = list(batches)
    batches.set_epoch(1)

    assert first != list(batches)


def test_a_finding_is_off_the_centre_and_counts_by_its_readers(windows: list[Window]) -> None:
    data = TrainSet(windows, stacks_config(augment={"flip_horizontal": False, "flip_vertical": False,
        "rotate90": False, "scale": 0, "brightness": 0, "contrast": 0}), seed=0)  # fmt: skip

    seen = [data[0] for _ in range(40)]

    middles = []
    for pixels, positive, _, _, _, soft, *_ in seen:
        assert (positive, soft) == (1, 0.75)
        rows, cols = np.nonzero(pixels[1, ..., 0] > 110)
        middles.append((rows.mean(), cols.mean()))
    apart = np.array(middles) - 31.5
    assert np.abs(apart).max() <= 0.2 * 64 + 1.0
    assert np.abs(apart).max(axis=0).min() > 8


def test_one_change_is_made_to_all_slices() -> None:
    stack = np.zeros((3, 64, 64, 1), np.uint8)
    stack[:, 10:20, 40:50] = 200
    augment = StackAugment(Augment(rotate_degrees=20, scale=0.2), seed=1)

    for _ in range(20):
        changed = augment(stack)
        assert np.array_equal(changed[0], changed[1])
        assert np.array_equal(changed[1], changed[2])


def test_the_order_of_slices_is_reversed_half_of_the_time_and_else_kept() -> None:
    stack = np.stack([np.full((64, 64, 1), grey, np.uint8) for grey in (10, 100, 200)])
    augment = StackAugment(Augment(brightness=0, contrast=0), seed=1)

    orders = [tuple(int(one.mean()) for one in augment(stack)) for _ in range(40)]

    assert set(orders) == {(10, 100, 200), (200, 100, 10)}
    assert 10 <= sum(order[0] == 10 for order in orders) <= 30


def test_a_soft_target_pulls_the_loss_towards_the_share_of_readers() -> None:
    logits = torch.tensor([0.0, 50.0], requires_grad=True)

    loss = decision(logits, torch.tensor([1, IGNORE]), Training(), soft=torch.tensor([0.75, float(IGNORE)]))
    loss.backward()

    assert float(loss.detach()) == pytest.approx(np.log(2.0), abs=1e-6)
    assert logits.grad is not None
    assert float(logits.grad[0]) == pytest.approx(0.5 - 0.75)
    assert float(logits.grad[1]) == 0.0


def test_validation_has_each_window_as_at_work(windows: list[Window]) -> None:
    config = stacks_config()
    cut = [window.sample(config.input) for window in windows]

    ((batch, chosen),) = whole_batches([*cut], config, 16)

    assert batch.pixels.shape == (len(windows), 1, 3, 64, 64)
    assert chosen == list(range(len(windows)))
    assert batch.positive.tolist() == [1, *[0] * (len(windows) - 1)]
