"""Attention kinds of the trunk's late half, each for pictures and volumes: x [B, *grid, C] -> [B, *grid, C].

stripe               a head sees its own axis whole and `width` cells of every other (CSWin, arXiv 2107.00652; here n-D)
global               every cell sees every cell (ViT, arXiv 2010.11929)
shifted_window       cosine attention in windows, log-spaced bias, every other block shifted (Swin v2, arXiv 2111.09883)
spatial_reduction    keys and values are pooled (PVT, arXiv 2102.12122)

Departures: grids that do not divide are padded, and padded cells are masked as keys, so nothing outside the picture is
ever seen; the local term on V (CSWin's LePE) runs over the whole map, not inside a stripe; all go through
scaled_dot_product_attention with shapes [B, heads, L, d].
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class Attention(nn.Module):
    """What all kinds share: one projection to q, k, v, the local term on V, one projection out."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(channels, 3 * channels)
        self.local = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.out = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        qkv = self.qkv(x)  # [B, *grid, 3C]
        seen = self.attend(qkv.unflatten(-1, (3, self.heads, -1)))  # [B, *grid, heads, d]
        return self.out(seen.flatten(-2) + per_slice(self.local, qkv.chunk(3, dim=-1)[2]))  # [B, *grid, C]

    def attend(self, qkv: Tensor) -> Tensor:
        """[B, *grid, 3, heads, d] -> [B, *grid, heads, d]."""
        raise NotImplementedError


