"""One network: stem, shared trunk, readout. What training, weights and engines all build from a TaskConfig."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from inspect_ai.config import TaskConfig
from inspect_ai.model.convolution import fold_all
from inspect_ai.model.readout import Readings, Readout
from inspect_ai.model.trunk import SIZES, Trunk


class Network(nn.Module):
    """[B, C, H, W] or [B, C, D, H, W] in 0..1 with C = 1 or 3 -> Readings. Grey enters as three equal channels."""

    def __init__(self, config: TaskConfig) -> None:
        super().__init__()
        size = SIZES[config.network.size]
        self.trunk = Trunk(size, config.network.attention, config.network.drop_path)
        decision = config.network.decision if any(labels.mask_column for labels in config.labels) else "pooled"
        self.readout = Readout(self.trunk.channels, size.readout, len(config.outputs), config.network.dropout, decision)

    def forward(self, pixels: Tensor) -> Readings:
        x = (pixels - 0.5) * 2.0  # EfficientNet-Lite's range, -1..1
        if x.shape[1] == 1:
            x = x.expand(-1, 3, *x.shape[2:])
        return self.readout(self.trunk(x))


class Serving(nn.Module):
    """The network as an engine runs it: pixels -> (logits [B, K], heat [B, K, h, w])."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        readings = self.network(pixels)
        return readings.logits, readings.heat


def for_work(network: Network) -> Network:
    """Fold the batch norms and round to float16 and back: exactly what the shipped file holds."""
    network = network.eval()
    fold_all(network)
    with torch.no_grad():
        for p in network.parameters():
            p.copy_(p.half().float())
    return network.requires_grad_(False)
