"""Loss over pairs of a positive and a negative: a surrogate of the AUC, or of its part at high sensitivity.

False positives at a high sensitivity are pairs that one of the hardest positives loses. So the hardest share of the
positives is paired with all negatives: the one-way partial AUC in the form that D. Zhu et al. derive from a risk
measure over the tail ("When AUC meets DRO", ICML 2022, arXiv 2203.00176; their tail is of negatives, at low
false-positive rates, here it is of positives). Surrogates: logistic and squared hinge. Departing from the source, a
memory of recent scores of both sides stands in for their running estimates, since batches are small. Remembered scores
carry no gradient, and pairs of two remembered scores do not count.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from inspect_ai.config import Training

MARGIN = 1.0  # of the squared hinge, in logits


class PairLoss:
    """Mean surrogate over pairs of the hardest positives and all negatives, of a batch and of the memory.

    Calling it remembers the batch.
    """

    def __init__(self, schedule: Training) -> None:
        self.share, self.kind, self.size = schedule.pair_share, schedule.pair_kind, schedule.pair_memory
        self.positives, self.negatives = torch.zeros(0), torch.zeros(0)

    def __call__(self, logits: Tensor, positive: Tensor) -> Tensor:
        """logits: [B]; positive: [B] of 1, 0 or IGNORE. Zero where no pair has a gradient."""
        logits = logits.float()
        ours, theirs = logits[positive == 1], logits[positive == 0]
        old_ours, old_theirs = self.positives.to(logits.device), self.negatives.to(logits.device)
        high, low = torch.cat([ours, old_ours]), torch.cat([theirs, old_theirs])
        fresh_high, fresh_low = torch.arange(len(high)) < len(ours), torch.arange(len(low)) < len(theirs)
        self.positives = _newest(ours, old_ours, self.size)
        self.negatives = _newest(theirs, old_theirs, self.size)
        if not len(high) or not len(low):
            return logits.sum() * 0.0
        hardest = high.detach().argsort(stable=True)[: max(1, math.ceil(self.share * len(high)))]
        counted = (fresh_high.to(logits.device)[hardest, None] | fresh_low.to(logits.device)[None]).float()  # [P, N]
        if not counted.any():
            return logits.sum() * 0.0
        losses = surrogate(high[hardest, None] - low[None], self.kind)  # [P, N]
        return (losses * counted).sum() / counted.sum()

    def state(self) -> dict[str, Tensor]:
        """The memory, for a checkpoint."""
        return {"positives": self.positives, "negatives": self.negatives}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take over the memory of a checkpoint."""
        self.positives, self.negatives = state["positives"], state["negatives"]


def surrogate(ahead: Tensor, kind: str) -> Tensor:
    """Loss of a positive that is so many logits ahead of a negative."""
    return F.softplus(-ahead) if kind == "logistic" else (MARGIN - ahead).clamp(min=0) ** 2


def _newest(fresh: Tensor, old: Tensor, size: int) -> Tensor:
    """The newest `size` scores, without gradients."""
    return torch.cat([fresh.detach(), old])[:size]
