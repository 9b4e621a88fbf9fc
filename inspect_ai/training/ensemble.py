"""Ensemble of teachers for one training: the same recipe under several seeds, each in a folder of its own.

Where the recipe asks for teachers that did not train on what they teach (`distil_unseen`), each leaves out one fold of
train's groups, so that every picture has one teacher whose answer is not learnt by heart.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from inspect_ai.config import TaskConfig
from inspect_ai.errors import SetupError
from inspect_ai.model.manifest import SHORT, DataUse, read_manifest
from inspect_ai.model.weights import fresh_network
from inspect_ai.plugins import Task
from inspect_ai.training.corpus import Corpus
from inspect_ai.training.fit import fit_task
from inspect_ai.training.package_model import TrainingRecord, package_model
from inspect_ai.training.run import TrainingRun


def train_teachers(
    count: int, corpus: Corpus, task: Task, run: TrainingRun, tell: Callable[[str], None] = lambda sentence: None
) -> list[Path]:
    """Train `count` teachers into OUT/teachers/1 ...; a finished one of this recipe and seed is not trained again.

    They take the seeds after the run's. Returns their folders. A resumed run continues the one that was cut short.
    """
    folders = []
    for number in range(1, count + 1):
        own = replace(run, out=run.out / "teachers" / str(number), seed=run.seed + number, resume=False)
        own = replace(own, resume=run.resume and own.last.is_file())
        folders.append(own.out)
        if _is_finished(own, task.config):
            tell(f"teacher {number} of {count} is there already")
            continue
        tell(f"teacher {number} of {count} trains")
        part = without_fold(corpus, number - 1, count) if task.config.train.distil_unseen and count > 1 else corpus
        started = time.monotonic()
        own.prepare()
        network = fresh_network(task.config)
        epoch, steps = fit_task(network, part, task.config, own)
        record = TrainingRecord(seed=own.seed, epoch=epoch, steps=steps, seconds=time.monotonic() - started)
        package_model(network, part, task, own.out, record)
    return folders


def without_fold(corpus: Corpus, fold: int, folds: int) -> Corpus:
    """Leave one of `folds` parts of train's groups out, chosen by their names alone, as if it had never been seen."""
    kept = [s for s in corpus.train if fold_of(s.row.group, folds) != fold]
    there = {s.sha256[:SHORT] for s in (*kept, *corpus.val)}
    gone = {s.sha256[:SHORT] for s in corpus.train} - there
    return replace(corpus, train=kept, use=tuple(_without(use, gone) for use in corpus.use))


def fold_of(group: str, folds: int) -> int:
    """Fold of a group by its name."""
    return int.from_bytes(hashlib.sha256(group.encode()).digest()[:8], "big") % folds


def _without(use: DataUse, gone: set[str]) -> DataUse:
    return replace(use, seen=tuple(digest for digest in use.seen if digest not in gone))


def _is_finished(run: TrainingRun, config: TaskConfig) -> bool:
    try:
        manifest = read_manifest(run.out)
    except SetupError:
        return False
    return manifest.config == config and manifest.seed == run.seed
