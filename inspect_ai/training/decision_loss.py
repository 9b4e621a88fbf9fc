"""Losses of the decision, sample by sample: cross-entropy, focal, and three that bear wrong labels.

All take a target in 0..1, so that a vote of three readers in four, or a smoothed label, is a target too; each is the
published loss of two classes, averaged by the target. `mining` reads `surprise`, which knows no smoothing.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from inspect_ai.config import Training
from inspect_ai.datasets.samples import IGNORE

# Z. Zhang and M. Sabuncu, "Generalized cross entropy loss" (NeurIPS 2018, arXiv 1805.07836): 0 is cross-entropy, 1 the
# mean absolute error.
GENERALISED_Q = 0.7
# Y. Wang et al., "Symmetric cross entropy" (ICCV 2019, arXiv 1908.06112): weights of both directions and the stand-in
# for log 0, as for CIFAR-10 there.
SYMMETRIC_FORWARD, SYMMETRIC_REVERSE, LOG_OF_ZERO = 0.1, 1.0, -4.0
# S. Reed et al., "Training deep neural networks on noisy labels with bootstrapping" (ICLR 2015, arXiv 1412.6596), soft.
BOOTSTRAP_LABEL = 0.95


def decision(logits: Tensor, positive: Tensor, schedule: Training, soft: Tensor | None = None) -> Tensor:
    """Mean loss of the decision over the samples with a known side.

    logits: [B]; positive: [B] of 1, 0 or IGNORE; soft: [B], targets in 0..1 in the sides' place.
    """
    known = positive != IGNORE
    if not known.any():
        return logits.sum() * 0.0
    chosen, side = logits[known].float(), positive[known].float()
    hard = side if soft is None else soft[known].float()
    target = hard * (1 - schedule.label_smoothing) + schedule.label_smoothing / 2
    match schedule.decision_loss:
        case "generalised":
            return generalised(chosen, target).mean()
        case "symmetric":
            return symmetric(chosen, target).mean()
        case "bootstrap":
            return bootstrap(chosen, target).mean()
        case "cross_entropy":
            return focal(chosen, target, hard, schedule.focal).mean()


def focal(logits: Tensor, target: Tensor, truth: Tensor, exponent: float) -> Tensor:
    """Cross-entropy times the distance from the truth to the power of `exponent` (arXiv 1708.02002). -> [B]

    truth: the side, or a soft target (there as in arXiv 2006.04388); target: the same, smoothed.
    """
    plain = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    if not exponent:
        return plain
    return (truth - torch.sigmoid(logits)).abs() ** exponent * plain


def generalised(logits: Tensor, target: Tensor, q: float = GENERALISED_Q) -> Tensor:
    """(1 - p**q) / q, averaged over both sides by the target. -> [B]"""
    of_positive = -torch.expm1(q * F.logsigmoid(logits)) / q
    of_negative = -torch.expm1(q * F.logsigmoid(-logits)) / q
    return target * of_positive + (1 - target) * of_negative


def symmetric(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of the target by the answer and of the answer by the target, weighted. -> [B]"""
    forward = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    p = torch.sigmoid(logits)
    least = math.exp(LOG_OF_ZERO)
    reverse = -(p * target.clamp(min=least).log() + (1 - p) * (1 - target).clamp(min=least).log())
    return SYMMETRIC_FORWARD * forward + SYMMETRIC_REVERSE * reverse


def bootstrap(logits: Tensor, target: Tensor, label: float = BOOTSTRAP_LABEL) -> Tensor:
    """Cross-entropy to a mixture of the target and the network's own answer, which learns too. -> [B]"""
    mixed = label * target + (1 - label) * torch.sigmoid(logits)
    return -(mixed * F.logsigmoid(logits) + (1 - mixed) * F.logsigmoid(-logits))


def surprise(logits: Tensor, positive: Tensor) -> Tensor:
    """Cross-entropy of each sample to its side, NaN where that is unknown. No gradient. -> [B]"""
    logits = logits.detach().float()
    loss = F.binary_cross_entropy_with_logits(logits, positive.clamp(min=0).float(), reduction="none")
    return torch.where(positive == IGNORE, torch.full_like(loss, math.nan), loss)
