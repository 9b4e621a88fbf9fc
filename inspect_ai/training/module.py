"""The Lightning module: one network, AdamW with a cosine schedule, validation on whole units."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor, nn

from inspect_ai.config import TaskConfig
from inspect_ai.model.network import Network
from inspect_ai.training.data import Batch
from inspect_ai.training.losses import TaskLoss
from inspect_ai.training.metrics import validation_metrics
from inspect_ai.training.samples import Sample

FINAL_LR = 0.01  # of the peak


class Inspector(L.LightningModule):
    """Trains a Network. Validation data travel as (Batch, indices into `samples`)."""

    def __init__(self, network: Network, config: TaskConfig, samples: list[Sample], folders: list[str]) -> None:
        super().__init__()
        self.network, self.config = network, config
        self.loss = TaskLoss(config)
        self._samples, self._folders = samples, folders
        self._logits = np.zeros((len(samples), len(config.outputs)), np.float32)
        for part in self._frozen():
            part.requires_grad_(False)

    def _frozen(self) -> list[nn.Module]:
        """Stem and first blocks, where the config keeps them as ImageNet left them."""
        blocks = self.config.train.frozen if self.config.network.init == "imagenet" else 0
        return [self.network.trunk.stem, *self.network.trunk.early[:blocks]] if blocks else []

    def on_train_epoch_start(self) -> None:
        for part in self._frozen():
            part.eval()  # their batch norms keep ImageNet's statistics too

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Move a Batch, or the Batch of (Batch, indices)."""
        return batch.to(device) if isinstance(batch, Batch) else (batch[0].to(device), batch[1])

    def training_step(self, batch: Batch, index: int) -> Tensor:
        loss, parts = self.loss(self.network(batch.pixels), batch)
        logged = {f"loss/{name}": part.detach() for name, part in parts.items()}
        self.log_dict(logged, on_step=False, on_epoch=True, batch_size=len(batch.positive))
        self.log("loss", loss.detach(), on_step=False, on_epoch=True, prog_bar=True, batch_size=len(batch.positive))
        return loss

    def validation_step(self, batch: tuple[Batch, list[int]], index: int) -> None:
        self._logits[batch[1]] = self.network(batch[0].pixels).logits.float().cpu().numpy()

    def on_validation_epoch_end(self) -> None:
        metrics = validation_metrics(self._folders, self._samples, self._logits, self.config)
        self.log_dict({f"val/{name}": value for name, value in metrics.items() if name != "mean"})
        self.log("val", metrics["mean"], prog_bar=True)

    def configure_optimizers(self) -> Any:
        schedule = self.config.train
        optimizer = torch.optim.AdamW(parameter_groups(self.network, self.config), lr=schedule.lr)
        steps = max(1, int(self.trainer.estimated_stepping_batches))
        warmup = max(1, round(steps * schedule.warmup_epochs / schedule.epochs))

        def factor(step: int) -> float:
            if step < warmup:
                return (step + 1) / warmup
            progress = min(1.0, (step - warmup) / max(1, steps - warmup))
            return FINAL_LR + (1 - FINAL_LR) * 0.5 * (1 + math.cos(math.pi * progress))

        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def warmed_up_average(decay: float) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """Exponential moving average whose memory grows with the steps, so that a short training is not its own start."""

    def average(mean: Tensor, value: Tensor, count: Tensor) -> Tensor:
        keep = torch.minimum(torch.full_like(count, decay, dtype=torch.float32), (1.0 + count) / (10.0 + count))
        return mean + (1.0 - keep) * (value - mean)

    return average


def parameter_groups(network: Network, config: TaskConfig) -> list[dict[str, Any]]:
    """Pretrained stages learn more slowly; norms, biases, scales and queries are not decayed."""
    schedule = config.train
    early: list[nn.Parameter] = [*network.trunk.stem.parameters(), *network.trunk.early.parameters()]
    slow = {id(p) for p in early} if config.network.init == "imagenet" else set()
    groups = []
    for is_slow in (True, False):
        for decayed in (True, False):
            learning = [p for p in network.parameters() if p.requires_grad]
            mine = [p for p in learning if (id(p) in slow) == is_slow and (p.ndim > 1) == decayed]
            lr = schedule.lr * (schedule.early_lr if is_slow else 1.0)
            groups.append({"params": mine, "lr": lr, "weight_decay": schedule.weight_decay if decayed else 0.0})
    return [g for g in groups if g["params"]]
