"""Training journey: labelled folders become weights, an ONNX graph and a manifest in one folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from inspect_ai.config import with_network
from inspect_ai.domain import Account
from inspect_ai.errors import UsageError
from inspect_ai.model.manifest import Manifest, met_by_trunk, read_manifest
from inspect_ai.planning.budget import left_for_fitting
from inspect_ai.planning.making import cores
from inspect_ai.planning.sweep import tuned
from inspect_ai.planning.using import Recipe, recipe_of
from inspect_ai.plugins import Task, task_named
from inspect_ai.settings import Settings
from inspect_ai.training.run import TrainingRun

if TYPE_CHECKING:
    from inspect_ai.model.network import Network


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
    plan_file: Path | None = None,
    budget: str | None = None,
    tune: bool = False,
    backbone: str | None = None,
    init: str | None = None,
    teachers: Sequence[Path] = (),
    tell: Callable[[str], None] = lambda sentence: None,
    show: Callable[[Recipe], None] = lambda recipe: None,
) -> Trained:
    """Train one task on labelled folders; the best epoch on val is kept.

    What is followed: see `planning.using.recipe_of`. budget: time that all of it may take, such as 45m; the plan's if
    None. tune: sweep around the plan first (planning/tuning.py), and write the winner into it. backbone and init
    replace the config's; teachers: model folders of the same task, whose outputs are learnt. tell: called with each
    sentence on the data, before training starts. show: called with what is followed, before anything is decoded.
    Raises UsageError or SetupError.
    """
    from inspect_ai.model.weights import fresh_network
    from inspect_ai.training.corpus import read_corpus
    from inspect_ai.training.fit import fit_task
    from inspect_ai.training.package_model import TrainingRecord, package_model

    task = task_named(task_name, settings.tasks)
    if tune and run.resume:
        raise UsageError("--resume goes on with what --tune wrote into plan.yaml: leave --tune out.")
    started = run.clock()
    recipe = recipe_of(
        task,
        data,
        settings,
        config_file_named=config_file,
        plan_file=plan_file,
        budget=budget,
        threads=run.threads,
        run_folder=run.out,
        tell=tell,
    )
    task = task.with_config(with_network(recipe.config, backbone=backbone, init=init))
    if recipe.budget is not None:
        run = replace(run, threads=run.threads or cores())
    run.prepare()
    show(recipe)
    corpus = read_corpus(task, data, settings, tell)
    if task.config.network.init not in STARTS:
        corpus = replace(corpus, use=(*corpus.use, *met_by_trunk(Path(task.config.network.init))))
    if tune:
        task = task.with_config(tuned(task.config, corpus, run, recipe, tell))
    network = fresh_network(task.config)
    if recipe.budget is not None:
        run = replace(run, budget_s=left_for_fitting(recipe.budget, run.clock() - started), tell=tell)
    epoch, steps = fit_task(network, corpus, task.config, run, [_teacher(folder, task) for folder in teachers])
    record = TrainingRecord(seed=run.seed, epoch=epoch, steps=steps, seconds=run.clock() - started)
    manifest = package_model(network, corpus, task, run.out, record)
    return Trained(folder=run.out, manifest=manifest, account=corpus.account)


def _teacher(folder: Path, task: Task) -> Network:
    """Load the teacher. Raises UsageError if its outputs are not the task's."""
    from inspect_ai.model.weights import load_network

    config = read_manifest(folder).config
    if (config.name, config.outputs) != (task.config.name, task.config.outputs):
        raise UsageError(f"{folder} answers other questions than {task.name}; a teacher must have the same outputs.")
    return load_network(folder, config)
