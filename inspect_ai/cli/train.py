"""`inspect-ai train`: fit a task's network to a labelled folder."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from inspect_ai.cli import common

app = common.app()


class Device(StrEnum):
    """Where training computes."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


@app.command()
def train(
    task: Annotated[str, typer.Argument(help="Name of an installed task.")],
    data: Annotated[list[Path], typer.Option("--data", help="Labelled folder; give it again for a further one.")],
    config: Annotated[Path | None, typer.Option("--config", help="YAML in place of the task's own.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Run folder.", show_default="runs/TASK")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Decides every random choice.")] = 0,
    device: Annotated[Device, typer.Option("--device", help="Where to compute.")] = Device.AUTO,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the run folder's last checkpoint.")] = False,
) -> None:
    """Train TASK on a labelled folder and write weights, export and manifest to a run folder.

    Example: inspect-ai train metal_surface --data ./magnetic_tile --out runs/metal
    """
    from inspect_ai.train import train_task

    out = out or Path("runs") / task
    print(train_task(task, data, config=config, out=out, seed=seed, device=device.value, resume=resume))
