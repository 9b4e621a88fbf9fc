"""Train and val samples of one training, decoded once from labelled folders, and a record of the pictures used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from inspect_ai.datasets.cache import cached_samples
from inspect_ai.datasets.folder import LabelledFolder, read_folder, with_splits
from inspect_ai.datasets.samples import Sample
from inspect_ai.errors import UsageError
from inspect_ai.model.manifest import SHORT, DataUse
from inspect_ai.plugins import Task
from inspect_ai.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Decoded samples of train and val, with the folder name of each validation sample."""

    train: list[Sample]
    val: list[Sample]
    val_folders: list[str]
    use: tuple[DataUse, ...]


def read_corpus(task: Task, data: Sequence[Path], settings: Settings) -> Corpus:
    """Decode train and val of all folders. Raises UsageError without positives or negatives to train on."""
    folders = with_splits(
        [read_folder(d, task.config) for d in data], calibration_share=task.config.train.calibration_share
    )
    train: list[Sample] = []
    val: list[Sample] = []
    names: list[str] = []
    use = []
    for folder in folders:
        train_part = cached_samples(folder, "train", task, settings)
        val_part = cached_samples(folder, "val", task, settings)
        train += train_part
        val += val_part
        names += [folder.root.resolve().name] * len(val_part)
        use.append(_data_use(folder, [*train_part, *val_part]))
    if not any(s.positive == 1 for s in train) or not any(s.positive == 0 for s in train):
        raise UsageError(
            "The training part needs both positives and negatives of the decision; check labels.csv and the config."
        )
    return Corpus(train=train, val=val, val_folders=names, use=tuple(use))


def _data_use(folder: LabelledFolder, samples: list[Sample]) -> DataUse:
    splits = sorted({row.split for row in folder.rows})
    return DataUse(
        name=folder.root.resolve().name,
        labels=folder.labels.name,
        rows={split: sum(row.split == split for row in folder.rows) for split in splits},
        seen=tuple(sorted({s.sha256[:SHORT] for s in samples})),
    )
