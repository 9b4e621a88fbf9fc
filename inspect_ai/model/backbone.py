"""Contract of the trunk and its baselines: pictures in, tokens of several scales out."""

from __future__ import annotations

from torch import nn


class Backbone(nn.Module):
    """[B, 3, H, W] in -1..1 -> one token map [B, h, w, C] for each of `strides`, from fine to coarse.

    The trunk also takes volumes [B, 3, D, H, W] and then gives [B, D, h, w, C].
    """

    channels: tuple[int, ...]
    strides: tuple[int, ...]
    cornered = False  # True: token i is centred on pixel stride * i (symmetric padding); else on the middle of its cell
