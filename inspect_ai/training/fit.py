"""Fitting of a task's network, or those of several tasks: best averaged weights on val, early stopping, checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, WeightAveraging
from torch.utils.data import DataLoader

from inspect_ai.config import TaskConfig, Training
from inspect_ai.datasets.windows import Window
from inspect_ai.errors import UsageError
from inspect_ai.model.network import Network
from inspect_ai.training.corpus import Corpus
from inspect_ai.training.data import BalancedSampler, OneShapeBatches, TrainSet, collate, whole_batches
from inspect_ai.training.mining import RunningLosses, running_losses
from inspect_ai.training.module import TaskModule, warmed_up_average
from inspect_ai.training.multitask import Interleaved, MultitaskModule
from inspect_ai.training.run import TrainingRun
from inspect_ai.training.teachers import Teachers

VAL_BATCH = 16


def fit_task(
    network: Network, corpus: Corpus, config: TaskConfig, run: TrainingRun, teachers: Teachers | None = None
) -> tuple[int, int]:
    """Train a network in place, ending with its best averaged weights; returns their epoch and step.

    teachers: of the same outputs, to distil from.
    """
    running = running_losses([s.positive for s in corpus.train]) if config.train.mining > 1 else None
    module = TaskModule(network, config, corpus.val, corpus.val_folders, teachers, running)
    loader = _train_loader(corpus, config, run.seed, running)
    return _fit(module, loader, _val_loader(corpus, config), config.train, run)


def fit_multitask(
    networks: Sequence[Network], corpora: Sequence[Corpus], configs: Sequence[TaskConfig], run: TrainingRun
) -> tuple[int, int]:
    """Train networks that share a trunk in place, all at once, under the schedule of the first config.

    The networks end with their best averaged weights; returns their epoch and step. Raises UsageError for a config that
    mines hard samples.
    """
    for config in configs:
        if config.train.mining > 1:
            raise UsageError(f"Joint training does not mine hard samples; set train.mining of {config.name} to 1.")
    tasks = list(zip(networks, corpora, configs, strict=True))
    module = MultitaskModule(
        [TaskModule(network, config, corpus.val, corpus.val_folders) for network, corpus, config in tasks]
    )
    train = Interleaved([_train_loader(corpus, config, run.seed) for _, corpus, config in tasks])
    return _fit(module, train, [_val_loader(corpus, config) for _, corpus, config in tasks], configs[0].train, run)


def _fit(
    module: lightning.LightningModule, train: Any, val: Any, schedule: Training, run: TrainingRun
) -> tuple[int, int]:
    best = ModelCheckpoint(
        run.checkpoints, "best", monitor="val", mode="max", save_last=True, enable_version_counter=False
    )
    stop = EarlyStopping("val", mode="max", patience=schedule.patience)
    average = WeightAveraging(use_buffers=True, avg_fn=warmed_up_average(schedule.ema))
    run.fit(
        module,
        train,
        val,
        epochs=schedule.epochs,
        clip=schedule.clip,
        callbacks=[best, stop, average],
        precision=schedule.precision,
    )
    kept = torch.load(best.best_model_path, map_location="cpu", weights_only=True)  # noqa: TID251 - this run's own
    module.load_state_dict(kept["state_dict"])
    return int(kept["epoch"]), int(kept["global_step"])


def _train_loader(
    corpus: Corpus, config: TaskConfig, seed: int, running: RunningLosses | None = None
) -> DataLoader[Any]:
    """Loader of augmented batches, drawn in balance; with running losses, hard samples more often."""
    schedule = config.train
    mined = None if running is None else partial(running.factors, schedule.mining, schedule.mining_suspect)
    sampler = BalancedSampler(
        corpus.train, schedule.samples_per_epoch, schedule.positive_share, seed, mined, corpus.trust
    )
    data = TrainSet(corpus.train, config, seed)
    if any(isinstance(sample, Window) for sample in corpus.train):
        batches = OneShapeBatches(sampler, corpus.train, schedule.batch)
        return DataLoader(data, batch_sampler=batches, collate_fn=collate)
    return DataLoader(data, schedule.batch, sampler=sampler, collate_fn=collate, drop_last=True)


def _val_loader(corpus: Corpus, config: TaskConfig) -> DataLoader[Any]:
    """Loader of whole units, padded as at work."""
    return DataLoader(whole_batches(corpus.val, config, VAL_BATCH), batch_size=None)  # type: ignore[arg-type]
