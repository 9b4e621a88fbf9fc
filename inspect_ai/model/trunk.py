"""Shared trunk: convolution early, attention late, one set of weights for pictures and volumes.

Layout C-C-T-T (CoAtNet, arXiv 2106.04803): inverted residuals to stride 16, where a volume is a batch of slices; stripe
attention at stride 16 and full attention at stride 32 over rows, columns and, in a volume, slices. Position is
conditional: a depthwise convolution before each attention stage (CPVT, arXiv 2102.10882) and, along depth, a depthwise
1-D one that starts at zero. The convolution stages are EfficientNet-Lite0's, shape for shape, all blocks to stride 16
in `small`, the first block of each stage in `tiny` (the others are residual, so that what follows still fits): real
ImageNet weights start both.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from inspect_ai.model.attention import make_attention, per_slice
from inspect_ai.model.backbone import Backbone
from inspect_ai.model.convolution import ConvNorm, DropPath, MBConv


@dataclass(frozen=True, slots=True)
class Stage:
    """`blocks` inverted residuals; the first takes the stride."""

    channels: int
    blocks: int
    kernel: int
    stride: int
    expansion: int


@dataclass(frozen=True, slots=True)
class Size:
    """One size of the trunk. late: (channels, heads, blocks) at strides 16 and 32; heads a multiple of 6."""

    stem: int
    stages: tuple[Stage, ...]
    late: tuple[tuple[int, int, int], tuple[int, int, int]]
    readout: int


SIZES = {
    "tiny": Size(
        stem=32,
        stages=(Stage(16, 1, 3, 1, 1), Stage(24, 1, 3, 2, 6), Stage(40, 1, 5, 2, 6), Stage(80, 1, 3, 2, 6)),
        late=((96, 6, 2), (144, 6, 2)),
        readout=96,
    ),
    "small": Size(
        stem=32,
        stages=(
            Stage(16, 1, 3, 1, 1),
            Stage(24, 2, 3, 2, 6),
            Stage(40, 2, 5, 2, 6),
            Stage(80, 3, 3, 2, 6),
            Stage(112, 3, 5, 1, 6),
        ),
        late=((192, 6, 2), (192, 6, 2)),
        readout=96,
    ),
}
MLP_RATIO = 3
LAYER_SCALE = 0.1  # start of each late branch: near identity, so that pretrained early features pass (arXiv 2103.17239)


class Trunk(Backbone):
    """Picture [B, 3, H, W] or volume [B, 3, D, H, W] -> tokens at strides 8, 16 and 32, each [B, *grid, C].

    A volume of one slice is a picture. Any H, W of at least 32 works; strides round up.
    """

    cornered = True

    def __init__(self, size: Size, attention: str = "stripe", drop_path: float = 0.1) -> None:
        super().__init__()
        self.stem = ConvNorm(3, size.stem, 3, stride=2)
        self.act = nn.ReLU6()
        blocks: list[nn.Module] = []
        channels, stride, self.tap = size.stem, 2, 0
        total = sum(s.blocks for s in size.stages) + sum(n for _, _, n in size.late)
        for stage in size.stages:
            stride *= stage.stride
            for i in range(stage.blocks):
                p = drop_path * len(blocks) / total
                blocks.append(
                    MBConv(channels, stage.channels, stage.kernel, stage.stride if i == 0 else 1, stage.expansion, p)
                )
                channels = stage.channels
            if stride == 8:
                self.tap = len(blocks)  # tokens of stride 8 leave here
                at_8 = channels
        self.early = nn.ModuleList(blocks)
        (c16, h16, n16), (c32, h32, n32) = size.late
        self.to_16 = ConvNorm(channels, c16, 1)
        self.to_32 = ConvNorm(c16, c32, 3, stride=2)
        self.late_16 = LateStage(attention, c16, h16, n16, drop_path)
        self.late_32 = LateStage("global" if attention == "stripe" else attention, c32, h32, n32, drop_path)
        self.channels, self.strides = (at_8, c16, c32), (8, 16, 32)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if x.ndim == 5 and x.shape[2] == 1:
            x = x[:, :, 0]  # one slice: a picture
        lead = x.shape[:1] if x.ndim == 4 else (x.shape[0], x.shape[2])
        slices = x if x.ndim == 4 else x.transpose(1, 2).flatten(0, 1)  # [B*D, 3, H, W]
        y = self.act(self.stem(slices))
        for block in self.early[: self.tap]:
            y = block(y)
        at_8 = tokens(y, lead)
        for block in self.early[self.tap :]:
            y = block(y)
        at_16 = self.late_16(tokens(self.to_16(y), lead))
        at_32 = self.late_32(per_slice(self.to_32, at_16))
        return at_8, at_16, at_32


class LateStage(nn.Module):
    """Late stage, position and then attention blocks: [B, *grid, C] -> [B, *grid, C]."""

    def __init__(self, attention: str, channels: int, heads: int, blocks: int, drop_path: float) -> None:
        super().__init__()
        self.position = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.depth_position = nn.Conv1d(channels, channels, 3, padding=1, groups=channels)
        nn.init.zeros_(self.depth_position.weight)
        nn.init.zeros_(self.depth_position.bias)  # type: ignore[arg-type]  # it has a bias
        self.blocks = nn.ModuleList([Block(attention, channels, heads, i, drop_path) for i in range(blocks)])

    def forward(self, x: Tensor) -> Tensor:
        x = x + per_slice(self.position, x)
        if x.ndim == 5:
            columns = x.flatten(2, 3).permute(0, 2, 3, 1).flatten(0, 1)  # [B*h*w, C, D]
            shifts = self.depth_position(columns).unflatten(0, (x.shape[0], -1))  # [B, h*w, C, D]
            x = x + shifts.permute(0, 3, 1, 2).unflatten(2, x.shape[2:4])
        for block in self.blocks:
            x = block(x)
        return x


class Block(nn.Module):
    """Pre-norm attention and MLP with scaled residuals."""

    def __init__(self, attention: str, channels: int, heads: int, index: int, drop_path: float) -> None:
        super().__init__()
        self.norm_1, self.norm_2 = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.attention = make_attention(attention, channels, heads, index)
        self.mlp = nn.Sequential(
            nn.Linear(channels, MLP_RATIO * channels), nn.GELU(), nn.Linear(MLP_RATIO * channels, channels)
        )
        self.scale_1 = nn.Parameter(torch.full((channels,), LAYER_SCALE))
        self.scale_2 = nn.Parameter(torch.full((channels,), LAYER_SCALE))
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop_path(self.scale_1 * self.attention(self.norm_1(x)))
        return x + self.drop_path(self.scale_2 * self.mlp(self.norm_2(x)))


def tokens(x: Tensor, lead: tuple[int, ...] | torch.Size) -> Tensor:
    """[B*D, C, h, w] -> [B, D, h, w, C], or [B, C, h, w] -> [B, h, w, C]."""
    return x.permute(0, 2, 3, 1).unflatten(0, tuple(lead)) if len(lead) > 1 else x.permute(0, 2, 3, 1)
