"""The pretraining journey: pictures of all tasks, without their labels, become a trunk for `train --init` to start
from.
"""

from __future__ import annotations

import dataclasses
import json
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai import __version__
from inspect_ai.errors import UsageError
from inspect_ai.model.manifest import TRUNK, file_sha256
from inspect_ai.settings import Settings
from inspect_ai.training.pretraining import Pretraining, read_pretraining
from inspect_ai.training.pretraining_pictures import Picture, PretrainingPictures, read_pictures

if TYPE_CHECKING:
    from inspect_ai.training.masked import MaskedModelling

RECORD, SHEET = "pretrain.json", "reconstruction.png"
EXAMPLES, TILE_PX = 8, 192


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """What the trunk makes of hidden pixels in train pictures that it did not learn from, by task.

    `loss` is its mean distance to the normalised pixels, `block_mean` that of painting each block in its own mean.
    """

    task: str
    pictures: int
    loss: float
    block_mean: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pretrained:
    """What pretraining left: the folder with trunk, record and sheet, and how well hidden pixels are guessed."""

    folder: Path
    steps: int
    held_out: tuple[HeldOut, ...]
    rejected: int


def pretrain(
    data: Sequence[Path],
    *,
    settings: Settings,
    config_file: Path | None = None,
    out: Path | None = None,
    seed: int = 0,
    device: str = "auto",
    resume: bool = False,
    threads: int | None = None,
    progress: bool = True,
) -> Pretrained:
    """Pretrain a trunk on the train part of labelled folders and on folders without labels.

    Raises UsageError, InputError or SetupError.
    """
    import lightning
    import torch

    config = read_pretraining(config_file)
    if threads:
        torch.set_num_threads(threads)
    out = out or Path("runs") / f"pretrain-{seed}"
    out.mkdir(parents=True, exist_ok=True)
    if resume and not _last(out).is_file():
        raise UsageError(f"--resume: {_last(out)} does not exist. Start without --resume.")
    started = time.monotonic()
    pool = read_pictures(data, settings, config.crop)
    if not pool.held_out:
        raise UsageError("There are too few pictures to hold one out; give at least two that do not belong together.")
    lightning.seed_everything(seed, verbose=False)
    module, steps = _fit(pool, config, out, seed=seed, device=device, resume=resume, progress=progress)
    measures = _measured(module, pool.held_out, config)
    _save(module, pool, config, measures, out, seed=seed, steps=steps, seconds=time.monotonic() - started)
    return Pretrained(folder=out, steps=steps, held_out=measures, rejected=len(pool.rejections))


def _last(out: Path) -> Path:
    return out / "checkpoints" / "last.ckpt"


def _fit(
    pool: PretrainingPictures, config: Pretraining, out: Path, *, seed: int, device: str, resume: bool, progress: bool
) -> tuple[MaskedModelling, int]:
    """Train to the last epoch; returns the module at work and its steps."""
    import lightning
    import torch
    from lightning.pytorch.callbacks import ModelCheckpoint, RichProgressBar
    from lightning.pytorch.loggers import CSVLogger
    from torch.utils.data import DataLoader

    from inspect_ai.training.masked import Draws, MaskedModelling, MaskedSet, every_picture

    module = MaskedModelling(config, seed).to(memory_format=torch.channels_last)
    train: Any = DataLoader(MaskedSet(pool.train, config), batch_size=None, sampler=Draws(pool.train, config, seed))
    held_out: Any = DataLoader(
        MaskedSet(pool.held_out, config), batch_size=None, sampler=every_picture(pool.held_out, config)
    )
    last = _last(out)
    callbacks: list[Any] = [
        ModelCheckpoint(last.parent, last.stem, save_on_train_epoch_end=True, enable_version_counter=False)
    ]
    if progress:
        callbacks.append(RichProgressBar(leave=True))
    trainer = lightning.Trainer(
        accelerator="auto" if device == "auto" else "gpu" if device == "cuda" else device,
        devices=1,
        precision="bf16-mixed" if device != "cpu" and torch.cuda.is_available() else "32-true",
        max_epochs=config.epochs,
        gradient_clip_val=config.clip,
        callbacks=callbacks,
        logger=CSVLogger(out, name="", version=f"log-{1 + len(list(out.glob('log-*')))}" if resume else "log"),
        enable_progress_bar=progress,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=10,
    )
    trainer.fit(module, train, held_out, ckpt_path=last if resume else None, weights_only=False if resume else None)
    return module.cpu().eval(), trainer.global_step


