"""DenseNet-121 (arXiv 1608.06993): MONAI's.

A dense block's output is a stack of unnormalised layers, so each map is taken after the norm and ReLU that follow it:
inside the transitions at strides 8 and 16, after the last norm at 32.
"""

from __future__ import annotations

from torch import nn

from inspect_ai.model.baselines.parts import Pyramid


class DenseNet121(Pyramid):
    """Blocks of 6, 12, 24 and 16 layers that each add 32 channels."""

    def __init__(self) -> None:
        from monai.networks.nets import DenseNet  # seconds to import

        parts = dict(DenseNet(spatial_dims=2, in_channels=3, out_channels=1).features.named_children())
        behind_8, behind_16 = list(parts["transition2"].children()), list(parts["transition3"].children())
        stem = [parts[name] for name in ("conv0", "norm0", "relu0", "pool0", "denseblock1", "transition1")]
        to_8 = [*stem, parts["denseblock2"], *behind_8[:2]]  # a transition: norm, ReLU, convolution, pooling
        to_16 = [*behind_8[2:], parts["denseblock3"], *behind_16[:2]]
        to_32 = [*behind_16[2:], parts["denseblock4"], parts["norm5"], nn.ReLU()]
        super().__init__([nn.Sequential(*stage) for stage in (to_8, to_16, to_32)], (512, 1024, 1024))
