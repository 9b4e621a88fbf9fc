"""`inspect-ai joint`: train several tasks at once on one shared trunk."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inspect_ai.cli import common

app = common.app()


@app.command()
def joint(
    data: Annotated[list[Path], typer.Option("--data", help="Labelled folder of any of the tasks; give it again.")],
    config: Annotated[
        Path | None, typer.Option("--config", help="YAML of tasks and schedule.", show_default="configs/joint.yaml")
    ] = None,
    init: Annotated[
        str | None, typer.Option("--init", help="scratch, imagenet, general, or a folder that `pretrain` wrote.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Run folder.", show_default="runs/joint-SEED")] = None,
    seed: common.Seed = 0,
    device: common.Computing = common.Device.AUTO,
    resume: common.Resume = False,
    threads: common.Threads = None,
    as_json: common.Json = False,
) -> None:
    """Train all tasks of a config on one shared trunk.

    The trunk and one model folder a task go to a run folder.

    Example: inspect-ai joint --data ./luna16_candidates --data ./magnetic_tile --data ./eyepacs_subset
    """
    from inspect_ai.journeys.train_multitask import train_multitask

    run = common.training_run(
        "joint", out=out, seed=seed, device=device, resume=resume, threads=threads, as_json=as_json
    )
    trained = train_multitask(data, run, settings=common.settings(), config_file=config, init=init, tell=common.remark)
    figures = [(m.task, name, value) for m in trained.manifests for name, value in m.metrics.items()]
    if as_json:
        metrics = {m.task: m.metrics for m in trained.manifests}
        values = {"folder": str(trained.folder), "adapter_share": trained.adapter_share, "metrics": metrics}
        common.emit({**values, "files": trained.account.plain()})
        return
    common.table("On val", "task", "metric", "value", rows=[(t, n, f"{v:.4f}") for t, n, v in figures])
    common.remark(trained.account.sentence)
    print(f"Trunk and models: {trained.folder}; each task keeps {trained.adapter_share:.1%} of the trunk to itself.")
