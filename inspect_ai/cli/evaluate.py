"""`inspect-ai evaluate`: how good a task is on a labelled folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inspect_ai.cli import common

app = common.app()


@app.command()
def evaluate(
    task: Annotated[str, typer.Argument(help="Name of an installed task.")],
    data: Annotated[Path, typer.Option("--data", help="Labelled folder.")],
    split: Annotated[str, typer.Option("--split", help="Which split of the folder counts.")] = "test",
    model: Annotated[Path | None, typer.Option("--model", help="Folder or file of weights.", show_default="the task's own")] = None,
    operating_point: Annotated[
        Path | None, typer.Option("--operating-point", help="Operating point.", show_default="the task's own")
    ] = None,
    scores: Annotated[Path | None, typer.Option("--scores", help="Write one row per unit to this CSV file.")] = None,
    as_json: common.Json = False,
) -> None:
    """Measure TASK on a labelled folder: AUC, and what its operating point makes of the scores.

    Example: inspect-ai evaluate metal_surface --data ./magnetic_tile --split val --json
    """
    raise NotImplementedError(f"{task} {data} {split} {model} {operating_point} {scores} {as_json}")
