"""Network of a TaskConfig: stem, shared trunk or baseline, readout; built by training, weights and engines."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inspect_ai.config import TaskConfig
from inspect_ai.errors import UsageError
from inspect_ai.model.backbone import Backbone
from inspect_ai.model.convolution import fold_all
from inspect_ai.model.readout import AverageReadout, Readings, Readout
from inspect_ai.model.trunk import SIZES, Size, Trunk

BASELINE_READOUT = 96  # as wide as the trunk's
SAME = 0.6 / 255.0  # a surround of 0.5 is 128 of 255 in training


class Network(nn.Module):
    """[B, C, H, W] or [B, C, D, H, W] in 0..1 with C = 1 or 3 -> Readings. Grey enters as three equal channels.

    Raises UsageError for a baseline that lacks the scales its readout asks for.
    """

    def __init__(self, config: TaskConfig) -> None:
        super().__init__()
        chosen = config.network
        self.config = config
        self.size: Size | None = None
        if chosen.backbone == "trunk":
            self.size = SIZES[chosen.size]
        self.trunk = _backbone(config, self.size)
        self.readout = _readout(config, self.size, self.trunk)

    def forward(self, pixels: Tensor) -> Readings:
        scales = self.trunk(normalised(pixels))
        if self.config.input.surround is None:
            return self.readout(scales)
        return self.readout(scales, shown_cells(pixels, self.config.input.surround))


def _backbone(config: TaskConfig, size: Size | None) -> Backbone:
    chosen = config.network
    if size is not None:
        return Trunk(size, chosen.attention, chosen.drop_path)
    from inspect_ai.model.baselines import make_baseline  # loads monai, which inference never needs

    return make_baseline(chosen.backbone, chosen.drop_path)


def _readout(config: TaskConfig, size: Size | None, backbone: Backbone) -> nn.Module:
    chosen, outputs = config.network, len(config.outputs)
    if chosen.readout == "average":
        return AverageReadout(backbone.channels[-1], outputs, chosen.dropout, backbone.strides[-1], backbone.cornered)
    if backbone.strides != (8, 16, 32):
        raise UsageError(f"{chosen.backbone} lacks tokens at strides 8, 16, 32: set network.readout to average.")
    masked = any(labels.mask_column for labels in config.labels)
    width = size.readout if size else BASELINE_READOUT
    return Readout(backbone.channels, width, outputs, chosen.dropout, chosen.decision if masked else "pooled")


def shown_cells(pixels: Tensor, surround: float) -> tuple[Tensor, ...]:
    """[B, C, H, W] -> three of [B, h, w], at strides 8, 16 and 32: True where a cell shows anything but surround.

    Everywhere of a picture that shows nothing at all, so that there is always something to attend to.
    """
    shows = ((pixels - surround).abs() > SAME).any(dim=1).float()[:, None]  # [B, 1, H, W]
    shows = torch.maximum(shows, 1.0 - shows.amax(dim=(-1, -2), keepdim=True))
    return tuple(F.max_pool2d(shows, stride)[:, 0] > 0.5 for stride in (8, 16, 32))


def normalised(pixels: Tensor) -> Tensor:
    """[B, 1 or 3, ..., H, W] in 0..1 -> [B, 3, ..., H, W] in -1..1, EfficientNet-Lite's range."""
    x = (pixels - 0.5) * 2.0
    return x.expand(-1, 3, *x.shape[2:]) if x.shape[1] == 1 else x


class Serving(nn.Module):
    """The network as an engine runs it: pixels -> (logits [B, K], heat [B, K, h, w], features [B, F]), averaged over
    views.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        self.turns, self.flips = VIEWS[network.config.network.views]

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if (self.turns, self.flips) == VIEWS["one"]:
            readings = self.network(pixels)
            return readings.logits, readings.heat, readings.features
        seen = [self._flipped(pixels.transpose(-1, -2) if turned else pixels) for turned in self.turns]
        logits, heat, features = zip(*seen, strict=True)
        back = [h.transpose(-1, -2) if turned else h for turned, h in zip(self.turns, heat, strict=True)]
        return torch.stack(logits).mean(dim=0), torch.stack(back).mean(dim=0), torch.stack(features).mean(dim=0)

    def _flipped(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mean output over all flips of x, heat maps flipped back. One pass: the flips are one batch."""
        readings = self.network(torch.cat([x.flip(axes) if axes else x for axes in self.flips]))  # [F*B, ...]
        parts = (len(self.flips), -1)  # unflatten, since chunk fixes the batch of an exported graph
        shares = readings.heat.unflatten(0, parts).unbind(0)  # each [B, K, h, w]
        heat = torch.stack([h.flip(axes) if axes else h for h, axes in zip(shares, self.flips, strict=True)])
        logits, features = (x.unflatten(0, parts).mean(dim=0) for x in (readings.logits, readings.features))
        return logits, heat.mean(dim=0), features


ALL_FLIPS: tuple[tuple[int, ...], ...] = ((), (-1,), (-2,), (-2, -1))
VIEWS: dict[str, tuple[tuple[bool, ...], tuple[tuple[int, ...], ...]]] = {  # (transposed or not, flipped axes)
    "one": ((False,), ((),)),
    "mirror": ((False,), ((), (-1,))),
    "flips": ((False,), ALL_FLIPS),
    "dihedral": ((False, True), ALL_FLIPS),
}


def for_work(network: Network) -> Network:
    """Fold the batch norms and round to float16 and back: exactly the values that the shipped file holds."""
    network = network.eval()
    fold_all(network)
    with torch.no_grad():
        for p in (*network.parameters(), *network.buffers()):  # buffers: norms that fold into no convolution
            if p.is_floating_point():
                p.copy_(p.half().float())
    return network.requires_grad_(False)
