"""ResNet-18 (arXiv 1512.03385): MONAI's, changed to match torchvision's.

MONAI's stem convolves at full resolution, which costs four times the whole network, and its shortcuts carry a bias that
batch norm cancels; both are set as in the paper.
"""

from __future__ import annotations

from torch import nn

from inspect_ai.model.baselines.parts import Pyramid

WIDTHS = (64, 128, 256, 512)


class ResNet18(Pyramid):
    """7x7 stem of stride 2, max pooling, four stages of two blocks; the maps are those of the last three."""

    cornered = True

    def __init__(self) -> None:
        from monai.networks.nets import ResNet  # seconds to import

        net = ResNet(
            "basic", [2, 2, 2, 2], list(WIDTHS), spatial_dims=2, conv1_t_stride=2, bias_downsample=False,
            feed_forward=False,
        )  # fmt: skip
        to_8 = nn.Sequential(net.conv1, net.bn1, net.act, net.maxpool, net.layer1, net.layer2)
        super().__init__([to_8, net.layer3, net.layer4], WIDTHS[1:])
