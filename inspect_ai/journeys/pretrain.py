"""Pretraining journey: pictures of all tasks, without their labels, become a trunk to start `train --init` from."""

from __future__ import annotations

import dataclasses
import json
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from inspect_ai.domain import Account
from inspect_ai.errors import UsageError
from inspect_ai.model.manifest import TRUNK, TRUNK_RECORDS, file_sha256
from inspect_ai.settings import Settings
from inspect_ai.training.pretraining import Pretraining, read_pretraining
from inspect_ai.training.pretraining_pictures import PretrainingPictures, read_pictures
from inspect_ai.training.run import TrainingRun
from inspect_ai.version import __version__

if TYPE_CHECKING:
    from inspect_ai.training.fit_trunk import Pretrainer
    from inspect_ai.training.held_out import HeldOut

PRETRAINING_RECORD, _ = TRUNK_RECORDS
SHEET = "reconstruction.png"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pretrained:
    """Folder with trunk, record and sheet, the losses on held-out pictures, and how many files were rejected."""

    folder: Path
    steps: int
    held_out: tuple[HeldOut, ...]
    rejected: int
    account: Account


def pretrain(
    data: Sequence[Path],
    run: TrainingRun,
    *,
    settings: Settings,
    config_file: Path | None = None,
    tell: Callable[[str], None] = lambda sentence: None,
) -> Pretrained:
    """Pretrain a trunk on the train part of labelled folders and on folders without labels.

    tell: called with each sentence on the data, before training starts. Raises UsageError, InputError or SetupError.
    """
    from inspect_ai.training.fit_trunk import fit_trunk
    from inspect_ai.training.held_out import held_out_losses

    config = read_pretraining(config_file)
    run.prepare()
    started = time.monotonic()
    pool = read_pictures(data, settings, config.crop)
    for sentence in (*pool.said, pool.account.sentence):
        tell(sentence)
    if not pool.held_out:
        raise UsageError("There are too few pictures to hold one out; give at least two that do not belong together.")
    module, steps = fit_trunk(pool, config, run)
    losses = held_out_losses(module, pool.held_out, config)
    pretrained = Pretrained(
        folder=run.out, steps=steps, held_out=losses, rejected=len(pool.rejections), account=pool.account
    )
    _save(module, pool, config, pretrained, seed=run.seed, seconds=time.monotonic() - started)
    return pretrained


def _save(
    module: Pretrainer,
    pool: PretrainingPictures,
    config: Pretraining,
    pretrained: Pretrained,
    *,
    seed: int,
    seconds: float,
) -> None:
    """Write trunk, sheet and, last, the record that names them."""
    from inspect_ai.model.sharing import save_trunk
    from inspect_ai.training.masked import MaskedModelling
    from inspect_ai.training.reconstruction_sheet import reconstruction_sheet

    out = pretrained.folder
    save_trunk(module.trunk, out)
    if isinstance(module, MaskedModelling):
        cv2.imwrite(str(out / SHEET), reconstruction_sheet(module, pool.held_out, config))
    record = {
        "software": f"inspect-ai-vision {__version__}",
        "versions": {"python": platform.python_version()}
        | {p: version(p) for p in ("torch", "lightning", "numpy", "opencv-python-headless")},
        "config": config.model_dump(mode="json"),
        "seed": seed,
        "steps": pretrained.steps,
        "seconds": round(seconds, 1),
        "parameters": sum(p.numel() for p in module.trunk.parameters()),
        "split": "train",  # the only one read; `held_out` is part of it
        "pictures": {"train": len(pool.train), "held_out": len(pool.held_out)},
        "held_out": [dataclasses.asdict(losses) for losses in pretrained.held_out],
        "data": [dataclasses.asdict(use) for use in pool.use],
        "rejections": [{"file": r.file, "reason": r.reason} for r in pool.rejections],
        "trunk_sha256": file_sha256(out / TRUNK),
    }
    (out / PRETRAINING_RECORD).write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", "utf-8")
