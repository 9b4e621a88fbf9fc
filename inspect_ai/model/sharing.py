"""One trunk for several tasks: its shared parameters, and each task's private ones.

Shared are all convolutions, projections and MLPs. Private are the stem, every normalisation and every branch scale: a
task's adapters, one or two numbers a channel (private patches, "K for the price of 1", arXiv 1810.10703; here batch and
layer norms alike). They fold into the shared weights at work, so that sharing costs no time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor, nn

from inspect_ai.errors import UsageError
from inspect_ai.model.manifest import TRUNK
from inspect_ai.model.network import Network

STEM, SCALES = "stem", ("scale_1", "scale_2")


def share_trunk(networks: Sequence[Network]) -> None:
    """Let all networks use the first one's shared parameters as the same tensors, so that training updates them once.

    Raises UsageError if their trunks are not of one shape.
    """
    first, *others = networks
    for other in others:
        if (other.size, other.config.network.attention) != (first.size, first.config.network.attention):
            raise UsageError(
                f"{first.config.name} and {other.config.name} cannot share a trunk: size or attention differ."
            )
        for (_, owner, name), (_, source, _) in zip(shared(other.trunk), shared(first.trunk), strict=True):
            owner.register_parameter(name, source.get_parameter(name))


def shared(trunk: nn.Module) -> Iterator[tuple[str, nn.Module, str]]:
    """(full name, module, parameter name) of every shared parameter, in order."""
    for path, module in trunk.named_modules():
        if path.split(".")[0] == STEM or isinstance(module, nn.BatchNorm2d | nn.LayerNorm):
            continue
        for name, _ in module.named_parameters(recurse=False):
            if name not in SCALES:
                yield f"{path}.{name}", module, name


def adapter_share(trunk: nn.Module) -> float:
    """Share of the trunk's numbers that is private to a task, without the stem: norms with their statistics, scales."""
    common = {name for name, _, _ in shared(trunk)}
    state = {name: t for name, t in trunk.state_dict().items() if t.is_floating_point()}
    private = sum(t.numel() for name, t in state.items() if name not in common and not name.startswith(STEM))
    return private / sum(t.numel() for t in state.values())


def save_trunk(trunk: nn.Module, folder: Path) -> None:
    """Write FOLDER/trunk.safetensors, unfolded, float16: shared weights, with one task's norms as a start."""
    state: dict[str, Tensor] = {
        name: (t.detach().half() if t.is_floating_point() else t.detach()).contiguous()
        for name, t in trunk.state_dict().items()
    }
    save_file(state, str(folder / TRUNK))
