"""`inspect-ai calibrate`: set and prove a task's threshold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inspect_ai.cli import common

app = common.app()


@app.command()
def calibrate(
    task: Annotated[str, typer.Argument(help="Name of an installed task.")],
    model: Annotated[Path | None, typer.Option("--model", help="Folder or file of weights.", show_default="the task's own")] = None,
    data: Annotated[list[Path] | None, typer.Option("--data", help="Labelled folder; give it again for a further one.")] = None,
    split: Annotated[str, typer.Option("--split", help="Which split of the folder counts.")] = "calibration",
    sensitivity: Annotated[float, typer.Option("--sensitivity", help="The sensitivity to promise.")] = 0.987,
    confidence: Annotated[float, typer.Option("--confidence", help="How sure the promise is to be.")] = 0.95,
    out: Annotated[Path | None, typer.Option("--out", help="Where to write the operating point.")] = None,
    as_json: common.Json = False,
) -> None:
    """Find the threshold that proves the promised sensitivity, or refuse and say what would be needed.

    Example: inspect-ai calibrate lung_nodule --data ./luna16_candidates --sensitivity 0.987 --out point.json
    """
    raise NotImplementedError(f"{task} {model} {data} {split} {sensitivity} {confidence} {out} {as_json}")
