"""One Lightning run: best averaged weights on val, early stopping, checkpoints to go on from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, RichProgressBar, WeightAveraging
from lightning.pytorch.loggers import CSVLogger
from torch.utils.data import DataLoader

from inspect_ai.config import TaskConfig, Training
from inspect_ai.errors import SetupError, UsageError
from inspect_ai.training.corpus import Corpus
from inspect_ai.training.data import BalancedSampler, TrainSet, collate, whole_batches
from inspect_ai.training.module import warmed_up_average

VAL_BATCH = 16


def train_loader(corpus: Corpus, config: TaskConfig, seed: int) -> DataLoader[Any]:
    """Augmented batches, drawn in balance."""
    schedule = config.train
    sampler = BalancedSampler(corpus.train, schedule.samples_per_epoch, schedule.positive_share, seed)
    return DataLoader(
        TrainSet(corpus.train, config, seed), schedule.batch, sampler=sampler, collate_fn=collate, drop_last=True
    )


def val_loader(corpus: Corpus, config: TaskConfig) -> DataLoader[Any]:
    """Whole units, padded as at work."""
    return DataLoader(whole_batches(corpus.val, config, VAL_BATCH), batch_size=None)  # type: ignore[arg-type]


def fit(
    module: lightning.LightningModule,
    train: Any,
    val: Any,
    schedule: Training,
    out: Path,
    *,
    device: str = "auto",
    resume: bool = False,
    progress: bool = True,
) -> tuple[int, int]:
    """Train; leaves the best averaged weights in the module and returns their epoch and step."""
    last = out / "checkpoints" / "last.ckpt"
    if resume and not last.is_file():
        raise UsageError(f"--resume: {last} does not exist. Start without --resume.")
    best = ModelCheckpoint(
        out / "checkpoints", "best", monitor="val", mode="max", save_last=True, enable_version_counter=False
    )
    trainer = lightning.Trainer(
        accelerator="auto" if device == "auto" else "gpu" if device == "cuda" else device,
        devices=1,
        precision=_precision(schedule.precision, device),
        max_epochs=schedule.epochs,
        gradient_clip_val=schedule.clip,
        callbacks=[best, *_callbacks(schedule, progress)],
        logger=CSVLogger(out, name="", version="log"),
        enable_progress_bar=progress,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=10,
    )
    trainer.fit(module, train, val, ckpt_path=last if resume else None, weights_only=False if resume else None)
    kept = torch.load(best.best_model_path, map_location="cpu", weights_only=True)  # noqa: TID251 - this run's own
    module.load_state_dict(kept["state_dict"])
    return int(kept["epoch"]), int(kept["global_step"])


def _callbacks(schedule: Training, progress: bool) -> Sequence[Any]:
    shown = [RichProgressBar(leave=True)] if progress else []
    return [
        EarlyStopping("val", mode="max", patience=schedule.patience),
        WeightAveraging(use_buffers=True, avg_fn=warmed_up_average(schedule.ema)),
        *shown,
    ]


def _precision(request: str, device: str) -> Any:
    """bfloat16 autocast on a GPU. On a CPU what was asked: networks of dense convolutions gain up to twofold by it,
    depthwise ones nothing. Raises SetupError where the processor would emulate it, many times slower.
    """
    if device != "cpu" and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
    if request == "bfloat16" and not torch.cpu._is_avx512_bf16_supported():
        raise SetupError("This processor has no bfloat16 units. Set train.precision to float32 in the config.")
    return "bf16-mixed" if request == "bfloat16" else "32-true"
