"""What a person may change about pretraining, typed: configs/pretrain.yaml, changed by a file of their own."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError

from inspect_ai.config import Strict
from inspect_ai.errors import UsageError
from inspect_ai.settings import bundled


class Pretraining(Strict):
    """The recipe of masked-image modelling. Defaults and their reasons stand in configs/pretrain.yaml alone."""

    size: Literal["tiny", "small"]
    attention: Literal["stripe", "global", "shifted_window", "spatial_reduction", "separable", "none"]
    init: Literal["scratch", "imagenet"]
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
    """The bundled recipe with the keys of `file` in place of its own. Raises UsageError naming file and key."""
    values = _mapping(bundled("configs") / "pretrain.yaml")
    if file is not None:
        values |= _mapping(file)
    try:
        return Pretraining.model_validate(values)
    except ValidationError as e:
        raise UsageError(f"{file}: " + " ".join(_sentence(dict(fault)) for fault in e.errors())) from e


def _mapping(path: Path) -> dict[str, Any]:
    try:
        raw = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as e:
        raise UsageError(f"{path} cannot be read as YAML: {' '.join(str(e).split())}") from e
    if not isinstance(raw, dict):
        raise UsageError(f"{path} must be a YAML mapping of settings; it is {type(raw).__name__}.")
    return raw


def _sentence(fault: dict[str, Any]) -> str:
    name = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, Pretraining.model_fields, n=1)
        return f"{name!r} is no setting." + (f" Did you mean {near[0]!r}?" if near else "")
    return f"{name!r}: {fault['msg']}."
