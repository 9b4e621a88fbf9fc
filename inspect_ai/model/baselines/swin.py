"""Swin Transformer (arXiv 2103.14030) as Swin-T at half its width: 48 channels, blocks 2, 2, 6, 2, windows of 7.

Written here because MONAI's needs einops and branches on the picture's size, which a graph for any size cannot. Where a
map divides into windows the answer is MONAI's. Elsewhere ours departs: cells that only fill up a window are masked, and
a map smaller than a window keeps the offsets of the whole table. Padding and the cyclic shift are one gather.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from inspect_ai.model.attention import join, split
from inspect_ai.model.baselines.parts import INIT_STD, Backbone, channels_last, init_normal, mlp, ramp
from inspect_ai.model.convolution import DropPath

PATCH, WIDTH, WINDOW = 4, 48, 7
DEPTHS, HEADS = (2, 2, 6, 2), (3, 6, 12, 24)


class Swin(Backbone):
    """Patches of 4 pixels, then four stages; every stage but the first halves the map and doubles the channels."""

    def __init__(self, drop_path: float) -> None:
        super().__init__()
        self.channels, self.strides = (2 * WIDTH, 4 * WIDTH, 8 * WIDTH), (8, 16, 32)
        self.patches, self.norm = nn.Conv2d(3, WIDTH, PATCH, PATCH), nn.LayerNorm(WIDTH)
        drops, stages = ramp(drop_path, sum(DEPTHS)), []
        for i, (depth, heads) in enumerate(zip(DEPTHS, HEADS, strict=True)):
            blocks = [Block(WIDTH << i, heads, j % 2 == 1, next(drops)) for j in range(depth)]
            stages.append(nn.Sequential(*([Merge(WIDTH << (i - 1))] if i else []), *blocks))
        self.stages = nn.ModuleList(stages)
        self.norms = nn.ModuleList([nn.LayerNorm(channels) for channels in self.channels])
        init_normal(self, nn.Linear)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        x = self.norm(channels_last(self.patches(x)))  # [B, h, w, C]
        x, maps = self.stages[0](x), []
        for stage, norm in zip(self.stages[1:], self.norms, strict=True):
            x = stage(x)
            maps.append(norm(x))
        return tuple(maps)


class Merge(nn.Module):
    """[B, h, w, C] -> [B, h/2, w/2, 2C]: four neighbours become one cell."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduction, self.norm = nn.Linear(4 * channels, 2 * channels, bias=False), nn.LayerNorm(4 * channels)

    def forward(self, x: Tensor) -> Tensor:
        squares = x.unflatten(2, (-1, 2)).unflatten(1, (-1, 2))  # [B, h/2, 2, w/2, 2, C]
        return self.reduction(self.norm(squares.permute(0, 1, 3, 4, 2, 5).flatten(3)))


class Block(nn.Module):
    """[B, h, w, C] -> [B, h, w, C]: attention in windows, then the MLP."""

    def __init__(self, channels: int, heads: int, shifted: bool, drop_path: float) -> None:
        super().__init__()
        self.norm_1 = nn.LayerNorm(channels)
        self.attention = WindowAttention(channels, heads, WINDOW // 2 if shifted else 0)
        self.norm_2, self.mlp = nn.LayerNorm(channels), mlp(channels)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop_path(self.attention(self.norm_1(x)))
        return x + self.drop_path(self.mlp(self.norm_2(x)))


class WindowAttention(nn.Module):
    """[B, h, w, C] -> [B, h, w, C]: a cell sees its window, with a learnt bias for every offset."""

    index: Tensor

    def __init__(self, channels: int, heads: int, shift: int) -> None:
        super().__init__()
        self.heads, self.shift = heads, shift
        self.table = nn.Parameter(torch.empty((2 * WINDOW - 1) ** 2, heads))
        self.qkv, self.out = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        self.register_buffer("index", offset_index(), persistent=False)
        nn.init.trunc_normal_(self.table, std=INIT_STD)

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = (Placing(size, self.shift, x) for size in x.shape[1:3])
        x = x.index_select(1, rows.source).index_select(2, columns.source)  # [B, H, W, C], whole windows
        q, k, v = self.qkv(self.windows(x)).unflatten(-1, (3, self.heads, -1)).permute(3, 0, 1, 4, 2, 5)
        y = scaled_dot_product_attention(
            q.flatten(1, 2), k.flatten(1, 2), v.flatten(1, 2), attn_mask=self.bias(rows, columns).flatten(0, 1)
        )  # [B, S*heads, L, d]: a window's heads are heads, so that the bias serves the whole batch
        y = y.unflatten(1, (-1, self.heads)).transpose(2, 3).flatten(3)  # [B, S, L, C]
        y = self.out(y).flatten(0, 1)  # [B*S, L, C]
        y = join(y, x.shape[1:3], (WINDOW, WINDOW))  # [B, H, W, C]
        return y.index_select(1, rows.back).index_select(2, columns.back)

    def windows(self, x: Tensor) -> Tensor:
        """[B, H, W, C] -> [B, S, L, C]."""
        return split(x, (WINDOW, WINDOW)).unflatten(0, (x.shape[0], -1))

    def bias(self, rows: Placing, columns: Placing) -> Tensor:
        """[S, heads, L, L]: the learnt bias where a cell may look, minus infinity elsewhere."""
        region = 2 * rows.wrapped[:, None] + columns.wrapped  # [H, W]
        real = rows.real[:, None] & columns.real
        region, real = (split(m[None], (WINDOW, WINDOW))[:, None] for m in (region, real))  # [S, 1, L]
        # a cell that only fills up sees itself, so that no softmax runs over nothing; it is cropped anyway
        itself = torch.eye(WINDOW * WINDOW, dtype=torch.bool, device=real.device)
        seen = (region[..., None] == region[..., None, :]) & real[..., None, :] | itself  # [S, 1, L, L]
        learnt = self.table[self.index].permute(2, 0, 1)  # [heads, L, L]
        return learnt.masked_fill(~seen, float("-inf"))


class Placing:
    """Where the cells of one axis stand when it is filled up to whole windows and shifted.

    source, wrapped and real belong to the places: the cell that stands there, whether the shift carried it around the
    end, and whether it is a cell of the map; back says for each cell of the map where it stands. An axis of one window
    is not shifted. Tensors throughout, so that a graph for any size holds the rule and not its result.
    """

    def __init__(self, size: int, shift: int, like: Tensor) -> None:
        places = torch.arange((size + WINDOW - 1) // WINDOW * WINDOW, device=like.device)
        count = places[-1] + 1
        moved = shift * (count > WINDOW)
        at = (places + moved) % count
        self.source = at.clamp(max=size - 1)
        self.wrapped = (places + moved >= count).long()
        self.real = at < size
        self.back = (torch.arange(size, device=like.device) - moved) % count


def offset_index() -> Tensor:
    """[L, L]: the row of the table for two cells of a window."""
    at = torch.stack(torch.meshgrid(torch.arange(WINDOW), torch.arange(WINDOW), indexing="ij"), dim=-1).flatten(0, 1)
    offset = at[:, None] - at[None] + WINDOW - 1  # [L, L, 2], 0 .. 2 * WINDOW - 2
    return offset[..., 0] * (2 * WINDOW - 1) + offset[..., 1]
