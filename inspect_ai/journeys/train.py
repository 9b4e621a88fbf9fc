"""The training journey: labelled folders become weights, an ONNX graph and a manifest in one folder."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from inspect_ai.config import read_config, with_network
from inspect_ai.errors import UsageError
from inspect_ai.model.manifest import Manifest, met_by_trunk, read_manifest
from inspect_ai.plugins import Task, task_named
from inspect_ai.settings import Settings

if TYPE_CHECKING:
    from inspect_ai.model.network import Network


STARTS = ("scratch", "imagenet")  # of network.init; else it is a folder with a trunk


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What training left: the folder with weights, graph and manifest, and what the shipped weights reach on val."""

    folder: Path
    manifest: Manifest


def train_task(
    task_name: str,
    data: Sequence[Path],
    *,
    settings: Settings,
    config_file: Path | None = None,
    backbone: str | None = None,
    init: str | None = None,
    teachers: Sequence[Path] = (),
    out: Path | None = None,
    seed: int = 0,
    device: str = "auto",
    resume: bool = False,
    threads: int | None = None,
    progress: bool = True,
) -> Trained:
    """Train one task on labelled folders; the best epoch on val is kept.

    backbone and init replace the config's; teachers: model folders of the same task, whose answers are learnt too.
    Raises UsageError or SetupError.
    """
    import lightning
    import torch

    from inspect_ai.model.weights import fresh_network
    from inspect_ai.training.corpus import read_corpus
    from inspect_ai.training.fit import fit, train_loader, val_loader
    from inspect_ai.training.module import TaskModule
    from inspect_ai.training.package_model import Run, package_model

    task = task_named(task_name, settings.tasks)
    config = task.config if config_file is None else read_config(config_file)
    task = type(task)(with_network(config, backbone=backbone, init=init), task.folder)
    if threads:
        torch.set_num_threads(threads)
    out = out or Path("runs") / f"{task_name}-{seed}"
    out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    lightning.seed_everything(seed, verbose=False)
    corpus = read_corpus(task, data, settings)
    if task.config.network.init not in STARTS:
        corpus = replace(corpus, use=(*corpus.use, *met_by_trunk(Path(task.config.network.init))))
    network = fresh_network(task.config)
    module = TaskModule(network, task.config, corpus.val, corpus.val_folders, [_teacher(t, task) for t in teachers])
    epoch, steps = fit(
        module,
        train_loader(corpus, task.config, seed),
        val_loader(corpus, task.config),
        task.config.train,
        out,
        device=device,
        resume=resume,
        progress=progress,
    )
    run = Run(seed=seed, epoch=epoch, steps=steps, seconds=time.monotonic() - started)
    return Trained(folder=out, manifest=package_model(network, corpus, task, out, run))


def _teacher(folder: Path, task: Task) -> Network:
    """The network that teaches. Raises UsageError if it answers other questions."""
    from inspect_ai.model.weights import load_network

    config = read_manifest(folder).config
    if (config.name, config.outputs) != (task.config.name, task.config.outputs):
        raise UsageError(f"{folder} answers other questions than {task.name}; a teacher must have the same outputs.")
    return load_network(folder, config)
