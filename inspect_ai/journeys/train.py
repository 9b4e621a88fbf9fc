"""Training journey: labelled folders become weights, an ONNX graph and a manifest in one folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from inspect_ai.config import read_config, with_network
from inspect_ai.domain import Account
from inspect_ai.model.manifest import Manifest, met_by_trunk
from inspect_ai.plugins import task_named
from inspect_ai.settings import Settings
from inspect_ai.training.run import TrainingRun

STARTS = ("scratch", "imagenet")  # of network.init; else it is a folder with a trunk


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """Folder with weights, graph and manifest; the manifest holds the metrics of these weights on val."""

    folder: Path
    manifest: Manifest
    account: Account


def train_task(
    task_name: str,
    data: Sequence[Path],
    run: TrainingRun,
    *,
    settings: Settings,
    config_file: Path | None = None,
    backbone: str | None = None,
    init: str | None = None,
    teachers: Sequence[Path] = (),
    ensemble: int = 0,
    exclude: Path | None = None,
    tell: Callable[[str], None] = lambda sentence: None,
) -> Trained:
    """Train one task on labelled folders; the best epoch on val is kept.

    backbone and init replace the config's; teachers: model folders of the same task, whose outputs are learnt too;
    ensemble: so many more teachers are trained first, into OUT/teachers. exclude: list of pictures that training leaves
    out. tell: called with each sentence on the data, before training starts. Raises UsageError or SetupError.
    """
    from inspect_ai.model.weights import fresh_network
    from inspect_ai.training.corpus import read_corpus
    from inspect_ai.training.ensemble import train_teachers
    from inspect_ai.training.fit import fit_task
    from inspect_ai.training.package_model import TrainingRecord, package_model
    from inspect_ai.training.teachers import met_by_teachers, open_teachers

    task = task_named(task_name, settings.tasks)
    config = task.config if config_file is None else read_config(config_file)
    task = task.with_config(with_network(config, backbone=backbone, init=init))
    pupil = replace(run, resume=run.resume and (run.last.is_file() or not ensemble))
    pupil.prepare()
    started = time.monotonic()
    corpus = read_corpus(task, data, settings, tell, exclude=exclude)
    if task.config.network.init not in STARTS:
        corpus = replace(corpus, use=(*corpus.use, *met_by_trunk(Path(task.config.network.init))))
    if ensemble:
        teachers = [*teachers, *train_teachers(ensemble, corpus, task, run, tell)]
        pupil.prepare()  # the teachers have moved the seeds of the process
    corpus = replace(corpus, use=(*corpus.use, *met_by_teachers(teachers, corpus.use)))
    network = fresh_network(task.config)
    epoch, steps = fit_task(network, corpus, task.config, pupil, open_teachers(teachers, task, corpus.train))
    record = TrainingRecord(seed=run.seed, epoch=epoch, steps=steps, seconds=time.monotonic() - started)
    manifest = package_model(network, corpus, task, run.out, record)
    return Trained(folder=run.out, manifest=manifest, account=corpus.account)
