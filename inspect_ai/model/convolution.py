"""Inverted residuals, the early half of the trunk (MobileNetV2, arXiv 1801.04381; EfficientNet, arXiv 1905.11946).

As in EfficientNet-Lite there is no squeeze-and-excitation and the activation is ReLU6. Strides are taken with symmetric
padding; TensorFlow's "same" padding, with which the ImageNet weights were trained, differs by a shift of a few pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

BN_EPS, BN_MOMENTUM = 1e-3, 0.01  # EfficientNet-Lite's; suits statistics that start near their final values
BN_MOMENTUM_FROM_SCRATCH = 0.1


class ConvNorm(nn.Module):
    """Convolution and batch norm; `fold` merges them into one biased convolution for inference."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs, eps=BN_EPS, momentum=BN_MOMENTUM)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))

    def fold(self) -> None:
        """Merge the statistics into the convolution; afterwards `norm` does nothing."""
        if isinstance(self.norm, nn.BatchNorm2d):
            training = self.training
            self.eval()
            self.conv = fuse_conv_bn_eval(self.conv, self.norm)
            self.norm = nn.Identity()
            self.train(training)


class MBConv(nn.Module):
    """[B, inputs, H, W] -> [B, outputs, H / stride, W / stride]: widen, convolve channels, narrow."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int, drop_path: float) -> None:
        super().__init__()
        wide = inputs * expansion
        self.expand = ConvNorm(inputs, wide, 1) if expansion != 1 else nn.Identity()
        self.depthwise = ConvNorm(wide, wide, kernel, stride, groups=wide)
        self.project = ConvNorm(wide, outputs, 1)
        self.act = nn.ReLU6()
        self.residual = stride == 1 and inputs == outputs
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        y = x if isinstance(self.expand, nn.Identity) else self.act(self.expand(x))
        y = self.project(self.act(self.depthwise(y)))
        return x + self.drop_path(y) if self.residual else y


class DropPath(nn.Module):
    """Leave a residual branch out for some samples of a training batch (stochastic depth, arXiv 1603.09382)."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.keep = 1.0 - probability

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.keep == 1.0:
            return x
        mask = x.new_empty(x.shape[:1] + (1,) * (x.ndim - 1)).bernoulli_(self.keep)
        return x * mask / self.keep


def forget_sooner(module: nn.Module) -> None:
    """Let batch norms below `module` adapt their statistics within some dozen steps, for training from scratch."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = BN_MOMENTUM_FROM_SCRATCH


def fold_all(module: nn.Module) -> None:
    """Fold every ConvNorm below `module`."""
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, ConvNorm):
                part.fold()
