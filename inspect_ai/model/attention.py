"""Attention kinds of the trunk's late half, each for pictures and volumes: x [B, *grid, C] -> [B, *grid, C].

stripe               a head sees its own axis whole and `width` cells of every other (CSWin, arXiv 2107.00652; here n-D)
global               every cell sees every cell (ViT, arXiv 2010.11929)
shifted_window       cosine attention in windows, log-spaced bias, every other block shifted (Swin v2, arXiv 2111.09883)
spatial_reduction    keys and values are pooled (PVT, arXiv 2102.12122)
separable            one context vector for all cells, linear in their number (MobileViT v2, arXiv 2206.02680)
none                 an inverted residual in its place (MobileNetV2, arXiv 1801.04381), to measure attention against

Departures: grids that do not divide are padded, and padded cells are masked as keys, so nothing outside the picture is
ever seen; the local term on V (CSWin's LePE) is in every kind and runs over the whole map, not inside a stripe. The
first four go through scaled_dot_product_attention with shapes [B, heads, L, d].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class Attention(nn.Module):
    """Base of the kinds: one projection to q, k, v, the local term on V, one projection out."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(channels, 3 * channels)
        self.local = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.out = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        qkv = self.qkv(x)  # [B, *grid, 3C]
        v = qkv[..., 2 * x.shape[-1] :]  # [B, *grid, C]
        seen = self.attend(qkv.unflatten(-1, (3, self.heads, -1)))  # [B, *grid, C]
        return self.out(seen + per_slice(self.local, v))  # [B, *grid, C]

    def attend(self, qkv: Tensor) -> Tensor:
        """[B, *grid, 3, heads, d] -> [B, *grid, heads * d]."""
        raise NotImplementedError


