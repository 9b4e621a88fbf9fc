"""`inspect-ai train`: fit a task's network to labelled folders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inspect_ai.cli import common

app = common.app()


@app.command()
def train(
    task: Annotated[str, typer.Argument(help="Name of an installed task.")],
    data: Annotated[list[Path], typer.Option("--data", help="Labelled folder; give it again for a further one.")],
    config: Annotated[Path | None, typer.Option("--config", help="YAML in place of the task's own.")] = None,
    backbone: Annotated[
        str | None, typer.Option("--backbone", help="A baseline in the trunk's place, such as resnet18.")
    ] = None,
    init: Annotated[
        str | None, typer.Option("--init", help="scratch, imagenet, or a folder that `pretrain` or `joint` wrote.")
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

    Weights, ONNX graph and manifest go to a run folder.

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
        backbone=backbone,
        init=init,
        teachers=teacher or (),
        ensemble=teachers,
        exclude=exclude,
        tell=common.remark,
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
