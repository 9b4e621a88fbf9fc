"""Training journey: labelled folders become weights, an ONNX graph and a manifest in one folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from inspect_ai.config import with_network
from inspect_ai.domain import Account
from inspect_ai.errors import UsageError
from inspect_ai.model.manifest import Manifest
from inspect_ai.planning.budget import left_for_fitting
from inspect_ai.planning.making import cores
from inspect_ai.planning.sweep import tuned
from inspect_ai.planning.using import Recipe, recipe_of
from inspect_ai.plugins import task_named
from inspect_ai.settings import Settings
from inspect_ai.training.run import TrainingRun


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
    ensemble: int = 0,
    exclude: Path | None = None,
    tell: Callable[[str], None] = lambda sentence: None,
    show: Callable[[Recipe], None] = lambda recipe: None,
) -> Trained:
    """Train one task on labelled folders; the best epoch on val is kept.

    What is followed: see `planning.using.recipe_of`. budget: time that all of it may take, such as 45m; the plan's if
    None. tune: sweep around the plan first (planning/tuning.py), and write the winner into it. backbone and init
    replace the config's; teachers: model folders of the same task, whose outputs are learnt too; ensemble: so many more
    teachers are trained first, into OUT/teachers. exclude: list of pictures that training leaves out. tell: called with
    each sentence on the data, before training starts. show: called with what is followed, before anything is decoded.
    Raises UsageError or SetupError.
    """
    from inspect_ai.model.weights import fresh_network
    from inspect_ai.training.corpus import read_corpus, with_start
    from inspect_ai.training.ensemble import train_teachers
    from inspect_ai.training.fit import fit_task
    from inspect_ai.training.package_model import TrainingRecord, package_model
    from inspect_ai.training.teachers import met_by_teachers, open_teachers

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
    pupil = replace(run, resume=run.resume and (run.last.is_file() or not ensemble))
    pupil.prepare()
    show(recipe)
    corpus = with_start(read_corpus(task, data, settings, tell, exclude=exclude), task.config)
    if tune:
        task = task.with_config(tuned(task.config, corpus, run, recipe, tell))
    if ensemble:
        teachers = [*teachers, *train_teachers(ensemble, corpus, task, run, tell)]
        pupil.prepare()  # the teachers have moved the seeds of the process
    corpus = replace(corpus, use=(*corpus.use, *met_by_teachers(teachers, corpus.use)))
    network = fresh_network(task.config)
    if recipe.budget is not None:
        pupil = replace(pupil, budget_s=left_for_fitting(recipe.budget, run.clock() - started), tell=tell)
    epoch, steps = fit_task(network, corpus, task.config, pupil, open_teachers(teachers, task, corpus.train))
    record = TrainingRecord(seed=run.seed, epoch=epoch, steps=steps, seconds=run.clock() - started)
    manifest = package_model(network, corpus, task, run.out, record)
    return Trained(folder=run.out, manifest=manifest, account=corpus.account)
