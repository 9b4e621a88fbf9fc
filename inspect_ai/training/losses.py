"""Losses of a task: decision and pairs, classes, grades, evidence map, attention outside the mask, and distillation."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from monai.losses import DiceLoss
from torch import Tensor

from inspect_ai.config import TaskConfig
from inspect_ai.datasets.samples import IGNORE
from inspect_ai.model.readout import Readings
from inspect_ai.training.data import Batch
from inspect_ai.training.decision_loss import decision
from inspect_ai.training.pair_loss import PairLoss
from inspect_ai.training.teachers import Taught

ATTENTION_WEIGHT = 0.1  # of the attention loss, a factor to mask_weight


class TaskLoss:
    """Sum of the losses whose targets are known in a batch. Calling it returns the loss and its parts by name."""

    def __init__(self, config: TaskConfig) -> None:
        self.config = config
        self.pairs = PairLoss(config.train) if config.train.pair_weight else None
        self.dice = DiceLoss(sigmoid=True, batch=True)  # over the batch: most pictures show no defect at all

    def __call__(
        self, readings: Readings, batch: Batch, teacher: Readings | Taught | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Sum the losses of a batch. teacher: a teacher's answers for the same pictures."""
        schedule = self.config.train
        parts = {"decision": decision(readings.logits[:, 0], batch.positive, schedule, batch.soft)}
        if self.pairs is not None:
            parts["pairs"] = schedule.pair_weight * self.pairs(readings.logits[:, 0], batch.positive)
        at = 1
        for s, labels in enumerate(self.config.labels):
            if n := len(labels.class_outputs):
                parts[f"{labels.name}_class"] = schedule.class_weight * _mean_known(
                    F.cross_entropy, readings.logits[:, at : at + n], batch.classes[:, s], schedule.label_smoothing
                )
                at += n
            if n := len(labels.grade_outputs):
                parts[f"{labels.name}_grade"] = schedule.grade_weight * cumulative(
                    readings.logits[:, at : at + n], batch.grade[:, s]
                )
                at += n
        if readings.evidence is not None:
            parts["mask"] = schedule.mask_weight * self.evidence(readings.evidence, batch.mask)
            parts["attention"] = (
                schedule.mask_weight * ATTENTION_WEIGHT * attention_off_mask(readings.attention, batch.mask)
            )
        if teacher is not None:
            parts["teacher"] = schedule.distil_weight * self.distil(readings, teacher, batch)
        return torch.stack(list(parts.values())).sum(), parts

    def distil(self, readings: Readings, teacher: Readings | Taught, batch: Batch) -> Tensor:
        """Divergence from a teacher where the target is known too (arXiv 1503.02531): decision, classes and grades at
        the config's temperature, the evidence map at 1.
        """
        temperature = self.config.train.distil_temperature
        student, target = readings.logits / temperature, teacher.logits / temperature
        losses = [_soft_binary(student[:, :1], target[:, :1], batch.positive != IGNORE)]
        at = 1
        for s, labels in enumerate(self.config.labels):
            if n := len(labels.class_outputs):
                losses.append(
                    _soft_classes(student[:, at : at + n], target[:, at : at + n], batch.classes[:, s] != IGNORE)
                )
                at += n
            if n := len(labels.grade_outputs):
                losses.append(
                    _soft_binary(student[:, at : at + n], target[:, at : at + n], batch.grade[:, s] != IGNORE)
                )
                at += n
        total = torch.stack(losses).sum() * temperature**2
        if readings.evidence is not None and teacher.evidence is not None:
            known = batch.positive != IGNORE
            total = total + _soft_binary(readings.evidence, teacher.evidence, known)
        return total

    def evidence(self, logits: Tensor, mask: Tensor) -> Tensor:
        """Binary cross-entropy and Dice of the evidence map [B, h, w] against the mask [B, H, W], where it is known."""
        known = (mask != IGNORE).flatten(1).all(dim=1)
        if not known.any():
            return logits.sum() * 0.0
        target = cells(mask[known], logits.shape[-2:])
        chosen = logits[known]
        return F.binary_cross_entropy_with_logits(chosen, target) + 0.5 * self.dice(chosen[:, None], target[:, None])


def cumulative(logits: Tensor, grade: Tensor) -> Tensor:
    """Ordinal target as grade >= 1, >= 2, ...: logits [B, G-1], grade [B] (CORAL, arXiv 1901.07884, without shared
    weights).
    """
    known = grade != IGNORE
    if not known.any():
        return logits.sum() * 0.0
    levels = torch.arange(1, logits.shape[1] + 1, device=grade.device)
    return F.binary_cross_entropy_with_logits(logits[known], (grade[known, None] >= levels).float())


def attention_off_mask(attention: tuple[Tensor, ...], mask: Tensor) -> Tensor:
    """Mean -log of the first query's attention inside the mask, over positives with a mask.

    attention: [B, K, h, w] each.
    """
    shown = (mask == 1).flatten(1).any(dim=1)
    if not shown.any():
        return attention[0].sum() * 0.0
    inside = torch.stack([(a[shown, 0] * cells(mask[shown], a.shape[-2:])).flatten(1).sum(dim=1) for a in attention])
    return -torch.log(inside.sum(dim=0).clamp(min=1e-6)).mean()


def cells(mask: Tensor, size: torch.Size | tuple[int, ...]) -> Tensor:
    """[B, H, W] of 0 and 1 -> [B, h, w]: a cell is 1 if any of its pixels is."""
    return F.adaptive_max_pool2d(mask.clamp(min=0).float()[:, None], tuple(size))[:, 0]


def _mean_known(loss, logits: Tensor, target: Tensor, smoothing: float) -> Tensor:  # type: ignore[no-untyped-def]
    known = target != IGNORE
    return loss(logits[known], target[known], label_smoothing=smoothing) if known.any() else logits.sum() * 0.0


def _soft_binary(student: Tensor, teacher: Tensor, known: Tensor) -> Tensor:
    """Cross-entropy of logits [B, ...] minus the teacher's entropy, so zero where both agree; known: [B]."""
    if not known.any():
        return student.sum() * 0.0
    target = teacher[known].sigmoid()
    entropy = F.binary_cross_entropy_with_logits(teacher[known], target)
    return F.binary_cross_entropy_with_logits(student[known], target) - entropy


def _soft_classes(student: Tensor, teacher: Tensor, known: Tensor) -> Tensor:
    """Kullback-Leibler divergence of logits [B, K] from the teacher's; known: [B]."""
    if not known.any():
        return student.sum() * 0.0
    target = teacher[known].log_softmax(dim=-1)
    return F.kl_div(student[known].log_softmax(dim=-1), target, log_target=True, reduction="batchmean")