class Stripe(Attention):
    """Attention in stripes along each axis, heads a multiple of 6. Cost for N cells: N * width**(axes - 1) * longest
    axis, where global attention costs N * N.
    """

    def __init__(self, channels: int, heads: int, width: int = 2) -> None:
        super().__init__(channels, heads)
        self.width = width

    def attend(self, qkv: Tensor) -> Tensor:
        axes = qkv.ndim - 4
        per_axis = qkv.split(self.heads // axes, dim=-2)  # each [B, *grid, 3, h, d]
        return torch.cat([self._along(axis, part) for axis, part in enumerate(per_axis)], dim=-1)

    def _along(self, axis: int, qkv: Tensor) -> Tensor:
        grid = qkv.shape[1:-3]
        return attend_in_boxes(qkv, [size if a == axis else self.width for a, size in enumerate(grid)])


class Global(Attention):
    """Attention over all cells: the reference, and the best choice for small grids."""

    def attend(self, qkv: Tensor) -> Tensor:
        return attend_in_boxes(qkv, qkv.shape[1:-3])


class ShiftedWindow(Attention):
    """Attention in windows of `width` cells a side; `shift` moves them by half. Bias: MLP over log-spaced offsets."""

    def __init__(self, channels: int, heads: int, width: int = 7, shift: bool = False) -> None:
        super().__init__(channels, heads)
        self.width, self.shift = width, shift
        self.log_scale = nn.Parameter(torch.full((heads, 1, 1), math.log(10.0)))
        self.bias = nn.Sequential(nn.Linear(3, 64), nn.ReLU(), nn.Linear(64, heads, bias=False))

    def attend(self, qkv: Tensor) -> Tensor:
        q, k, v = qkv.unbind(dim=-3)  # each [B, *grid, heads, d]
        scale = self.log_scale.clamp(max=math.log(100.0)).exp().squeeze(-1) * math.sqrt(q.shape[-1])  # [heads, 1]
        qkv = torch.stack([F.normalize(q, dim=-1) * scale, F.normalize(k, dim=-1), v], dim=-3)
        box = [min(self.width, size) if isinstance(size, int) else self.width for size in qkv.shape[1:-3]]
        return attend_in_boxes(qkv, box, margins=self._margins(qkv.shape[1:-3], box), bias=self.log_spaced_bias(box))

    def _margins(self, grid: Sequence[int], box: Sequence[int]) -> list[tuple[int, int]]:
        """Padding of each axis. Before: a shift by half a window, on axes longer than one. After: up to whole windows.

        Arithmetic alone, and multiples before differences: in an export a size is a symbol.
        """
        late, many = self.width - self.width // 2 if self.shift else 0, self.width
        before = [torch.sym_max(0, torch.sym_min(late, many * (size - self.width))) for size in grid]
        whole = [(size + p + side - 1) // side * side for size, p, side in zip(grid, before, box, strict=True)]
        return [(p, padded - (size + p)) for p, padded, size in zip(before, whole, grid, strict=True)]

    def log_spaced_bias(self, box: Sequence[int]) -> Tensor:
        """[heads, L, L] for the L cells of a box; offsets are signed log2(1 + |cells|), depth is 0 in 2-D."""
        at = torch.stack(torch.meshgrid(*[torch.arange(side) for side in box], indexing="ij"), dim=-1).flatten(0, -2)
        offset = (at[:, None] - at[None]).to(self.log_scale)  # [L, L, axes]
        offset = F.pad(offset.sign() * torch.log2(1 + offset.abs()), (3 - offset.shape[-1], 0))  # [L, L, 3]
        return 16 * torch.sigmoid(self.bias(offset)).permute(2, 0, 1)  # [heads, L, L]


class SpatialReduction(Attention):
    """Attention of every cell to the means of boxes of `ratio` cells a side (within a slice)."""

    def __init__(self, channels: int, heads: int, ratio: int = 2) -> None:
        super().__init__(channels, heads)
        self.ratio = ratio

    def attend(self, qkv: Tensor) -> Tensor:
        q = qkv[..., 0, :, :].flatten(1, -3).transpose(1, 2)  # [B, heads, N, d]
        pooled = per_slice(self._pool, qkv[..., 1:, :, :].flatten(-3))  # [B, *smaller, 2C]
        k, v = pooled.unflatten(-1, (2, self.heads, -1)).flatten(1, -4).permute(2, 0, 3, 1, 4)  # [B, heads, M, d]
        seen = scaled_dot_product_attention(q, k, v)  # [B, heads, N, d]
        return seen.transpose(1, 2).flatten(2).unflatten(1, qkv.shape[1:-3])  # [B, *grid, heads * d]

    def _pool(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, self.ratio, ceil_mode=True, count_include_pad=False)


class Separable(nn.Module):
    """One score per cell, softmax over cells, and by it the mean of K: a context that multiplies ReLU(V). No heads."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.skv = nn.Linear(channels, 1 + 2 * channels)
        self.local = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.out = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        score, k, v = self.skv(x).split([1, x.shape[-1], x.shape[-1]], dim=-1)  # [B, *grid, 1 or C]
        weight = score.flatten(1).softmax(dim=-1)  # [B, N]
        context = (weight[:, None] @ k.flatten(1, -2)).squeeze(1)  # [B, C]
        seen = v.relu() * context.unflatten(0, (-1, *[1] * (x.ndim - 2)))  # [B, *grid, C]
        return self.out(seen + per_slice(self.local, v))  # [B, *grid, C]


class InvertedResidual(nn.Module):
    """Widen, convolve each channel in the slice and along depth, narrow. Twice as wide: as many weights as attention.

    The convolution along depth is residual and starts at zero, so that a picture's weights also suit a volume.
    """

    def __init__(self, channels: int, expansion: int = 2) -> None:
        super().__init__()
        wide = expansion * channels
        self.act = nn.ReLU6()
        self.in_slice = nn.Sequential(
            nn.Conv2d(channels, wide, 1), self.act, nn.Conv2d(wide, wide, 3, padding=1, groups=wide)
        )
        self.along_depth = nn.Conv1d(wide, wide, 3, padding=1, groups=wide)
        self.narrow = nn.Sequential(self.act, nn.Conv2d(wide, channels, 1))
        nn.init.zeros_(self.along_depth.weight)
        nn.init.zeros_(self.along_depth.bias)  # type: ignore[arg-type]  # it has a bias

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim == 4:
            return per_slice(nn.Sequential(self.in_slice, self.narrow), x)  # [B, h, w, C]
        y = per_slice(self.in_slice, x)  # [B, D, h, w, wide]
        columns = y.permute(0, 2, 3, 4, 1)  # [B, h, w, wide, D]
        shifts = self.along_depth(columns.flatten(0, 2)).unflatten(0, columns.shape[:3])  # [B, h, w, wide, D]
        return per_slice(self.narrow, y + shifts.permute(0, 4, 1, 2, 3))  # [B, D, h, w, C]


def attend_in_boxes(
    qkv: Tensor, box: Sequence[int], *, margins: Sequence[tuple[int, int]] | None = None, bias: Tensor | None = None
) -> Tensor:
    """[B, *grid, 3, h, d] -> [B, *grid, h * d]: softmax attention among the cells of each box. bias: [h, L, L].

    The grid is padded by `margins` before and after each axis (default: after it, to whole boxes), and padded keys are
    masked. In an export, where sizes are symbols, given margins always pad; without, the exporter proves them zero.
    """
    grid = qkv.shape[1:-3]
    always = margins is not None and any(isinstance(size, torch.SymInt) for size in grid)
    margins = margins or [(0, -size % side) for size, side in zip(grid, box, strict=True)]
    padded = always or any(before or after for before, after in margins)
    mask = None if bias is None else bias[None]  # [1, h, L, L]
    if padded:
        pads = [0] * 6 + [m for pair in reversed(margins) for m in pair]  # F.pad counts axes from the last
        inside = F.pad(qkv.new_ones((1, *grid, 1, 1, 1)), pads)  # [1, *padded, 1, 1, 1]
        hidden = hide(split(inside, box)[:, None, None, :, 0, 0, 0]).repeat(qkv.shape[0], 1, 1, 1)  # [B*S, 1, 1, L]
        mask = hidden if mask is None else mask + hidden  # [B*S, 1 or h, 1 or L, L]
        qkv = F.pad(qkv, pads)
    whole = qkv.shape[1:-3]
    q, k, v = split(qkv, box).permute(2, 0, 3, 1, 4).unbind(0)  # each [B*S, h, L, d]
    y = join(scaled_dot_product_attention(q, k, v, attn_mask=mask), whole, box)  # [B, *padded, h * d]
    if padded:
        for axis, ((before, _), size) in enumerate(zip(margins, grid, strict=True)):
            y = y.narrow(axis + 1, before, size)
    return y


def hide(inside: Tensor) -> Tensor:
    """Mask for logits, 0 inside the picture and -inf outside, from 1 inside and 0 outside.

    A box without a cell of the picture sees itself, so that no softmax runs over nothing; it is cropped afterwards.
    """
    seen = (inside > 0) | ~(inside > 0).any(dim=-1, keepdim=True)
    return torch.zeros_like(inside).masked_fill(~seen, float("-inf"))


def split(qkv: Tensor, box: Sequence[int]) -> Tensor:
    """[B, *grid, 3, h, d] -> [B*S, L, 3, h, d]: S boxes of L cells each; no copy where boxes are whole rows."""
    axes, rest = len(box), qkv.shape[-3:]
    pairs = [n for size, side in zip(qkv.shape[1:-3], box, strict=True) for n in (size // side, side)]
    counts, sides = range(1, 2 * axes, 2), range(2, 2 * axes + 1, 2)
    x = qkv.reshape(-1, *pairs, *rest)  # [B, n1, b1, n2, b2, ..., 3, h, d]
    x = x.permute(0, *counts, *sides, *range(2 * axes + 1, 2 * axes + 4))  # [B, n1, n2, ..., b1, b2, ..., 3, h, d]
    return x.reshape(-1, math.prod(box), *rest)


def join(y: Tensor, grid: Sequence[int], box: Sequence[int]) -> Tensor:
    """[B*S, h, L, d] -> [B, *grid, h * d]: boxes joined again, heads side by side, in one copy."""
    axes, (heads, d) = len(box), (y.shape[1], y.shape[3])
    counts = [size // side for size, side in zip(grid, box, strict=True)]
    y = y.reshape(-1, *counts, heads, *box, d)  # [B, n1, n2, ..., h, b1, b2, ..., d]
    pairs = [p for a in range(axes) for p in (1 + a, 2 + axes + a)]
    y = y.permute(0, *pairs, 1 + axes, 2 + 2 * axes)  # [B, n1, b1, n2, b2, ..., h, d]
    return y.reshape(-1, *grid, heads * d)


def per_slice(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Run a channels-first 2-D function on each slice of [B, *grid, C] -> [B, *grid', C']."""
    if x.ndim == 4:
        return function(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    y = function(x.flatten(0, 1).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)  # [B*D, h, w, C']
    return y.unflatten(0, x.shape[:2])


def make_attention(kind: str, channels: int, heads: int, index: int) -> nn.Module:
    """Make the attention of block `index` of a stage. Raises ValueError for an unknown kind."""
    kinds: dict[str, Callable[[], nn.Module]] = {
        "stripe": lambda: Stripe(channels, heads),
        "global": lambda: Global(channels, heads),
        "shifted_window": lambda: ShiftedWindow(channels, heads, shift=index % 2 == 1),
        "spatial_reduction": lambda: SpatialReduction(channels, heads),
        "separable": lambda: Separable(channels),
        "none": lambda: InvertedResidual(channels),
    }
    if kind not in kinds:
        raise ValueError(f"attention kinds are {', '.join(kinds)}; got {kind!r}")
    return kinds[kind]()
