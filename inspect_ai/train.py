"""The training journey: labelled folders become weights, an ONNX graph and a manifest in one folder."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspect_ai import __version__
from inspect_ai.config import TaskConfig, read_config
from inspect_ai.errors import SetupError, UsageError
from inspect_ai.model.manifest import SHORT, DataUse, Manifest, write_manifest
from inspect_ai.plugins import Task, task_named
from inspect_ai.settings import Settings
from inspect_ai.training.folder import LabelledFolder, read_folder, with_splits
from inspect_ai.training.samples import Sample, read_samples

if TYPE_CHECKING:
    from inspect_ai.model.network import Network
    from inspect_ai.training.module import Inspector

PARITY = 2.0**-12  # largest difference of a probability between torch and the serving engine
PARITY_UNITS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What training left: the folder with weights, graph and manifest, and what the shipped weights reach on val."""

    folder: Path
    manifest: Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class _Corpus:
    """Decoded samples of train and val, with the folder name of each validation sample."""

    train: list[Sample]
    val: list[Sample]
    val_folders: list[str]
    use: tuple[DataUse, ...]


def train_task(
    task_name: str,
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
) -> Trained:
    """Train one task on labelled folders; the best epoch on val is kept. Raises UsageError or SetupError."""
    import lightning
    import torch

    task = task_named(task_name, settings.tasks)
    if config_file is not None:
        task = type(task)(read_config(config_file), task.folder)
    if threads:
        torch.set_num_threads(threads)
    out = out or Path("runs") / f"{task_name}-{seed}"
    out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    lightning.seed_everything(seed, verbose=False)
    corpus = read_corpus(task, data, settings)
    network = _fresh_network(task.config)
    module, epoch, steps = _fit(
        network, corpus, task.config, out, seed=seed, device=device, resume=resume, progress=progress
    )
    manifest = _ship(module, corpus, task, out, seed=seed, epoch=epoch, steps=steps, seconds=time.monotonic() - started)
    return Trained(folder=out, manifest=manifest)


def read_corpus(task: Task, data: Sequence[Path], settings: Settings) -> _Corpus:
    """Decode train and val of all folders. Raises UsageError where one of them is missing or knows no positives."""
    folders = with_splits(
        [read_folder(d, task.config) for d in data], calibration_share=task.config.train.calibration_share
    )
    train: list[Sample] = []
    val: list[Sample] = []
    names: list[str] = []
    use = []
    for folder in folders:
        mine = read_samples(folder, folder.part("train"), task, settings)
        chosen = read_samples(folder, folder.part("val"), task, settings)
        train += mine
        val += chosen
        names += [folder.root.resolve().name] * len(chosen)
        use.append(_data_use(folder, [*mine, *chosen]))
    if not any(s.positive == 1 for s in train) or not any(s.positive == 0 for s in train):
        raise UsageError(
            "The training part needs both positives and negatives of the decision; check labels.csv and the config."
        )
    return _Corpus(train=train, val=val, val_folders=names, use=tuple(use))


def _data_use(folder: LabelledFolder, samples: list[Sample]) -> DataUse:
    splits = sorted({row.split for row in folder.rows})
    return DataUse(
        name=folder.root.resolve().name,
        labels=folder.labels.name,
        rows={split: sum(row.split == split for row in folder.rows) for split in splits},
        seen=tuple(sorted({s.sha256[:SHORT] for s in samples})),
    )


