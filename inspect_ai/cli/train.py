"""`inspect-ai train`: fit a task's network to labelled folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inspect_ai.cli import common

if TYPE_CHECKING:
    from inspect_ai.planning.using import Recipe

app = common.app()


@app.command()
def train(
    task: Annotated[str, typer.Argument(help="Name of an installed task.")],
    data: Annotated[list[Path], typer.Option("--data", help="Labelled folder; give it again for a further one.")],
    config: Annotated[Path | None, typer.Option("--config", help="YAML in place of the task's own.")] = None,
    plan: Annotated[
        Path | None, typer.Option("--plan", help="plan.yaml that counts.", show_default="the one in the task's folder")
    ] = None,
    budget: Annotated[
        str | None, typer.Option("--budget", help="Time that it may take: 10m, 1h.", show_default="the plan's")
    ] = None,
    tune: Annotated[
        bool, typer.Option("--tune", help="First a small sweep around the plan, in a quarter of the epochs.")
    ] = False,
    backbone: Annotated[
        str | None, typer.Option("--backbone", help="A baseline in the trunk's place, such as resnet18.")
    ] = None,
    init: Annotated[
        str | None,
        typer.Option("--init", help="scratch, imagenet, general, or a folder that `pretrain` or `joint` wrote."),
    ] = None,
    teacher: Annotated[
        list[Path] | None, typer.Option("--teacher", help="Model folder whose answers are learnt too; give it again.")
    ] = None,
    teachers: Annotated[
        int, typer.Option("--teachers", min=0, help="Train so many teachers first, under the seeds after --seed.")
    ] = 0,
    exclude: Annotated[
        Path | None, typer.Option("--exclude", help="Table of pictures that training leaves out (column file).")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Run folder.", show_default="runs/TASK-SEED")] = None,
    tasks: common.Tasks = None,
    seed: common.Seed = 0,
    device: common.Computing = common.Device.AUTO,
    resume: common.Resume = False,
    threads: common.Threads = None,
    as_json: common.Json = False,
) -> None:
    """Train TASK on labelled folders.

    How it learns stands in the task's plan.yaml; a task whose config leaves that open and that has no plan yet gets one
    first. Weights, ONNX graph and manifest go to a run folder.

    Example: inspect-ai train metal_surface --data ./magnetic_tile --out runs/metal
    """
    from inspect_ai.journeys.train import train_task

    run = common.training_run(task, out=out, seed=seed, device=device, resume=resume, threads=threads, as_json=as_json)
    trained = train_task(
        task,
        data,
        run,
        settings=common.settings(tasks=tasks),
        config_file=config,
        plan_file=plan,
        budget=budget,
        tune=tune,
        backbone=backbone,
        init=init,
        teachers=teacher or (),
        ensemble=teachers,
        exclude=exclude,
        tell=common.remark,
        show=lambda recipe: _show(recipe, as_json),
    )
    metrics = trained.manifest.metrics
    if as_json:
        files = trained.account.plain()
        common.emit({"task": task, "folder": str(trained.folder), "seed": seed, "metrics": metrics, "files": files})
        return
    common.table("On val", "metric", "value", rows=[(name, f"{value:.4f}") for name, value in metrics.items()])
    common.remark(trained.account.sentence)
    asked = f" --tasks {tasks}" if tasks else ""
    print(
        f"Weights: {trained.folder}\nNext: inspect-ai calibrate {task}{asked} --model {trained.folder} --data {data[0]}"
    )


def _show(recipe: Recipe, as_json: bool) -> None:
    """Say what the training follows, before it starts."""
    train, network = recipe.config.train, recipe.config.network
    if recipe.plan is not None and not as_json:
        common.plan(recipe.plan)
    side = recipe.config.augment.crop or recipe.config.input.size
    size = f"{network.size} " if network.backbone == "trunk" else ""
    where = f"plan {recipe.file}: " if recipe.file is not None else ""
    within = f", within {recipe.budget}" if recipe.budget is not None else ""
    common.remark(
        f"{where}{size}{network.backbone} from {network.init} at {f'{side} px' if side else 'full size'}, "
        f"epochs: {train.epochs}, batch: {train.batch}{within}"
    )
