"""Learning rate by step: a linear rise, then half a cosine, whose end can be moved while training runs."""

from __future__ import annotations

import math
from typing import Any

import torch

FINAL_LR = 0.01  # of the peak


class Cosine:
    """Share of the peak learning rate at each step.

    A scheduler keeps its attributes in checkpoints, so that a resumed run goes on where the end was moved to.
    """

    def __init__(self, steps: int, warmup: int) -> None:
        self.steps, self.warmup = steps, warmup
        self.turned_at, self.turned_share = warmup, 0.0  # from this step and share of the cosine it runs to the end

    def __call__(self, step: int) -> float:
        if step < self.warmup:
            return (step + 1) / self.warmup
        return FINAL_LR + (1 - FINAL_LR) * 0.5 * (1 + math.cos(math.pi * self._share(step)))

    def end_at(self, steps: int, now: int) -> None:
        """Let the rest of the cosine, from step `now` on, run faster or slower, so that it ends at step `steps`."""
        share = self._share(now) if now >= self.warmup else 0.0
        self.turned_at, self.turned_share, self.steps = max(now, self.warmup), share, steps

    def _share(self, step: int) -> float:
        left = max(1, self.steps - self.turned_at)
        return min(1.0, self.turned_share + (1.0 - self.turned_share) * (step - self.turned_at) / left)


def with_cosine(optimizer: torch.optim.Optimizer, steps: int, warmup: int) -> dict[str, Any]:
    """Wrap the optimizer in a cosine schedule by step, as Lightning's configure_optimizers returns it."""
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, Cosine(steps, warmup))
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
