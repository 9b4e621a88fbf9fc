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
    data: Annotated[Path, typer.Option("--data", help="Labelled folder.")],
    model: Annotated[
        Path | None,
        typer.Option("--model", help="Folder of a model, or its weights file.", show_default="the task's own"),
    ] = None,
    split: Annotated[str, typer.Option("--split", help="Which split of the folder counts.")] = "calibration",
    sensitivity: Annotated[float, typer.Option("--sensitivity", help="The sensitivity to promise.")] = 0.987,
    confidence: Annotated[float, typer.Option("--confidence", help="How sure the promise is to be.")] = 0.95,
    out: Annotated[
        Path | None, typer.Option("--out", help="Where to write the operating point.", show_default="beside the model")
    ] = None,
    as_json: common.Json = False,
) -> None:
    """Find the threshold that proves a promised sensitivity.

    Where it cannot be proved, say what would be needed and what can be proved. A refused threshold is written too, so
    that work can go on; every decision made with it is uncertified.

    Example: inspect-ai calibrate lung_nodule --data ./luna16_candidates --sensitivity 0.987 --out point.json
    """
    from inspect_ai.calibrate import calibrate_task, without_path
    from inspect_ai.errors import CalibrationRefused

    with common.counting("pictures scored") as progress:
        point = calibrate_task(
            task,
            data,
            settings=common.settings(),
            model=model,
            split=split,
            sensitivity=sensitivity,
            confidence=confidence,
            out=out,
            progress=progress,
        )
    if as_json:
        common.emit(without_path(point))
    if point.refusal is not None:
        raise CalibrationRefused(point.refusal)
    if not as_json:
        print(
            f"Certified: sensitivity at least {sensitivity:g} at confidence {confidence:g} "
            f"({point.n_positive} positives, {point.n_missed} below the threshold {point.clear_below:.6f}; "
            f"the proved bound is {point.proved_sensitivity:.4f}). Covers: {point.covers}."
        )
