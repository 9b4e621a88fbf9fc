"""Hard samples drawn more often: a running loss of each training sample, and bounded weights for the sampler.

After A. Shrivastava et al., "Training region-based object detectors with online hard example mining" (CVPR 2016),
softly and between epochs. Departing from it, the weights are bounded on both sides and the most surprising samples of
each side are held back: a wrong label stays hard for ever, and would be drawn more than anything else.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inspect_ai.datasets.samples import IGNORE

KEEP = 0.7  # of the running loss at each new look: a memory of about three looks
LEAST = 0.5  # of the mean of its side: what is easy or suspected is still looked at every other epoch
HALVINGS = 60  # of the interval in which the common scale lies; beyond what a float resolves


class RunningLosses:
    """Exponential average of each sample's loss, NaN before its first look. sides: 1, 0 or IGNORE, one a sample."""

    def __init__(self, sides: Sequence[int]) -> None:
        self.sides = np.array(sides, np.int64)
        self.losses = np.full(len(self.sides), np.nan)

    def update(self, indices: Tensor, positive: Tensor, losses: Tensor) -> None:
        """Take in the losses of a batch: indices, positive and losses, each [B].

        A view whose side is not its sample's, such as a crop beside the defect, tells nothing about the sample.
        """
        for i, side, loss in zip(indices.tolist(), positive.tolist(), losses.tolist(), strict=True):
            if side == self.sides[i] and np.isfinite(loss):
                before = self.losses[i]
                self.losses[i] = loss if np.isnan(before) else KEEP * before + (1 - KEEP) * loss

    def factors(self, most: float, suspect: float) -> NDArray[np.float64]:
        """Weigh the draws of each sample relative to its side: mean 1 within a side, between LEAST and `most`. [N]

        suspect: share of each side, of the highest losses, that is held back to LEAST.
        """
        factors = np.ones(len(self.sides))
        for side in (0, 1):
            own = np.flatnonzero((self.sides == side) & ~np.isnan(self.losses))
            if len(own) > 1:
                factors[own] = _bounded(self.losses[own], most, suspect)
        return factors

    def state(self) -> Tensor:
        """The losses, for a checkpoint."""
        return torch.from_numpy(self.losses.copy())

    def restore(self, state: Tensor) -> None:
        """Take over the losses of a checkpoint."""
        self.losses = state.numpy().copy()


def _bounded(losses: NDArray[np.float64], most: float, suspect: float) -> NDArray[np.float64]:
    """Factors in proportion to the losses, clipped, with mean 1 as far as `most` allows."""
    held = np.zeros(len(losses), bool)
    held[np.argsort(-losses, kind="stable")[: int(suspect * len(losses))]] = True
    factors = np.full(len(losses), LEAST)
    rest = losses[~held]
    wanted = (len(losses) - LEAST * held.sum()) / max(1, len(rest))  # the mean that the others must have
    low, high = 0.0, most / max(float(rest.min()), 1e-9)
    for _ in range(HALVINGS):
        scale = (low + high) / 2
        low, high = (scale, high) if np.clip(scale * rest, LEAST, most).mean() < wanted else (low, scale)
    factors[~held] = np.clip(high * rest, LEAST, most)
    return factors


def running_losses(sides: Sequence[int]) -> RunningLosses | None:
    """Running losses of a training, None where no sample has a known side."""
    return RunningLosses(sides) if any(side != IGNORE for side in sides) else None
