"""Lightning module of one task: AdamW with a cosine schedule, validation on whole units."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor, nn

from inspect_ai.config import TaskConfig
from inspect_ai.datasets.samples import Sample
from inspect_ai.model.network import Network
from inspect_ai.training.data import Batch
from inspect_ai.training.decision_loss import surprise
from inspect_ai.training.losses import TaskLoss
from inspect_ai.training.metrics import validation_metrics
from inspect_ai.training.mining import RunningLosses
from inspect_ai.training.schedule import with_cosine
from inspect_ai.training.teachers import Taught, Teachers
from inspect_ai.training.twins import disagreement

REMEMBERED = "remembered"  # of a checkpoint


class TaskModule(L.LightningModule):
    """Trains a network on one task.

    Batches of training are Batch, those of validation (Batch, indices into `samples`). folders: one name a sample.
    teachers: their mean answers are learnt too. running: takes in the loss of each training sample.
    """

    def __init__(
        self,
        network: Network,
        config: TaskConfig,
        samples: list[Sample],
        folders: list[str],
        teachers: Teachers | None = None,
        running: RunningLosses | None = None,
    ) -> None:
        super().__init__()
        self.network, self.config = network, config
        self.loss = TaskLoss(config)
        self.teachers = teachers  # no submodules: neither trained, averaged nor saved
        self.running = running
        self.samples, self.folders = samples, folders
        self.logits = np.zeros((len(samples), len(config.outputs)), np.float32)
        for part in self._frozen():
            part.requires_grad_(False)

    def _frozen(self) -> list[nn.Module]:
        """Stem and first blocks that the config keeps as pretrained."""
        frozen = self.config.train.frozen
        return pretrained_parts(self.network, self.config)[: frozen + 1] if frozen else []

    def on_train_epoch_start(self) -> None:
        for part in self._frozen():
            part.eval()  # keeps the statistics of batch norms too

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Move a Batch, or the Batch of (Batch, indices)."""
        return batch.to(device) if isinstance(batch, Batch) else (batch[0].to(device), batch[1])

    def training_step(self, batch: Batch, index: int) -> Tensor:
        loss, parts = self.losses(batch)
        logged = {f"loss/{name}": part.detach() for name, part in parts.items()}
        self.log_dict(logged, on_step=False, on_epoch=True, batch_size=len(batch.positive))
        self.log("loss", loss.detach(), on_step=False, on_epoch=True, prog_bar=True, batch_size=len(batch.positive))
        return loss

    def losses(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the loss of one batch, and its parts by name."""
        if not self.config.train.mixup:
            readings = self.network(batch.pixels)
            if self.running is not None and batch.index is not None:
                self.running.update(batch.index, batch.positive, surprise(readings.logits[:, 0], batch.positive))
            loss, parts = self.loss(readings, batch, self._taught(batch))
            if batch.twin is not None and batch.twin_of is not None:
                twins = self.network(batch.twin).logits[:, 0]
                apart = disagreement(readings.logits[batch.twin_of, 0], twins)
                parts["twins"] = self.config.train.consistency * apart
                loss = loss + parts["twins"]
            return loss, parts
        alpha = self.config.train.mixup
        share = float(np.random.default_rng(self.global_step).beta(alpha, alpha))
        other = batch.shuffled(self.global_step)
        mixed = dataclasses.replace(batch, pixels=share * batch.pixels + (1.0 - share) * other.pixels)
        readings, taught = self.network(mixed.pixels), self._taught(mixed)
        first, parts = self.loss(readings, batch, taught)
        return share * first + (1.0 - share) * self.loss(readings, other, taught)[0], parts

    def _taught(self, batch: Batch) -> Taught | None:
        """Answers of the teachers on the same pixels; None without teachers."""
        return None if self.teachers is None else self.teachers(batch)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what draws and pairs remember, so that a resumed run goes on with it."""
        checkpoint[REMEMBERED] = self.remembered()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take over what draws and pairs remembered."""
        self.recall(checkpoint.get(REMEMBERED, {}))

    def remembered(self) -> dict[str, Any]:
        """Running losses and recent scores, as tensors."""
        kept: dict[str, Any] = {}
        if self.running is not None:
            kept["running"] = self.running.state()
        if self.loss.pairs is not None:
            kept["pairs"] = self.loss.pairs.state()
        return kept

    def recall(self, kept: dict[str, Any]) -> None:
        """Undo `remembered`."""
        if self.running is not None and "running" in kept:
            self.running.restore(kept["running"])
        if self.loss.pairs is not None and "pairs" in kept:
            self.loss.pairs.restore(kept["pairs"])

    def validation_step(self, batch: tuple[Batch, list[int]], index: int) -> None:
        self.logits[batch[1]] = self.network(batch[0].pixels).logits.float().cpu().numpy()

    def on_validation_epoch_end(self) -> None:
        metrics = validation_metrics(self.folders, self.samples, self.logits, self.config)
        self.log_dict({f"val/{name}": value for name, value in metrics.items() if name != "mean"})
        self.log("val", metrics["mean"], prog_bar=True)

    def configure_optimizers(self) -> Any:
        schedule = self.config.train
        optimizer = torch.optim.AdamW(parameter_groups(self.network, self.config), lr=schedule.lr)
        steps = max(1, int(self.trainer.estimated_stepping_batches))
        warmup = max(1, round(steps * schedule.warmup_epochs / schedule.epochs))
        return with_cosine(optimizer, steps, warmup)


def warmed_up_average(decay: float) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """Exponential moving average whose memory grows with the steps: a short training forgets its initial weights."""

    def average(mean: Tensor, value: Tensor, count: Tensor) -> Tensor:
        keep = torch.minimum(torch.full_like(count, decay, dtype=torch.float32), (1.0 + count) / (10.0 + count))
        return mean + (1.0 - keep) * (value - mean)

    return average


def pretrained_parts(network: Network, config: TaskConfig) -> list[nn.Module]:
    """Stem and convolution blocks in order, where they start from pretrained weights; else none."""
    stem, early = getattr(network.trunk, "stem", None), getattr(network.trunk, "early", None)
    if config.network.init == "scratch" or not isinstance(stem, nn.Module) or not isinstance(early, nn.ModuleList):
        return []
    return [stem, *early]


def parameter_groups(network: Network, config: TaskConfig) -> list[dict[str, Any]]:
    """Parameters by learning rate and weight decay, as AdamW takes them.

    Pretrained blocks learn more slowly, lower ones most; norms, biases, scales and queries are not decayed.
    """
    schedule = config.train
    parts = pretrained_parts(network, config)
    share = {
        id(p): schedule.early_lr * schedule.layer_decay ** (len(parts) - 1 - depth)
        for depth, part in enumerate(parts)
        for p in part.parameters()
    }
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for p in network.parameters():
        if p.requires_grad:
            groups.setdefault((share.get(id(p), 1.0), p.ndim > 1), []).append(p)
    return [
        {"params": group, "lr": schedule.lr * factor, "weight_decay": schedule.weight_decay if decayed else 0.0}
        for (factor, decayed), group in groups.items()
    ]
