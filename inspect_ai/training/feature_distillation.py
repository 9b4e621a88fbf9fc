"""Feature distillation of the trunk: its tokens at stride 32 learn to hold what EfficientNet-Lite0's ImageNet features
hold, on pictures of the trade and without any label.

The convolution stages start from ImageNet already; the attention stages above them have no such weights, and this gives
them some. Target as in feature distillation (arXiv 2205.14141): the teacher's map, normalised over channels without
parameters, under a smooth L1 distance. The map is the one before the teacher's last expansion, which no ReLU has cut.
"""

from __future__ import annotations

from typing import Any

import lightning as L
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inspect_ai.model.baselines.efficientnet import STAGES, EfficientNetLite0, load_imagenet
from inspect_ai.model.network import normalised
from inspect_ai.training.masked import BETAS, fresh_trunk, recipe_of, refuse_other_recipe
from inspect_ai.training.masked_views import Views
from inspect_ai.training.pretraining import Pretraining
from inspect_ai.training.schedule import with_cosine

TEACHER_CHANNELS = STAGES[-1][1]
BETA = 2.0  # of the smooth L1 distance, the paper's
EARLY_LR = 0.3  # of lr, for the stages that ImageNet taught already


class FeatureDistillation(L.LightningModule):
    """Trunk under a linear head that predicts the teacher's features."""

    def __init__(self, config: Pretraining, seed: int) -> None:
        super().__init__()
        self.config, self.seed = config, seed
        self.trunk = fresh_trunk(config)
        channels = self.trunk.channels[-1]
        self.head = nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, TEACHER_CHANNELS))
        teacher = EfficientNetLite0(0.0)
        load_imagenet(teacher)
        self._teacher = (teacher.eval().requires_grad_(False),)  # no submodule: neither trained nor saved

    def losses(self, views: Views) -> tuple[Tensor, Tensor]:
        """Distances to the teacher's features: of the prediction, and of their mean over channels in its place."""
        pixels = normalised(views.pixels)
        with torch.no_grad():
            target = self.target(pixels)
        predicted = self.head(self.trunk(pixels)[-1])  # [B, h, w, C]
        return distance(predicted, target), distance(torch.zeros_like(target), target)

    def target(self, pixels: Tensor) -> Tensor:
        """[B, 3, S, S] in -1..1 -> the teacher's features [B, h, w, C] at stride 32, normalised over channels."""
        (teacher,) = self._teacher
        x = teacher.act(teacher.stem(pixels))
        for block in teacher.early:
            x = block(x)
        return F.layer_norm(x.permute(0, 2, 3, 1), (TEACHER_CHANNELS,))

    def training_step(self, views: Views, index: int) -> Tensor:
        loss, _ = self.losses(views)
        self.log("loss", loss.detach(), on_step=False, on_epoch=True, prog_bar=True, batch_size=len(views.pixels))
        return loss

    def validation_step(self, views: Views, index: int) -> None:
        self.log("held_out", self.losses(views)[0], prog_bar=True, batch_size=len(views.pixels))

    def configure_optimizers(self) -> Any:
        taught = {id(p) for part in (self.trunk.stem, self.trunk.early) for p in part.parameters()}
        taught = taught if self.config.init == "imagenet" else set()
        groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
        for p in self.parameters():
            groups.setdefault((id(p) in taught, p.ndim > 1), []).append(p)
        optimizer = torch.optim.AdamW(
            [
                {
                    "params": group,
                    "lr": self.config.lr * (EARLY_LR if early else 1.0),
                    "weight_decay": self.config.weight_decay if decayed else 0.0,
                }
                for (early, decayed), group in groups.items()
            ],
            lr=self.config.lr,
            betas=BETAS,
        )
        steps = max(1, int(self.trainer.estimated_stepping_batches))
        return with_cosine(optimizer, steps, max(1, round(steps * self.config.warmup_epochs / self.config.epochs)))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["pretraining"] = recipe_of(self.config, self.seed)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        refuse_other_recipe(checkpoint, self.config, self.seed)


def distance(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean smooth L1 distance over cells and channels."""
    return F.smooth_l1_loss(predicted, target, beta=BETA)
