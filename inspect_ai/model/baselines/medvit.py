"""MedViT (Manzari et al. 2023, arXiv 2302.09462): convolution blocks, then a transformer block, in every stage but the
first.

Ours: half of the published small model's widths (64, not 48, in the first stage: a multiple of a group) and 2, 2, 5, 2
blocks in place of its 3, 4, 10, 3. Departures: keys and values are pooled over squares of the map, where the published
code pools runs of 64, 16 or 4 tokens in reading order; the feed-forward adds one residual, not two, and has no
squeeze-and-excitation (none is in the paper's figure); batch norm stands behind a 1x1 convolution, never before it, so
that all of it folds. The paper's swap of feature statistics among pictures of a batch is a way to train, not a layer,
and is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from inspect_ai.model.baselines.parts import Pyramid, init_normal, ramp
from inspect_ai.model.convolution import ConvNorm, DropPath

GROUP = 32  # channels of a head, and of a group of the grouped convolutions
STEM = (64, 32, 64)
GLOBAL_SHARE = 0.75  # of a transformer block's channels attend, the others convolve
EXPANSION_CONVOLUTION, EXPANSION_TRANSFORMER = 3, 2


@dataclass(frozen=True, slots=True)
class Stage:
    """Widths of a stage's convolution blocks and of its transformer block; a key is the mean of pool x pool cells."""

    convolution: tuple[int, ...]
    transformer: tuple[int, ...] = ()
    pool: int = 1


STAGES = (Stage((64, 64)), Stage((96,), (128,), 4), Stage((192, 192, 192, 192), (256,), 2), Stage((384,), (512,)))


class MedViT(Pyramid):
    """A stem of four 3x3 convolutions to stride 4, then four stages; every stage but the first halves the map."""

    def __init__(self, drop_path: float) -> None:
        drops = ramp(drop_path, sum(len(s.convolution + s.transformer) for s in STAGES))
        first, second, third, fourth = (
            nn.Sequential(*blocks(stage, before, drops)) for stage, before in zip(STAGES, (None, *STAGES), strict=False)
        )
        super().__init__([nn.Sequential(stem(), first, second), third, fourth], (128, 256, 512))
        init_normal(self, nn.Conv2d)


def stem() -> nn.Sequential:
    """[B, 3, H, W] -> [B, 64, H/4, W/4]."""
    a, b, c = STEM
    convolutions = (ConvNorm(3, a, 3, 2), ConvNorm(a, b, 3), ConvNorm(b, c, 3), ConvNorm(c, c, 3, 2))
    return nn.Sequential(*[layer for convolution in convolutions for layer in (convolution, nn.ReLU())])


def blocks(stage: Stage, before: Stage | None, drops: Iterator[float]) -> Iterator[nn.Module]:
    """The blocks of a stage, given the one before it; the first block halves the map unless the stage is the first."""
    inputs, stride = ((before.convolution + before.transformer)[-1], 2) if before else (STEM[-1], 1)
    for width in stage.convolution:
        yield ConvolutionBlock(inputs, width, stride, next(drops))
        inputs, stride = width, 1
    for width in stage.transformer:
        yield TransformerBlock(inputs, width, stride, stage.pool, next(drops))


class ConvolutionBlock(nn.Module):
    """The paper's ECB: [B, inputs, h, w] -> [B, outputs, h / stride, w / stride]."""

    def __init__(self, inputs: int, outputs: int, stride: int, drop_path: float) -> None:
        super().__init__()
        self.embed = embedding(inputs, outputs, stride)
        self.local, self.feed_forward = ConvolutionalAttention(outputs), feed_forward(outputs, EXPANSION_CONVOLUTION)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        x = x + self.drop_path(self.local(x))
        return x + self.drop_path(self.feed_forward(x))


class TransformerBlock(nn.Module):
    """The paper's LTB: attention over the whole map, concatenated with a convolution of its result."""

    def __init__(self, inputs: int, outputs: int, stride: int, pool: int, drop_path: float) -> None:
        super().__init__()
        wide = int(outputs * GLOBAL_SHARE)
        self.embed = embedding(inputs, wide, stride)
        self.attention, self.drop_global = PooledAttention(wide, pool), DropPath(drop_path * GLOBAL_SHARE)
        self.narrow = ConvNorm(wide, outputs - wide, 1)
        self.local = ConvolutionalAttention(outputs - wide)
        self.drop_local = DropPath(drop_path * (1 - GLOBAL_SHARE))
        self.feed_forward, self.drop_path = feed_forward(outputs, EXPANSION_TRANSFORMER), DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        x = x + self.drop_global(self.attention(x))
        near = self.narrow(x)
        near = near + self.drop_local(self.local(near))
        x = torch.cat([x, near], dim=1)  # [B, outputs, h, w]
        return x + self.drop_path(self.feed_forward(x))


class ConvolutionalAttention(nn.Module):
    """The paper's MHCA: [B, C, h, w] -> [B, C, h, w], a 3x3 convolution per head, then 1x1 across heads."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.heads = ConvNorm(channels, channels, 3, groups=channels // GROUP)
        self.act = nn.ReLU()
        self.out = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.act(self.heads(x)))


class PooledAttention(nn.Module):
    """The paper's ESA: [B, C, h, w] -> [B, C, h, w], every cell sees the means of squares of `pool` cells a side."""

    def __init__(self, channels: int, pool: int) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(pool) if pool > 1 else nn.Identity()
        self.q, self.kv = ConvNorm(channels, channels, 1), ConvNorm(channels, 2 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        q = self.by_head(self.q(x))  # [B, heads, N, d]
        k, v = self.by_head(self.kv(self.pool(x))).chunk(2, dim=1)  # each [B, heads, M, d]
        seen = scaled_dot_product_attention(q, k, v).transpose(-1, -2)  # [B, heads, d, N]
        return self.out(seen.reshape(x.shape))

    def by_head(self, x: Tensor) -> Tensor:
        """[B, heads*d, h, w] -> [B, heads, h*w, d]."""
        return x.flatten(2).unflatten(1, (-1, GROUP)).transpose(-1, -2)


def embedding(inputs: int, outputs: int, stride: int) -> nn.Module:
    """[B, inputs, h, w] -> [B, outputs, h / stride, w / stride]: means, then a 1x1 convolution, each where needed."""
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    return nn.Sequential(nn.AvgPool2d(stride) if stride > 1 else nn.Identity(), ConvNorm(inputs, outputs, 1))


def feed_forward(channels: int, expansion: int) -> nn.Sequential:
    """The paper's LFFN: [B, C, h, w] -> [B, C, h, w], an MLP over channels with a depthwise 3x3 in its middle."""
    wide = expansion * channels
    widen, local, narrow = (
        ConvNorm(channels, wide, 1),
        ConvNorm(wide, wide, 3, groups=wide),
        ConvNorm(wide, channels, 1),
    )
    return nn.Sequential(widen, nn.Hardswish(), local, nn.Hardswish(), narrow)
