"""Masked-image modelling of the trunk: hide blocks of a picture, predict their pixels from the rest.

SimMIM (arXiv 2111.09886), because a convolution cannot leave hidden tokens out as MAE (arXiv 2111.06377) does: hidden
pixels become one learnt colour. From MAE: pixels normalised within their block, and 0.95 as Adam's second moment.
Departures: one linear head at stride 32 and one at stride 16, averaged; drop path is off.
"""

from __future__ import annotations

from typing import Any, cast

import lightning as L
import torch
from torch import Tensor, nn

from inspect_ai import config as task_config
from inspect_ai.errors import UsageError
from inspect_ai.model.convolution import forget_sooner
from inspect_ai.model.network import Network, normalised
from inspect_ai.model.trunk import Trunk
from inspect_ai.model.weights import start_from_imagenet
from inspect_ai.training.masked_views import Views
from inspect_ai.training.pretraining import Pretraining
from inspect_ai.training.schedule import with_cosine

FLAT = (2 * 2 / 255) ** 2  # variance in -1..1 of two grey levels: a flatter block is not amplified to full contrast
BETAS = (0.9, 0.95)  # MAE's


class MaskedModelling(L.LightningModule):
    """Trunk under two linear heads that predict the hidden pixels."""

    def __init__(self, config: Pretraining, seed: int) -> None:
        super().__init__()
        self.config, self.seed = config, seed
        self.trunk = fresh_trunk(config)
        self.colour = nn.Parameter(torch.zeros(3))  # of hidden pixels, in -1..1
        _, at_16, at_32 = self.trunk.channels
        self.from_16 = nn.Linear(at_16, 3 * 16 * 16)
        self.from_32 = nn.Linear(at_32, 3 * 32 * 32)

    def forward(self, pixels: Tensor, mask: Tensor) -> Tensor:
        """[B, 3, S, S] in -1..1 and mask [B, g, g] -> prediction [B, 3, S, S] of the normalised pixels."""
        hidden = over_blocks(mask, pixels.shape[-1])[:, None]  # [B, 1, S, S]
        _, at_16, at_32 = self.trunk(torch.where(hidden, self.colour[:, None, None].to(pixels.dtype), pixels))
        return (unfolded(self.from_16(at_16), 16) + unfolded(self.from_32(at_32), 32)) / 2

    def losses(self, views: Views) -> tuple[Tensor, Tensor]:
        """L1 losses over the hidden pixels: of the prediction, and of each block's own mean in its place."""
        pixels = normalised(views.pixels)
        mean, spread = block_statistics(pixels, pixels.shape[-1] // views.mask.shape[-1])
        target = (pixels - mean) / spread
        return masked_l1(self(pixels, views.mask), target, views.mask), masked_l1(0.0 * target, target, views.mask)

    def painted(self, views: Views) -> tuple[Tensor, Tensor]:
        """Network input, and its prediction with each block's true mean and spread; each [B, 3, S, S] in 0..1."""
        pixels = normalised(views.pixels)
        mean, spread = block_statistics(pixels, pixels.shape[-1] // views.mask.shape[-1])
        hidden = over_blocks(views.mask, pixels.shape[-1])[:, None]
        seen = torch.where(hidden, self.colour[:, None, None], pixels)
        filled = torch.where(hidden, self(pixels, views.mask) * spread + mean, pixels)
        return seen.clamp(-1, 1) / 2 + 0.5, filled.clamp(-1, 1) / 2 + 0.5

    def training_step(self, views: Views, index: int) -> Tensor:
        loss, _ = self.losses(views)
        self.log("loss", loss.detach(), on_step=False, on_epoch=True, prog_bar=True, batch_size=len(views.mask))
        return loss

    def validation_step(self, views: Views, index: int) -> None:
        self.log("held_out", self.losses(views)[0], prog_bar=True, batch_size=len(views.mask))

    def configure_optimizers(self) -> Any:
        decayed = [p for p in self.parameters() if p.ndim > 1]
        others = [p for p in self.parameters() if p.ndim <= 1]
        groups = [
            {"params": decayed, "weight_decay": self.config.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=self.config.lr, betas=BETAS)
        steps = max(1, int(self.trainer.estimated_stepping_batches))
        warmup = max(1, round(steps * self.config.warmup_epochs / self.config.epochs))
        return with_cosine(optimizer, steps, warmup)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["pretraining"] = recipe_of(self.config, self.seed)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        refuse_other_recipe(checkpoint, self.config, self.seed)


def recipe_of(config: Pretraining, seed: int) -> dict[str, Any]:
    """Recipe and seed, as a checkpoint keeps them."""
    return config.model_dump(mode="json") | {"seed": seed}


def refuse_other_recipe(checkpoint: dict[str, Any], config: Pretraining, seed: int) -> None:
    """Check that a resumed run goes on as it began. Raises UsageError naming what differs."""
    begun = checkpoint.get("pretraining", {})
    other = [
        f"{name} {begun.get(name)} then, {value} now"
        for name, value in recipe_of(config, seed).items()
        if begun.get(name) != value
    ]
    if other:
        raise UsageError(f"--resume: this run began otherwise ({'; '.join(other)}). Give what it began with.")


def fresh_trunk(config: Pretraining) -> Trunk:
    """Make an untrained trunk, as a task's network has it."""
    labels = task_config.LabelSet(name="none", classes=("no", "yes"), positive=("yes",))
    chosen = task_config.Network(size=config.size, attention=config.attention, init=config.init, drop_path=0.0)
    network = Network(task_config.TaskConfig(name="pretrain", labels=(labels,), network=chosen))
    if config.init == "imagenet":
        start_from_imagenet(network)
    else:
        forget_sooner(network)
    return cast(Trunk, network.trunk)


def masked_l1(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean distance over the hidden pixels alone: [B, 3, S, S] twice and mask [B, g, g] -> []."""
    hidden = over_blocks(mask, target.shape[-1])[:, None].expand_as(target)
    return (prediction - target).abs()[hidden].mean()


def block_statistics(pixels: Tensor, block: int) -> tuple[Tensor, Tensor]:
    """[B, 3, S, S] -> mean and spread of each pixel's block over all channels, each [B, 1, S, S]."""
    blocks = pixels.unflatten(3, (-1, block)).unflatten(2, (-1, block))  # [B, 3, g, block, g, block]
    variance, mean = torch.var_mean(blocks, dim=(1, 3, 5), correction=0)  # each [B, g, g]
    side = pixels.shape[-1]
    return over_blocks(mean, side)[:, None], over_blocks((variance + FLAT).sqrt(), side)[:, None]


def over_blocks(cells: Tensor, side: int) -> Tensor:
    """[B, g, g] -> [B, side, side], each cell's value over its block."""
    block = side // cells.shape[-1]
    return cells.repeat_interleave(block, dim=1).repeat_interleave(block, dim=2)


def unfolded(cells: Tensor, stride: int) -> Tensor:
    """[B, h, w, 3 * stride * stride] -> [B, 3, h * stride, w * stride]."""
    patches = cells.unflatten(-1, (3, stride, stride)).permute(0, 3, 1, 4, 2, 5)  # [B, 3, h, stride, w, stride]
    return patches.flatten(4, 5).flatten(2, 3)
