"""What the trunk and its baselines have in common: pictures in, tokens of some scales out."""

from __future__ import annotations

from torch import nn


class Backbone(nn.Module):
    """[B, 3, H, W] in -1..1 -> one token map [B, h, w, C] for each of `strides`, from fine to coarse.

    The trunk also takes volumes [B, 3, D, H, W] and then gives [B, D, h, w, C].
    """

    channels: tuple[int, ...]
    strides: tuple[int, ...]
    cornered = False  # True: token i looks at pixel stride * i, after symmetric padding; else at the middle of its cell
