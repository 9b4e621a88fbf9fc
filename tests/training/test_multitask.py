"""Joint training: every task's batches once an epoch, evenly spread, and folders found their tasks."""

from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from inspect_ai.errors import UsageError
from inspect_ai.journeys.train_multitask import folders_of
from inspect_ai.settings import Settings
from inspect_ai.training.multitask import Interleaved
from inspect_ai.training.multitask_config import multitask_tasks, read_multitask


class Counted(torch.utils.data.Sampler[int]):
    """Draws 0..n-1 and remembers the epoch."""

    def __init__(self, n: int) -> None:
        self.n, self.epoch = n, -1

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return self.n

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter(range(self.n))


def loader(n: int) -> DataLoader[int]:
    return DataLoader(list(range(n)), batch_size=None, sampler=Counted(n))  # type: ignore[arg-type]


def test_every_batch_of_every_task_comes_once_an_epoch_and_a_small_task_is_spread_over_it() -> None:
    loaders = [loader(60), loader(3)]
    drawn = list(Interleaved(loaders))

    assert [b for t, b in drawn if t == 0] == list(range(60))
    small = [i for i, (t, _) in enumerate(drawn) if t == 1]
    assert len(small) == 3
    assert small[0] < 20 < small[1] < 42 < small[2]


def test_each_tasks_draws_follow_the_epoch() -> None:
    loaders = [loader(2), loader(3)]
    Interleaved(loaders).set_epoch(7)

    assert [one.sampler.epoch for one in loaders] == [7, 7]  # type: ignore[attr-defined]


def test_the_shipped_joint_config_names_installed_tasks_with_one_trunk() -> None:
    tasks = multitask_tasks(read_multitask(), Settings(), None)

    assert [task.name for task in tasks] == ["lung_nodule", "metal_surface", "fundus"]
    assert len({(task.config.network.size, task.config.network.attention) for task in tasks}) == 1


def test_a_folder_whose_labels_nobody_knows_is_named(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("file,label\na.png,strange\n")
    tasks = multitask_tasks(read_multitask(), Settings(), None)

    with pytest.raises(UsageError, match="none of the tasks"):
        folders_of(tasks, [tmp_path])


def test_a_misspelt_key_of_the_joint_config_is_named(tmp_path: Path) -> None:
    (tmp_path / "joint.yaml").write_text("commen: {}\ntasks: {fundus: {}}\n")

    with pytest.raises(UsageError, match="commen"):
        read_multitask(tmp_path / "joint.yaml")
