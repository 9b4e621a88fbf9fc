"""Joint training of tasks that share a trunk: each step is one task's batch, with its own losses and augmentation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from inspect_ai.training.data import Batch
from inspect_ai.training.metrics import validation_metrics
from inspect_ai.training.module import TaskModule, parameter_groups
from inspect_ai.training.schedule import with_cosine


class Interleaved:
    """Batches of several loaders as (task index, Batch), each loader once an epoch, spread evenly."""

    def __init__(self, loaders: Sequence[DataLoader[Any]]) -> None:
        self.loaders = loaders
        self.sampler = self  # Lightning sets the epoch of a loader's sampler

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch; Lightning calls it before each one."""
        for loader in self.loaders:
            loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]  # BalancedSampler

    def __len__(self) -> int:
        return sum(len(loader) for loader in self.loaders)

    def __iter__(self) -> Iterator[tuple[int, Batch]]:
        places = [(np.arange(len(loader)) + 0.5) / len(loader) for loader in self.loaders]
        tasks = np.concatenate([np.full(len(p), i) for i, p in enumerate(places)])
        batches = [iter(loader) for loader in self.loaders]
        for task in tasks[np.argsort(np.concatenate(places), kind="stable")]:
            yield int(task), next(batches[task])


class MultitaskModule(L.LightningModule):
    """Trains several tasks whose networks share parameters; `val` is the mean over tasks."""

    def __init__(self, tasks: Sequence[TaskModule]) -> None:
        super().__init__()
        self.tasks = tuple(tasks)
        self.inspectors = torch.nn.ModuleList(tasks)  # the prefix of the parameters in checkpoints

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Move the Batch of (task, Batch) or of (Batch, indices)."""
        return tuple(part.to(device) if isinstance(part, Batch) else part for part in batch)

    def training_step(self, batch: tuple[int, Batch], index: int) -> Tensor:
        number, task_batch = batch
        task = self.tasks[number]
        loss, _ = task.losses(task_batch)
        size = len(task_batch.positive)
        self.log(f"loss/{task.config.name}", loss.detach(), on_step=False, on_epoch=True, batch_size=size)
        return loss

    def validation_step(self, batch: tuple[Batch, list[int]], index: int, dataloader_idx: int = 0) -> None:
        self.tasks[dataloader_idx].validation_step(batch, index)

    def on_validation_epoch_end(self) -> None:
        means = []
        for task in self.tasks:
            metrics = validation_metrics(task.folders, task.samples, task.logits, task.config)
            means.append(metrics.pop("mean"))
            self.log_dict({f"val/{name}": value for name, value in metrics.items()}, add_dataloader_idx=False)
        self.log("val", float(np.mean(means)), prog_bar=True)

    def configure_optimizers(self) -> Any:
        groups, seen = [], set[int]()
        for task in self.tasks:
            for group in parameter_groups(task.network, task.config):
                fresh = [p for p in group["params"] if id(p) not in seen]
                seen.update(id(p) for p in fresh)
                groups.append({**group, "params": fresh})
        schedule = self.tasks[0].config.train
        optimizer = torch.optim.AdamW([g for g in groups if g["params"]], lr=schedule.lr)
        steps = max(1, int(self.trainer.estimated_stepping_batches))
        return with_cosine(optimizer, steps, max(1, math.ceil(steps * schedule.warmup_epochs / schedule.epochs)))
