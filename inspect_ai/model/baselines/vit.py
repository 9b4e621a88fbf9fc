"""Vision Transformer Ti/16 (arXiv 2010.11929; size Ti of DeiT, arXiv 2012.12877), without a class token.

Written here because MONAI's needs einops and fixes the picture's size; ours learns positions for 224 x 224 pixels and
interpolates them to any grid.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from inspect_ai.model.backbone import Backbone
from inspect_ai.model.baselines.parts import INIT_STD, init_normal, mlp, ramp
from inspect_ai.model.convolution import DropPath

PATCH, WIDTH, DEPTH, HEADS = 16, 192, 12, 3
GRID = 14  # cells a side of the learnt positions
EPS = 1e-6


class ViT(Backbone):
    """One map, at stride 16: every cell sees every other from the first block on."""

    def __init__(self, drop_path: float) -> None:
        super().__init__()
        self.channels, self.strides = (WIDTH,), (PATCH,)
        self.patches = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.positions = nn.Parameter(torch.empty(1, WIDTH, GRID, GRID))
        self.blocks = nn.Sequential(*[Block(WIDTH, HEADS, drop) for drop in ramp(drop_path, DEPTH)])
        self.norm = nn.LayerNorm(WIDTH, eps=EPS)
        init_normal(self, nn.Linear)
        nn.init.trunc_normal_(self.positions, std=INIT_STD)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        y = self.patches(x)  # [B, C, h, w]
        y = y + F.interpolate(self.positions, size=y.shape[-2:], mode="bicubic", align_corners=False)
        tokens = self.norm(self.blocks(y.flatten(2).transpose(1, 2)))  # [B, h*w, C]
        return (tokens.unflatten(1, y.shape[-2:]),)


class Block(nn.Module):
    """[B, N, C] -> [B, N, C]: pre-norm self-attention, then the MLP."""

    def __init__(self, channels: int, heads: int, drop_path: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm_1, self.norm_2 = nn.LayerNorm(channels, eps=EPS), nn.LayerNorm(channels, eps=EPS)
        self.qkv, self.out = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        self.mlp = mlp(channels)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop_path(self.attend(self.norm_1(x)))
        return x + self.drop_path(self.mlp(self.norm_2(x)))

    def attend(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # each [B, heads, N, d]
        return self.out(scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))  # [B, N, C]
