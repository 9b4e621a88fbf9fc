"""ConvNeXt (arXiv 2201.03545) of the size called atto: widths 40, 80, 160, 320 and blocks 2, 2, 6, 2.

As in the paper's detectors, each output map has a norm of its own; the classifier's norm is the last of them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from inspect_ai.model.backbone import Backbone
from inspect_ai.model.baselines.parts import channels_last, init_normal, mlp, ramp
from inspect_ai.model.convolution import DropPath

WIDTHS, DEPTHS = (40, 80, 160, 320), (2, 2, 6, 2)
PATCH, KERNEL = 4, 7
LAYER_SCALE = 1e-6
EPS = 1e-6


class ConvNeXt(Backbone):
    """Patches of 4 pixels, then four stages; every stage but the first halves the map."""

    def __init__(self, drop_path: float) -> None:
        super().__init__()
        self.channels, self.strides = WIDTHS[1:], (8, 16, 32)
        self.patches = nn.Conv2d(3, WIDTHS[0], PATCH, PATCH)
        self.norm = nn.LayerNorm(WIDTHS[0], eps=EPS)
        drops, stages = ramp(drop_path, sum(DEPTHS)), []
        for i, (width, depth) in enumerate(zip(WIDTHS, DEPTHS, strict=True)):
            blocks = [Block(width, next(drops)) for _ in range(depth)]
            stages.append(nn.Sequential(*([Halve(WIDTHS[i - 1], width)] if i else []), *blocks))
        self.stages = nn.ModuleList(stages)
        self.norms = nn.ModuleList([nn.LayerNorm(width, eps=EPS) for width in self.channels])
        init_normal(self, nn.Linear, nn.Conv2d)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        x = self.norm(channels_last(self.patches(x)))  # [B, h, w, C]
        x, maps = self.stages[0](x), []
        for stage, norm in zip(self.stages[1:], self.norms, strict=True):
            x = stage(x)
            maps.append(norm(x))
        return tuple(maps)


class Halve(nn.Module):
    """Norm and 2x2 convolution: [B, h, w, inputs] -> [B, h/2, w/2, outputs]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm, self.conv = nn.LayerNorm(inputs, eps=EPS), nn.Conv2d(inputs, outputs, 2, 2)

    def forward(self, x: Tensor) -> Tensor:
        return channels_last(self.conv(channels_first(self.norm(x))))


class Block(nn.Module):
    """[B, h, w, C] -> [B, h, w, C]: a wide depthwise convolution, then the MLP, one scaled residual around both."""

    def __init__(self, channels: int, drop_path: float) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, KERNEL, padding=KERNEL // 2, groups=channels)
        self.norm, self.mlp = nn.LayerNorm(channels, eps=EPS), mlp(channels)
        self.scale = nn.Parameter(torch.full((channels,), LAYER_SCALE))
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(channels_last(self.depthwise(channels_first(x))))
        return x + self.drop_path(self.scale * self.mlp(y))


def channels_first(x: Tensor) -> Tensor:
    """[B, h, w, C] -> [B, C, h, w]."""
    return x.permute(0, 3, 1, 2)
