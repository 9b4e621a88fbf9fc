"""Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391): maps of a network's decision by its gradients.

Weights are the gradients of the decision's logit, averaged over the cells of a token map; the map is the positive part
of the weighted sum. Departs from the paper in one point: the last map is the last one on which the decision depends,
since a readout may leave the coarsest tokens to other outputs. One view of the picture, whatever `network.views` says.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from inspect_ai.config import TaskConfig
from inspect_ai.model.engine import padded
from inspect_ai.model.network import Network, normalised
from inspect_ai.model.readout import AverageReadout, Readout, centred, doubled
from inspect_ai.model.weights import load_network

Pixels = NDArray[np.float32]

DECISION = 0  # index of the logit that decides
FINEST = 8  # stride of heat maps


def gradcam(network: Network, pixels: Tensor, layer: int | None = None) -> Tensor:
    """pixels [B, C, H, W] -> [B, *grid] >= 0 over token map `layer` (None: the last one that the decision depends on).

    Gradients run through the readout alone: for the last map that is all of them.
    """
    with torch.no_grad():
        scales = network.trunk(normalised(pixels))  # each [B, *grid, C]
    with torch.enable_grad():
        leaves = tuple(s.detach().requires_grad_() for s in scales)
        decision = network.readout(leaves).logits[:, DECISION]
        gradients = torch.autograd.grad(decision.sum(), leaves, allow_unused=True)
    index = last_used(gradients) if layer is None else layer
    slope = gradients[index]
    return torch.zeros_like(scales[index][..., 0]) if slope is None else weighted(scales[index], slope)


def weighted(tokens: Tensor, slope: Tensor) -> Tensor:
    """Tokens and their gradients, each [B, *grid, C] -> [B, *grid]."""
    alpha = slope.mean(dim=tuple(range(1, slope.ndim - 1)), keepdim=True)  # [B, 1, ..., C]
    return (alpha * tokens).sum(dim=-1).clamp(min=0.0)


def last_used(gradients: tuple[Tensor | None, ...]) -> int:
    """Index of the last token map with a gradient; the last of all if there is none."""
    used = [i for i, g in enumerate(gradients) if g is not None and bool(g.any())]
    return used[-1] if used else len(gradients) - 1


def open_gradcam(folder: Path, config: TaskConfig, *, threads: int = 1) -> Callable[[Pixels], Pixels]:
    """Load FOLDER's weights; the answer turns one unit's pixels [C, H, W] into its heat. Raises SetupError."""
    torch.set_num_threads(threads)
    network = load_network(folder, config)
    return lambda pixels: gradcam_heat(network, pixels, config.input.multiple)


def gradcam_heat(network: Network, pixels: Pixels, multiple: int) -> Pixels:
    """One unit's pixels [C, H, W] -> heat [h, w] at stride 8 over the padded unit, placed as the network's own map."""
    x = torch.from_numpy(padded(pixels, multiple)[None])
    shape = -(-x.shape[-2] // FINEST), -(-x.shape[-1] // FINEST)
    coarse = gradcam(network, x)[:, None]  # [1, 1, h', w']
    if not by_attention(network):
        return _numpy(F.interpolate(coarse, size=shape, mode="bilinear", align_corners=False))
    while coarse.shape[-2] < shape[0]:
        coarse = doubled(coarse)
    return _numpy(centred(coarse[..., : shape[0], : shape[1]]))


def by_attention(network: Network) -> bool:
    """True if token i of the network's own map lies at pixel stride * i, as in attention and after cornered strides.

    Evidence is read as cells instead: token i stands for the pixels from stride * i onwards.
    """
    if isinstance(network.readout, AverageReadout):
        return network.readout.cornered
    return isinstance(network.readout, Readout) and network.readout.decision != "evidence"


def _numpy(heat: Tensor) -> Pixels:
    return heat[0, 0].numpy()
