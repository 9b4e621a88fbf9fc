"""Swin Transformer (arXiv 2103.14030) as Swin-T at half its width: 48 channels, blocks 2, 2, 6, 2, windows of 7.

Written here because MONAI's needs einops and branches on the picture's size, which a graph for any size cannot. Where a
map divides into windows the output is MONAI's. Elsewhere ours departs: cells that only fill up a window are masked, and
a map smaller than a window keeps the offsets of the whole table. Padding and the cyclic shift are one gather.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from inspect_ai.model.backbone import Backbone
from inspect_ai.model.baselines.parts import INIT_STD, channels_last, init_normal, mlp, ramp
from inspect_ai.model.convolution import DropPath

PATCH, WIDTH, WINDOW = 4, 48, 7
CELLS = WINDOW * WINDOW
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
        source, back, seen = windows(x.shape[1], x.shape[2], self.shift, x.device)
        cells = x.flatten(1, 2).index_select(1, source).unflatten(1, (-1, CELLS))  # [B, S, L, C]
        q, k, v = self.qkv(cells).unflatten(-1, (3, self.heads, -1)).permute(3, 0, 1, 4, 2, 5)
        bias = self.table[self.index].permute(2, 0, 1).masked_fill(~seen, float("-inf"))  # [S, heads, L, L]
        y = scaled_dot_product_attention(
            q.flatten(1, 2), k.flatten(1, 2), v.flatten(1, 2), attn_mask=bias.flatten(0, 1)
        )  # [B, S*heads, L, d]: a window's heads are heads, so that one bias serves the whole batch
        y = y.unflatten(1, (-1, self.heads)).transpose(2, 3).flatten(3)  # [B, S, L, C]
        return self.out(y.flatten(1, 2).index_select(1, back)).view(x.shape)


def windows(height: int, width: int, shift: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Layout of a map in S windows of L cells: its cells in the windows' order [S*L], the place of each cell [h*w], and
    a mask of the cells of a window that may see each other [S, 1, L, L].

    Tensors throughout, so that a graph for any size holds the rule and not its result.
    """
    across = (width + WINDOW - 1) // WINDOW
    place = torch.arange((height + WINDOW - 1) // WINDOW * across * CELLS, device=device)
    window, cell = place // CELLS, place % CELLS
    down = window // across
    rows = Axis(down * WINDOW + cell // WINDOW, height, shift)
    columns = Axis((window - down * across) * WINDOW + cell % WINDOW, width, shift)
    region, real = (2 * rows.wrapped + columns.wrapped).view(-1, CELLS), (rows.real & columns.real).view(-1, CELLS)
    # a cell that only fills up sees itself, so that no softmax runs over nothing; it is dropped anyway
    itself = torch.eye(CELLS, dtype=torch.bool, device=device)
    seen = (region[:, :, None] == region[:, None]) & real[:, None] | itself  # [S, L, L]
    row, column = rows.back[:, None], columns.back
    back = (row // WINDOW * across + column // WINDOW) * CELLS + row % WINDOW * WINDOW + column % WINDOW  # [h, w]
    return rows.source * width + columns.source, back.flatten(), seen[:, None]


class Axis:
    """One axis filled up to whole windows and shifted around its end; an axis of one window is not shifted.

    source, wrapped, real: for each place its cell, whether the shift carried it around the end, and whether it is a
    cell of the map. back: for each cell of the map its place.
    """

    def __init__(self, place: Tensor, size: int, shift: int) -> None:
        places = place[-1] + 1  # the last cell of the last window
        moved = shift * (places > WINDOW)
        cell = (place + moved) % places
        self.source, self.real = cell.clamp(max=size - 1), cell < size
        self.wrapped = (place + moved >= places).long()
        self.back = (torch.arange(size, device=place.device) - moved) % places


def offset_index() -> Tensor:
    """[L, L] row of the bias table for each two cells of a window."""
    at = torch.stack(torch.meshgrid(torch.arange(WINDOW), torch.arange(WINDOW), indexing="ij"), dim=-1).flatten(0, 1)
    offset = at[:, None] - at[None] + WINDOW - 1  # [L, L, 2], 0 .. 2 * WINDOW - 2
    return offset[..., 0] * (2 * WINDOW - 1) + offset[..., 1]
