"""Layout of convolution weights in memory: channels last while they learn, which their kernels are fastest with.

Values stay as they are; sums are rounded in another order.
"""

from __future__ import annotations

import torch
from torch import nn


def channels_last(module: nn.Module) -> None:
    """Lay out the weights of two-dimensional convolutions [O, I, kH, kW] with channels last, in place."""
    _lay_out(module, torch.channels_last)


def channels_first(module: nn.Module) -> None:
    """Lay them out as they are made and saved."""
    _lay_out(module, torch.contiguous_format)


def _lay_out(module: nn.Module, layout: torch.memory_format) -> None:
    for parameter in module.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=layout)
