"""Typed settings of pretraining: configs/pretrain.yaml, with the keys of a user's file in place of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from inspect_ai.config import Attention, Strict, checked, read_yaml
from inspect_ai.settings import bundled


class Pretraining(Strict):
    """Recipe of pretraining. Defaults and their reasons are in configs/pretrain.yaml alone."""

    size: Literal["tiny", "small"]
    attention: Attention
    init: Literal["scratch", "imagenet"]
    target: Literal["pixels", "features"]
    zoom: float = Field(ge=0, lt=1)
    crop: int = Field(ge=32, multiple_of=32)  # px
    block: Literal[8, 16, 32]  # px
    small_block: Literal[8, 16, 32]  # px
    mask_share: float = Field(gt=0, lt=1)
    epochs: int = Field(ge=1)
    samples_per_epoch: int = Field(ge=1)
    batch: int = Field(ge=2)
    lr: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    warmup_epochs: float = Field(ge=0)
    clip: float = Field(gt=0)


def read_pretraining(file: Path | None = None) -> Pretraining:
    """Read the bundled recipe with the keys of `file` in place of its own. Raises UsageError naming file and key."""
    bundle = bundled("configs") / "pretrain.yaml"
    values = read_yaml(bundle) | (read_yaml(file) if file is not None else {})
    return checked(Pretraining, values, str(file or bundle))
