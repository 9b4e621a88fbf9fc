"""Fitting of the trunk to hidden pixels or to a teacher's features: every epoch, the last weights."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader

from inspect_ai.training.feature_distillation import FeatureDistillation
from inspect_ai.training.masked import MaskedModelling
from inspect_ai.training.masked_views import Draws, MaskedSet, every_picture
from inspect_ai.training.pretraining import Pretraining
from inspect_ai.training.pretraining_pictures import PretrainingPictures
from inspect_ai.training.run import TrainingRun

Pretrainer = MaskedModelling | FeatureDistillation


def fit_trunk(pool: PretrainingPictures, config: Pretraining, run: TrainingRun) -> tuple[Pretrainer, int]:
    """Train a fresh trunk to the last epoch; returns the module in evaluation mode on the CPU, and its steps."""
    kind = FeatureDistillation if config.target == "features" else MaskedModelling
    module = kind(config, run.seed).to(memory_format=torch.channels_last)
    train: Any = DataLoader(MaskedSet(pool.train, config), batch_size=None, sampler=Draws(pool.train, config, run.seed))
    held_out: Any = DataLoader(
        MaskedSet(pool.held_out, config), batch_size=None, sampler=every_picture(pool.held_out, config)
    )
    last = ModelCheckpoint(run.checkpoints, run.last.stem, save_on_train_epoch_end=True, enable_version_counter=False)
    trainer = run.fit(module, train, held_out, epochs=config.epochs, clip=config.clip, callbacks=[last])
    return module.cpu().eval(), trainer.global_step