def _fresh_network(config: TaskConfig) -> Network:
    import torch

    from inspect_ai.model.convolution import forget_sooner
    from inspect_ai.model.network import Network
    from inspect_ai.model.weights import start_from_imagenet

    network = Network(config)
    if config.network.init == "imagenet":
        start_from_imagenet(network)
    else:
        forget_sooner(network)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _fit(
    network: Network,
    corpus: _Corpus,
    config: TaskConfig,
    out: Path,
    *,
    seed: int,
    device: str,
    resume: bool,
    progress: bool,
) -> tuple[Inspector, int, int]:
    """Train; returns the module with the best averaged weights, their epoch and step."""
    import lightning
    import torch
    from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, RichProgressBar, WeightAveraging
    from lightning.pytorch.loggers import CSVLogger
    from torch.utils.data import DataLoader

    from inspect_ai.training.data import BalancedSampler, TrainSet, collate, whole_batches
    from inspect_ai.training.module import Inspector, warmed_up_average

    schedule = config.train
    module = Inspector(network, config, corpus.val, corpus.val_folders)
    sampler = BalancedSampler(corpus.train, schedule.samples_per_epoch, schedule.positive_share, seed)
    train = DataLoader(
        TrainSet(corpus.train, config, seed), schedule.batch, sampler=sampler, collate_fn=collate, drop_last=True
    )
    val = DataLoader(whole_batches(corpus.val, config, 16), batch_size=None)  # type: ignore[arg-type,var-annotated]
    best = ModelCheckpoint(
        out / "checkpoints", "best", monitor="val", mode="max", save_last=True, enable_version_counter=False
    )
    callbacks: list[Any] = [
        best,
        EarlyStopping("val", mode="max", patience=schedule.patience),
        WeightAveraging(use_buffers=True, avg_fn=warmed_up_average(schedule.ema)),
    ]
    if progress:
        callbacks.append(RichProgressBar(leave=True))
    trainer = lightning.Trainer(
        accelerator="auto" if device == "auto" else "gpu" if device == "cuda" else device,
        devices=1,
        precision=_precision(device),
        max_epochs=schedule.epochs,
        gradient_clip_val=schedule.clip,
        callbacks=callbacks,
        logger=CSVLogger(out, name="", version="log"),
        enable_progress_bar=progress,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=10,
    )
    last = out / "checkpoints" / "last.ckpt"
    if resume and not last.is_file():
        raise UsageError(f"--resume: {last} does not exist. Start without --resume.")
    trainer.fit(module, train, val, ckpt_path=last if resume else None, weights_only=False if resume else None)
    kept = torch.load(best.best_model_path, map_location="cpu", weights_only=True)  # noqa: TID251 - from this run's own folder
    module.load_state_dict(kept["state_dict"])
    return module, int(kept["epoch"]), int(kept["global_step"])


def _precision(device: str) -> Any:
    """bfloat16 autocast on a GPU; float32 on a CPU, where bfloat16 without native units is eight times slower."""
    import torch

    return (
        "bf16-mixed" if device != "cpu" and torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "32-true"
    )


def _ship(
    module: Inspector, corpus: _Corpus, task: Task, out: Path, *, seed: int, epoch: int, steps: int, seconds: float
) -> Manifest:
    """Fold, round, save, export, compare the engines, measure the shipped weights on val, write the manifest."""
    from inspect_ai.model.export import export_graph
    from inspect_ai.model.network import for_work
    from inspect_ai.model.weights import save_weights

    config = task.config
    network = for_work(module.network.cpu())
    save_weights(network, out)
    export_graph(network, config, out)
    manifest = Manifest(
        task=task.name,
        task_version=task.version,
        software=f"inspect-ai-vision {__version__}",
        versions={"python": platform.python_version()}
        | {p: version(p) for p in ("torch", "lightning", "monai", "onnxruntime")},
        config=config,
        seed=seed,
        epoch=epoch,
        steps=steps,
        seconds=round(seconds, 1),
        init=config.network.init,
        parameters=sum(p.numel() for p in network.parameters()),
        metrics={},
        data=corpus.use,
    )
    write_manifest(manifest, out)
    return _measured(manifest, corpus, out)


def _measured(manifest: Manifest, corpus: _Corpus, out: Path) -> Manifest:
    """The manifest with val metrics of the serving engine.

    Raises SetupError if the graph does not say what torch says.
    """
    import dataclasses

    import numpy as np

    from inspect_ai.domain import Unit
    from inspect_ai.model.engine import open_engine
    from inspect_ai.plugins import probability
    from inspect_ai.training.metrics import validation_metrics

    units = [
        Unit(pixels=np.ascontiguousarray(s.pixels.transpose(2, 0, 1), np.float32) / np.float32(255)) for s in corpus.val
    ]
    onnx = [o.logits for o in open_engine(out, kind="onnx").run(units)]
    torch_ = [o.logits for o in open_engine(out, kind="torch").run(units[:PARITY_UNITS])]
    worst = max(abs(probability(a[0]) - probability(b[0])) for a, b in zip(onnx, torch_, strict=False))
    if not worst <= PARITY:
        raise SetupError(
            f"The exported graph differs from torch by {worst:.5f} in a probability; {out} is not fit to ship."
        )
    metrics = validation_metrics(corpus.val_folders, corpus.val, np.stack(onnx), manifest.config)
    manifest = dataclasses.replace(manifest, metrics={name: round(value, 5) for name, value in metrics.items()})
    write_manifest(manifest, out)
    return manifest