def _measured(module: MaskedModelling, pictures: Sequence[Picture], config: Pretraining) -> tuple[HeldOut, ...]:
    """Losses over held-out pictures, each picture once, by task."""
    import torch

    from inspect_ai.training.masked import MaskedSet, every_picture

    sums: dict[str, NDArray[np.float64]] = {}
    views_of = MaskedSet(pictures, config)
    for draw in every_picture(pictures, config):
        views = views_of[draw]
        with torch.no_grad():
            loss, block_mean = (float(value) for value in module.losses(views))
        more = len(draw.indices) * np.array([1.0, loss, block_mean])
        sums[views.task] = sums.get(views.task, np.zeros(3)) + more
    return tuple(
        HeldOut(task=task, pictures=int(n), loss=round(float(loss / n), 5), block_mean=round(float(flat / n), 5))
        for task, (n, loss, flat) in sorted(sums.items())
    )


def _save(
    module: MaskedModelling,
    pool: PretrainingPictures,
    config: Pretraining,
    measures: tuple[HeldOut, ...],
    out: Path,
    *,
    seed: int,
    steps: int,
    seconds: float,
) -> None:
    """Write trunk, sheet and, last, the record that names them."""
    from safetensors.torch import save_file

    save_file({name: tensor.contiguous() for name, tensor in module.trunk.state_dict().items()}, str(out / TRUNK))
    cv2.imwrite(str(out / SHEET), _sheet(module, pool.held_out, config))
    record = {
        "software": f"inspect-ai-vision {__version__}",
        "versions": {"python": platform.python_version()}
        | {p: version(p) for p in ("torch", "lightning", "numpy", "opencv-python-headless")},
        "config": config.model_dump(mode="json"),
        "seed": seed,
        "steps": steps,
        "seconds": round(seconds, 1),
        "parameters": sum(p.numel() for p in module.trunk.parameters()),
        "split": "train",  # the only one read; `held_out` is part of it
        "pictures": {"train": len(pool.train), "held_out": len(pool.held_out)},
        "held_out": [dataclasses.asdict(measure) for measure in measures],
        "data": [dataclasses.asdict(use) for use in pool.use],
        "rejections": [{"file": r.file, "reason": r.reason} for r in pool.rejections],
        "trunk_sha256": file_sha256(out / TRUNK),
    }
    (out / RECORD).write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _sheet(module: MaskedModelling, pictures: Sequence[Picture], config: Pretraining) -> NDArray[np.uint8]:
    """Held-out examples of all tasks, one a row: what the network sees, what it predicts, the original. BGR."""
    import torch

    from inspect_ai.model.network import normalised
    from inspect_ai.training.masked import Draw, MaskedSet, crop_side

    views_of = MaskedSet(pictures, config)
    rows = [_title()]
    for index in _spread(pictures):
        views = views_of[Draw(indices=(index,), side_px=crop_side(pictures[index], config.crop), key=(index,))]
        with torch.no_grad():
            seen, predicted = module.painted(views)
        original = normalised(views.pixels) / 2 + 0.5
        rows.append(np.hstack([_tile(picture[0].numpy()) for picture in (seen, predicted, original)]))
    return np.vstack(rows)


def _spread(pictures: Sequence[Picture]) -> list[int]:
    """Indices of EXAMPLES pictures, each task in turn."""
    of_task: dict[str, list[int]] = {}
    for index, picture in enumerate(pictures):
        of_task.setdefault(picture.task, []).append(index)
    rounds = max(len(mine) for mine in of_task.values())
    return [mine[i] for i in range(rounds) for mine in of_task.values() if i < len(mine)][:EXAMPLES]


def _title() -> NDArray[np.uint8]:
    strip = np.full((24, 3 * TILE_PX, 3), 255, np.uint8)
    for column, word in enumerate(("seen", "predicted", "original")):
        cv2.putText(strip, word, (column * TILE_PX + 6, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return strip


def _tile(picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    """[3, S, S] in 0..1 -> [TILE_PX, TILE_PX, 3] BGR with a white margin."""
    pixels = np.round(picture[::-1].transpose(1, 2, 0) * 255.0).astype(np.uint8)
    inner = cv2.resize(pixels, (TILE_PX - 4, TILE_PX - 4), interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.copyMakeBorder(inner, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=(255, 255, 255)), np.uint8)
