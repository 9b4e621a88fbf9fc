"""Masked-image modelling of the trunk: hide blocks of a picture, predict their pixels from what is left.

SimMIM (arXiv 2111.09886), because a convolution cannot leave hidden tokens out as MAE (arXiv 2111.06377) does: hidden
pixels become one learnt colour. From MAE: pixels normalised within their block, and 0.95 as Adam's second moment.
Departures: one linear head at stride 32 and one at stride 16, averaged; drop path is off. Crops, flips and masks follow
from seed, epoch and step alone, so that a resumed run is the uninterrupted one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import cv2
import lightning as L
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset, Sampler

from inspect_ai import config as task_config
from inspect_ai.errors import UsageError
from inspect_ai.model.convolution import forget_sooner
from inspect_ai.model.network import Network, normalised
from inspect_ai.model.trunk import Trunk
from inspect_ai.model.weights import start_from_imagenet
from inspect_ai.training.module import FINAL_LR
from inspect_ai.training.pretraining import Pretraining
from inspect_ai.training.pretraining_pictures import SMALLEST_PX, Picture

SMALL_CROP_PX = 96  # up to this side the small block is hidden
FLAT = (2 * 2 / 255) ** 2  # variance in -1..1 of two grey levels: a flatter block is not blown up to full contrast
BETAS = (0.9, 0.95)  # MAE's


class Views(NamedTuple):
    """Crops of one task. pixels [B, 1 or 3, S, S] in 0..1; mask [B, S / block, S / block], True where hidden."""

    pixels: Tensor
    mask: Tensor
    task: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One batch before it is cut: which pictures, how large the crops, and what decides all chance in it."""

    indices: tuple[int, ...]
    side_px: int
    key: tuple[int, ...]


def draw_mask(cells: int, share: float, random: np.random.Generator) -> NDArray[np.bool_]:
    """[cells, cells] with the share of them True, rounded."""
    order = random.permutation(cells * cells).reshape(cells, cells)
    return order < round(share * cells * cells)


def crop_side(picture: Picture, crop: int) -> int:
    """The largest multiple of the coarsest stride that fits into the picture, at most `crop`."""
    smaller = min(picture.pixels.shape[:2])
    return max(SMALLEST_PX, min(crop, smaller) // SMALLEST_PX * SMALLEST_PX)


def pools(pictures: Sequence[Picture], crop: int) -> dict[tuple[str, int], list[int]]:
    """(task, side of its crops) -> indices: what may share a batch."""
    shared: dict[tuple[str, int], list[int]] = {}
    for index, picture in enumerate(pictures):
        shared.setdefault((picture.task, crop_side(picture, crop)), []).append(index)
    return shared


class Draws(Sampler[Draw]):
    """Batches of one epoch. A task is drawn by the square root of its pictures, then a picture size by its share."""

    def __init__(self, pictures: Sequence[Picture], config: Pretraining, seed: int) -> None:
        self.config, self.seed, self.epoch = config, seed, 0
        self.pools = pools(pictures, config.crop)
        of_task = {task: sum(p.task == task for p in pictures) for task, _ in self.pools}
        weights = np.array([len(mine) / math.sqrt(of_task[task]) for (task, _), mine in self.pools.items()])
        self.shares = weights / weights.sum()

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return max(1, self.config.samples_per_epoch // self.config.batch)

    def __iter__(self) -> Iterator[Draw]:
        random = np.random.default_rng((self.seed, self.epoch))
        sides, members = [side for _, side in self.pools], list(self.pools.values())
        for step in range(len(self)):
            pool = int(random.choice(len(members), p=self.shares))
            again = len(members[pool]) < self.config.batch
            chosen = random.choice(members[pool], self.config.batch, replace=again)
            key = (self.seed, self.epoch, step)
            yield Draw(indices=tuple(int(i) for i in chosen), side_px=sides[pool], key=key)


def every_picture(pictures: Sequence[Picture], config: Pretraining) -> list[Draw]:
    """Each picture once, under the same crop and mask every time: for held-out pictures."""
    return [
        Draw(indices=tuple(mine[start : start + config.batch]), side_px=side, key=(side, start))
        for (_, side), mine in pools(pictures, config.crop).items()
        for start in range(0, len(mine), config.batch)
    ]


class MaskedSet(Dataset[Views]):
    """A Draw -> its Views."""

    def __init__(self, pictures: Sequence[Picture], config: Pretraining) -> None:
        self.pictures, self.config = pictures, config

    def __getitem__(self, draw: Draw) -> Views:
        random = np.random.default_rng(draw.key)
        block = self.config.block if draw.side_px > SMALL_CROP_PX else self.config.small_block
        chosen = [self.pictures[i] for i in draw.indices]
        pixels = np.stack([crop_of(p.pixels, draw.side_px, random) for p in chosen])  # [B, S, S, C]
        masks = np.stack([draw_mask(draw.side_px // block, self.config.mask_share, random) for _ in chosen])
        planes = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255.0  # [B, C, S, S]
        return Views(planes, torch.from_numpy(masks), chosen[0].task)


def crop_of(pixels: NDArray[np.uint8], side: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """[H, W, C] -> [side, side, C] from anywhere, mirrored or not; the border is mirrored where the picture ends."""
    missing = [max(0, side - length) for length in pixels.shape[:2]]
    if any(missing):
        padded = cv2.copyMakeBorder(pixels, 0, missing[0], 0, missing[1], cv2.BORDER_REFLECT_101)
        pixels = np.asarray(padded, np.uint8).reshape(*padded.shape[:2], pixels.shape[2])
    top, left = (int(random.integers(length - side + 1)) for length in pixels.shape[:2])
    down, right = (int(random.choice((-1, 1))) for _ in range(2))
    return pixels[top : top + side, left : left + side][::down, ::right]


class MaskedModelling(L.LightningModule):
    """The trunk under two linear heads. Lower loss: more of what is hidden follows from what is seen."""

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
        """L1 over the hidden pixels: of the prediction, and of each block's own mean in its place."""
        pixels = normalised(views.pixels)
        mean, spread = block_statistics(pixels, pixels.shape[-1] // views.mask.shape[-1])
        target = (pixels - mean) / spread
        return masked_l1(self(pixels, views.mask), target, views.mask), masked_l1(0.0 * target, target, views.mask)

    def painted(self, views: Views) -> tuple[Tensor, Tensor]:
        """What the network sees, and its prediction with each block's true mean and spread; [B, 3, S, S] in 0..1."""
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

        def factor(step: int) -> float:
            if step < warmup:
                return (step + 1) / warmup
            progress = min(1.0, (step - warmup) / max(1, steps - warmup))
            return FINAL_LR + (1 - FINAL_LR) * 0.5 * (1 + math.cos(math.pi * progress))

        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["pretraining"] = self._recipe()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        begun = checkpoint.get("pretraining", {})
        other = [
            f"{name} {begun.get(name)} then, {value} now"
            for name, value in self._recipe().items()
            if begun.get(name) != value
        ]
        if other:
            raise UsageError(f"--resume: this run began otherwise ({'; '.join(other)}). Give what it began with.")

    def _recipe(self) -> dict[str, Any]:
        return self.config.model_dump(mode="json") | {"seed": self.seed}


def fresh_trunk(config: Pretraining) -> Trunk:
    """The trunk as a task's network has it, before it learns."""
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
