"""Teachers of a training: trained models of the same task, whose mean answers a network learns beside the labels.

Distillation is by G. Hinton et al. (arXiv 1503.02531). Teachers see each augmented view ("function matching", L. Beyer
et al., CVPR 2022), which costs one pass forward a teacher and step; or each whole picture once, which costs next to
nothing and is true only where a view always shows what its picture shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from inspect_ai.config import TaskConfig
from inspect_ai.datasets.samples import Sample
from inspect_ai.datasets.windows import Window
from inspect_ai.errors import UsageError
from inspect_ai.model.manifest import SHORT, DataUse, read_manifest
from inspect_ai.model.network import Network
from inspect_ai.model.readout import Readings
from inspect_ai.model.weights import load_network
from inspect_ai.plugins import Task
from inspect_ai.training.data import Batch, whole_batches

WHOLE_BATCH, WHOLE_AT_ONCE = 16, 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """Mean answers of the teachers for a batch: logits [B, K], evidence [B, h, w] or None."""

    logits: Tensor
    evidence: Tensor | None = None


class Teachers:
    """Networks that teach, and which of them teaches which sample.

    may_teach: [N, T], True where teacher t teaches sample n; everyone teaches everything if None. whole: [N, K], mean
    logits of the whole pictures where teachers answered once for each.
    """

    def __init__(
        self, networks: Sequence[Network], may_teach: Tensor | None = None, whole: Tensor | None = None
    ) -> None:
        self.networks, self.may_teach, self.whole = tuple(networks), may_teach, whole

    def __call__(self, batch: Batch) -> Taught:
        """Mean over each sample's own teachers; evidence where all teachers have it."""
        if self.whole is not None and batch.index is not None:
            return Taught(logits=self.whole[batch.index.cpu()].to(batch.pixels.device))
        with torch.no_grad():
            readings = [one.to(batch.pixels.device).eval()(batch.pixels) for one in self.networks]
        return taught(readings, self._shares(batch))

    def _shares(self, batch: Batch) -> Tensor:
        if self.may_teach is None or batch.index is None:
            return torch.full((len(batch.positive), len(self.networks)), 1.0 / len(self.networks))
        return shares(self.may_teach[batch.index.cpu()])


def shares(may_teach: Tensor) -> Tensor:
    """Equal shares of those that may teach a sample, of all where none may. [N, T] -> [N, T]"""
    asked = torch.where(may_teach.any(dim=1, keepdim=True), may_teach, torch.ones_like(may_teach)).float()
    return asked / asked.sum(dim=1, keepdim=True)


def taught(readings: Sequence[Readings], share: Tensor) -> Taught:
    """Mean of the teachers' readings, each sample by its own shares [B, T]."""
    logits = torch.stack([one.logits for one in readings], dim=1)  # [B, T, K]
    share = share.to(logits)
    evidence = [one.evidence for one in readings if one.evidence is not None]
    return Taught(
        logits=(share[..., None] * logits).sum(dim=1),
        evidence=(share[..., None, None] * torch.stack(evidence, dim=1)).sum(dim=1)
        if len(evidence) == len(readings)
        else None,
    )


def open_teachers(folders: Sequence[Path], task: Task, samples: Sequence[Sample | Window]) -> Teachers | None:
    """Load the teachers of a training on these samples; None without folders.

    Raises UsageError for a teacher whose outputs are not the task's, SetupError for a folder without a model.
    """
    if not folders:
        return None
    config = task.config
    if config.train.distil_views == "whole" and config.augment.crop is not None:
        raise UsageError(
            f"With augment.crop a view need not show what its picture shows, so answers once a picture would teach "
            f"{task.name} wrongly. Set train.distil_views to same."
        )
    networks = [_network(folder, task) for folder in folders]
    may_teach = (
        unseen(samples, [read_manifest(folder).data for folder in folders]) if config.train.distil_unseen else None
    )
    teachers = Teachers(networks, may_teach)
    if config.train.distil_views == "whole":
        whole = [sample for sample in samples if isinstance(sample, Sample)]
        if len(whole) < len(samples):
            raise UsageError("Windows of stacks lie elsewhere at each draw: set train.distil_views to same.")
        teachers.whole = _whole_logits(teachers, whole, config)
    return teachers


def unseen(samples: Sequence[Sample | Window], data: Sequence[Sequence[DataUse]]) -> Tensor:
    """True where a teacher met a sample neither in training nor in selection. data: one a teacher. -> [N, T]"""
    met = [{digest for use in uses for digest in use.seen} for uses in data]
    return torch.tensor([[sample.sha256[:SHORT] not in digests for digests in met] for sample in samples])


def met_by_teachers(folders: Sequence[Path], known: Sequence[DataUse]) -> tuple[DataUse, ...]:
    """Data that teachers met and their pupil will not: what they learnt from is not new to it either."""
    met = {digest for use in known for digest in use.seen}
    return tuple(use for folder in folders for use in read_manifest(folder).data if not met.issuperset(use.seen))


def _whole_logits(teachers: Teachers, samples: list[Sample], config: TaskConfig) -> Tensor:
    """Mean logits of the whole pictures, padded as at work. -> [N, K]"""
    logits = torch.zeros(len(samples), len(config.outputs))
    for start in range(0, len(samples), WHOLE_AT_ONCE):  # padded copies of a part at a time: memory stays small
        for batch, chosen in whole_batches(samples[start : start + WHOLE_AT_ONCE], config, WHOLE_BATCH):
            batch.index = torch.tensor(chosen) + start
            logits[batch.index] = teachers(batch).logits.float()
    return logits


def _network(folder: Path, task: Task) -> Network:
    config = read_manifest(folder).config
    if (config.name, config.outputs) != (task.config.name, task.config.outputs):
        raise UsageError(f"{folder} answers other questions than {task.name}; a teacher must have the same outputs.")
    return load_network(folder, config)
