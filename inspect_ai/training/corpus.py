"""Train and val samples of one training, decoded once from labelled folders, and a record of the pictures used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from inspect_ai.config import TaskConfig
from inspect_ai.datasets.account import EXCLUDED, taken_out
from inspect_ai.datasets.cache import cached_samples
from inspect_ai.datasets.contexts import read_contexts
from inspect_ai.datasets.exclusion import Excluded, excluded
from inspect_ai.datasets.folder import LabelledFolder
from inspect_ai.datasets.prepare import Prepared, prepare
from inspect_ai.datasets.quality_weights import quality_weights
from inspect_ai.datasets.samples import Sample
from inspect_ai.datasets.windows import Window, negative_windows, positive_window
from inspect_ai.domain import Account
from inspect_ai.errors import UsageError
from inspect_ai.model.manifest import SHORT, DataUse, met_by_trunk
from inspect_ai.model.starts import trunk_folder
from inspect_ai.plugins import Task
from inspect_ai.settings import Settings

LEAST_IN_TRAIN, LEAST_IN_VAL = 3, 1  # of each side; less is no training that a figure could be said about


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Decoded samples of train and val, with the folder name of each validation sample.

    Stacks are whole windows in `train`, moved anew each time one is drawn, and cut once in `val`. trust: weight of each
    training sample by its quality, where `train.below_quality` asks for it; else empty.
    """

    train: list[Sample | Window]
    val: list[Sample]
    val_folders: list[str]
    use: tuple[DataUse, ...]
    account: Account
    trust: tuple[float, ...] = ()


def read_corpus(
    task: Task,
    data: Sequence[Path],
    settings: Settings,
    tell: Callable[[str], None] = lambda sentence: None,
    *,
    exclude: Path | None = None,
) -> Corpus:
    """Decode train and val of all folders. Raises UsageError, before anything is decoded, for too few pictures.

    exclude: table of pictures that are left out of train; they count as seen all the same, since a person looked at
    them. tell: called with each sentence on what was understood, joined, split, left out and counted.
    """
    ready = prepare(data, task.config, settings)
    folders = ready.folders
    out = excluded(exclude, folders)
    counts = taken_out(ready.account(["train", "val"]), out.count, EXCLUDED)
    for sentence in (*ready.said, *out.said, counts.sentence):
        tell(sentence)
    for sentence in refuse_too_few(_without(ready, out)):
        tell(sentence)
    train: list[Sample | Window] = []
    val: list[Sample] = []
    names: list[str] = []
    trust: list[float] = []
    use = []
    least = task.config.train.below_quality
    for at, (folder, gone) in enumerate(zip(folders, out.files, strict=True)):
        if folder.labels.votes_column:
            windows = {split: _windows(folder, split, task, settings) for split in ("train", "val")}
            windows["train"] = [w for w in windows["train"] if w.context.sample.row.file not in gone]
            tell(_of_windows(folder, windows))
            train += windows["train"]
            trust += [1.0] * len(windows["train"]) if least < 1 else []
            val_part = [window.sample(task.config.input) for window in windows["val"]]
            met = [window.context.sample for part in windows.values() for window in part]
        else:
            train_part = cached_samples(folder, "train", task, settings)
            val_part = cached_samples(folder, "val", task, settings)
            kept = [sample for sample in train_part if sample.row.file not in gone]
            train += kept
            trust += _trust(folder, kept, task, settings)
            met = [*train_part, *val_part]
        val += val_part
        names += [folder.root.resolve().name] * len(val_part)
        use.append(_data_use(folder, met, ready.positives_taken(at)))
    return Corpus(train=train, val=val, val_folders=names, use=tuple(use), account=counts, trust=tuple(trust))


def with_start(corpus: Corpus, config: TaskConfig) -> Corpus:
    """Count what the trunk met that the training starts from, so that none of it proves anything later."""
    trunk = trunk_folder(config)
    return corpus if trunk is None else replace(corpus, use=(*corpus.use, *met_by_trunk(trunk)))


def _trust(folder: LabelledFolder, kept: Sequence[Sample], task: Task, settings: Settings) -> list[float]:
    """Weights of single pictures by their quality; none where the config asks for none."""
    least = task.config.train.below_quality
    return quality_weights(folder, [sample.row for sample in kept], task, settings, least) if least < 1 else []


def _without(ready: Prepared, out: Excluded) -> Prepared:
    """The folders as training counts them."""
    folders = [
        replace(folder, rows=tuple(row for row in folder.rows if row.file not in gone))
        for folder, gone in zip(ready.folders, out.files, strict=True)
    ]
    return replace(ready, folders=tuple(folders))


def _windows(folder: LabelledFolder, split: str, task: Task, settings: Settings) -> list[Window]:
    """Windows of one split: each finding that counts, and the negatives of all stacks."""
    contexts = read_contexts(folder, split, task, settings)
    counted = [context for context in contexts if context.sample.row.label in folder.labels.classes]
    off_centre = task.config.augment.off_centre
    negatives = (window for c in contexts for window in negative_windows(c, task.config.input, off_centre))
    return [*(positive_window(context) for context in counted), *negatives]


def _of_windows(folder: LabelledFolder, windows: Mapping[str, Sequence[Window]]) -> str:
    counts = []
    for split, part in windows.items():
        positives = sum(window.label in folder.labels.positive for window in part)
        counts.append(f"{split} {positives} and {len(part) - positives}")
    return f"windows of the stacks in {folder.root.resolve().name}, with and without a finding: {', '.join(counts)}"


def refuse_too_few(ready: Prepared) -> list[str]:
    """Check that both sides of the decision are there to learn and to select on. Raises UsageError with the counts.

    Returns a sentence on a calibration part that can prove nothing; training goes on without one.
    """
    count: Counter[tuple[str, bool]] = Counter()
    for folder in ready.folders:
        if folder.labels.decides:
            count.update((row.split, row.label in folder.labels.positive) for row in folder.rows)
            if folder.labels.votes_column:  # each stack has places where nobody voted
                count.update((row.split, False) for row in folder.rows)
    there = {split: (count[split, True], count[split, False]) for split in ("train", "val", "calibration")}
    if min(there["train"]) < LEAST_IN_TRAIN or min(there["val"]) < LEAST_IN_VAL:
        had = "; ".join(f"{split} has {pos} and {neg}" for split, (pos, neg) in there.items())
        raise UsageError(
            f"Training needs at least {LEAST_IN_TRAIN} positives and {LEAST_IN_TRAIN} negatives in train, and "
            f"{LEAST_IN_VAL} of each in val. Positives and negatives: {had}. Add pictures of the side that is missing, "
            f"or name other splits in labels.csv; `inspect-ai datasets check` shows what was read."
        )
    if not there["calibration"][0]:
        return [
            "the calibration part has no positives: `inspect-ai calibrate` will need some that training never met "
            "(`inspect-ai plan` says how many)"
        ]
    return []


def _data_use(folder: LabelledFolder, samples: list[Sample], topped_up: int) -> DataUse:
    splits = sorted({row.split for row in folder.rows})
    return DataUse(
        name=folder.root.resolve().name,
        labels=folder.labels.name,
        rows={split: sum(row.split == split for row in folder.rows) for split in splits},
        seen=tuple(sorted({s.sha256[:SHORT] for s in samples})),
        topped_up=topped_up,
    )