class Stripe(Attention):
    """Cost: N * width**(axes - 1) * longest axis for N cells, where global attention pays N * N. Heads: a multiple of
    6.
    """

    def __init__(self, channels: int, heads: int, width: int = 2) -> None:
        super().__init__(channels, heads)
        self.width = width

    def attend(self, qkv: Tensor) -> Tensor:
        axes = qkv.ndim - 4
        per_axis = qkv.split(self.heads // axes, dim=-2)  # each [B, *grid, 3, h, d]
        return torch.cat([self._along(axis, part) for axis, part in enumerate(per_axis)], dim=-2)

    def _along(self, axis: int, qkv: Tensor) -> Tensor:
        grid = qkv.shape[1:-3]
        return attend_in_boxes(qkv, [size if a == axis else self.width for a, size in enumerate(grid)])


class Global(Attention):
    """The reference, and the best choice for small grids."""

    def attend(self, qkv: Tensor) -> Tensor:
        return attend_in_boxes(qkv, qkv.shape[1:-3])


class ShiftedWindow(Attention):
    """Windows of `width` cells a side; `shift` moves them by half a window. Bias: an MLP over log-spaced offsets."""

    def __init__(self, channels: int, heads: int, width: int = 7, shift: bool = False) -> None:
        super().__init__(channels, heads)
        self.width, self.shift = width, shift
        self.log_scale = nn.Parameter(torch.full((heads, 1, 1), math.log(10.0)))
        self.bias = nn.Sequential(nn.Linear(3, 64), nn.ReLU(), nn.Linear(64, heads, bias=False))

    def attend(self, qkv: Tensor) -> Tensor:
        q, k, v = qkv.unbind(dim=-3)  # each [B, *grid, heads, d]
        scale = self.log_scale.clamp(max=math.log(100.0)).exp().squeeze(-1) * math.sqrt(q.shape[-1])  # [heads, 1]
        qkv = torch.stack([F.normalize(q, dim=-1) * scale, F.normalize(k, dim=-1), v], dim=-3)
        box = [min(self.width, size) for size in qkv.shape[1:-3]]
        offset = [
            side // 2 if self.shift and side < size else 0 for side, size in zip(box, qkv.shape[1:-3], strict=True)
        ]
        return attend_in_boxes(qkv, box, offset=offset, bias=self.log_spaced_bias(box))

    def log_spaced_bias(self, box: Sequence[int]) -> Tensor:
        """[heads, L, L] for the L cells of a box; offsets are signed log2(1 + |cells|), depth is 0 in 2-D."""
        at = torch.stack(torch.meshgrid(*[torch.arange(side) for side in box], indexing="ij"), dim=-1).flatten(0, -2)
        offset = (at[:, None] - at[None]).to(self.log_scale)  # [L, L, axes]
        offset = F.pad(offset.sign() * torch.log2(1 + offset.abs()), (3 - offset.shape[-1], 0))  # [L, L, 3]
        return 16 * torch.sigmoid(self.bias(offset)).permute(2, 0, 1)  # [heads, L, L]


class SpatialReduction(Attention):
    """Every cell sees the means of boxes of `ratio` cells a side (within a slice)."""

    def __init__(self, channels: int, heads: int, ratio: int = 2) -> None:
        super().__init__(channels, heads)
        self.ratio = ratio

    def attend(self, qkv: Tensor) -> Tensor:
        q, k, v = qkv.flatten(1, -4).permute(2, 0, 3, 1, 4)  # each [B, heads, N, d]
        del k, v
        pooled = per_slice(self._pool, qkv[..., 1:, :, :].flatten(-3))  # [B, *smaller, 2C]
        k, v = pooled.unflatten(-1, (2, self.heads, -1)).flatten(1, -4).permute(2, 0, 3, 1, 4)  # [B, heads, M, d]
        seen = scaled_dot_product_attention(q, k, v)  # [B, heads, N, d]
        return seen.transpose(1, 2).unflatten(1, qkv.shape[1:-3])  # [B, *grid, heads, d]

    def _pool(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, self.ratio, ceil_mode=True, count_include_pad=False)


def attend_in_boxes(
    qkv: Tensor, box: Sequence[int], *, offset: Sequence[int] | None = None, bias: Tensor | None = None
) -> Tensor:
    """[B, *grid, 3, h, d] -> [B, *grid, h, d]: softmax attention among the cells of each box. bias: [h, L, L].

    The grid is padded to whole boxes (before it by box - offset, if given) and padded keys are masked.
    """
    grid = qkv.shape[1:-3]
    before = [(b - o) % b if o else 0 for b, o in zip(box, offset or [0] * len(box), strict=True)]
    after = [-(size + p) % b for size, p, b in zip(grid, before, box, strict=True)]
    padded = any(before) or any(after)
    mask = None
    if padded:
        margins = [m for pair in zip(reversed(before), reversed(after), strict=True) for m in pair]
        inside = F.pad(qkv.new_ones((1, *grid, 1)), [0, 0, *margins])  # [1, *padded, 1]
        qkv = F.pad(qkv, [0, 0, 0, 0, 0, 0, *margins])
        seen = split(inside, box)[:, None, None, :, 0] > 0  # [S, 1, 1, L]
        mask = seen.repeat(qkv.shape[0], 1, 1, 1)  # [B*S, 1, 1, L]
        # A box that holds no cell of the picture would be a softmax over nothing: let it see itself, it is cropped
        # anyway.
        mask = mask | ~mask.any(dim=-1, keepdim=True)
        mask = torch.zeros_like(mask, dtype=qkv.dtype).masked_fill(~mask, float("-inf"))
    if bias is not None:
        mask = bias[None] if mask is None else bias[None] + mask  # [B*S, h, L, L]
    whole = qkv.shape[1:-3]
    q, k, v = split(qkv, box).permute(2, 0, 3, 1, 4)  # each [B*S, h, L, d]
    y = scaled_dot_product_attention(q, k, v, attn_mask=mask)  # [B*S, h, L, d]
    y = join(y.transpose(1, 2), whole, box)  # [B, *padded, h, d]
    if padded:
        for axis, (p, size) in enumerate(zip(before, grid, strict=True)):
            y = y.narrow(axis + 1, p, size)
    return y


def split(x: Tensor, box: Sequence[int]) -> Tensor:
    """[B, *grid, ...] -> [B*S, L, ...]: S boxes of L cells each."""
    axes = len(box)
    for axis, side in enumerate(box):
        x = x.unflatten(1 + 2 * axis, (-1, side))  # [B, n1, b1, n2, b2, ..., ...]
    outer, inner = [1 + 2 * a for a in range(axes)], [2 + 2 * a for a in range(axes)]
    rest = list(range(1 + 2 * axes, x.ndim))
    return x.permute(0, *outer, *inner, *rest).flatten(axes + 1, 2 * axes).flatten(0, axes)


def join(x: Tensor, grid: Sequence[int], box: Sequence[int]) -> Tensor:
    """[B*S, L, ...] -> [B, *grid, ...], the inverse of `split`."""
    axes = len(box)
    counts = [size // side for size, side in zip(grid, box, strict=True)]
    x = x.unflatten(1, tuple(box)).unflatten(0, (-1, *counts))  # [B, n1, n2, ..., b1, b2, ..., ...]
    pairs = [p for a in range(axes) for p in (1 + a, 1 + axes + a)]
    x = x.permute(0, *pairs, *range(1 + 2 * axes, x.ndim))  # [B, n1, b1, n2, b2, ..., ...]
    for axis in range(axes):
        x = x.flatten(1 + axis, 2 + axis)
    return x


def per_slice(function: nn.Module | object, x: Tensor) -> Tensor:
    """Run a channels-first 2-D function on each slice of [B, *grid, C] -> [B, *grid', C']."""
    slices = x.flatten(0, -4).permute(0, 3, 1, 2)  # [B*D, C, H, W]
    y = function(slices).permute(0, 2, 3, 1)  # type: ignore[operator]
    return y.unflatten(0, x.shape[:-3])


def make_attention(kind: str, channels: int, heads: int, index: int) -> Attention:
    """Block `index` of a stage. Raises ValueError for an unknown kind."""
    if kind == "stripe":
        return Stripe(channels, heads)
    if kind == "global":
        return Global(channels, heads)
    if kind == "shifted_window":
        return ShiftedWindow(channels, heads, shift=index % 2 == 1)
    if kind == "spatial_reduction":
        return SpatialReduction(channels, heads)
    raise ValueError(f"attention kinds are stripe, global, shifted_window, spatial_reduction; got {kind!r}")
