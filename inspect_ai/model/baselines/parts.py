"""Parts that the baselines share: the contract of a backbone, channels-last maps, the MLP, stochastic-depth ramps."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from inspect_ai.model.backbone import Backbone

INIT_STD = 0.02  # of the transformers' weights, as published for ViT, Swin, ConvNeXt and MedViT alike


class Pyramid(Backbone):
    """Channels-first stages whose outputs are the maps of strides 8, 16 and 32 and feed the next stage."""

    strides = (8, 16, 32)

    def __init__(self, stages: list[nn.Module], channels: tuple[int, int, int]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.channels = channels

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(channels_last(x))
        return tuple(maps)


def channels_last(x: Tensor) -> Tensor:
    """[B, C, h, w] -> [B, h, w, C]."""
    return x.permute(0, 2, 3, 1)


def mlp(channels: int, ratio: int = 4) -> nn.Sequential:
    """[..., C] -> [..., C] through `ratio` times as many."""
    return nn.Sequential(nn.Linear(channels, ratio * channels), nn.GELU(), nn.Linear(ratio * channels, channels))


def ramp(drop_path: float, blocks: int) -> Iterator[float]:
    """Rates of stochastic depth per block, linear from 0 to drop_path (arXiv 1603.09382)."""
    return (drop_path * i / max(blocks - 1, 1) for i in range(blocks))


def init_normal(module: nn.Module, *kinds: type[nn.Module]) -> None:
    """Draw the weights of all modules of these kinds from a truncated normal; their biases become 0."""
    for part in module.modules():
        if isinstance(part, kinds):
            nn.init.trunc_normal_(part.weight, std=INIT_STD)  # type: ignore[arg-type]  # linear and convolution
            if part.bias is not None:
                nn.init.zeros_(part.bias)  # type: ignore[arg-type]
