"""`inspect-ai evaluate`: how good a task is on a labelled folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inspect_ai.cli import common

if TYPE_CHECKING:
    from inspect_ai.journeys.evaluate import Evaluation

app = common.app()


@app.command()
def evaluate(
    task: Annotated[str, typer.Argument(help="Name of an installed task.")],
    data: Annotated[Path, typer.Option("--data", help="Labelled folder.")],
    split: Annotated[str, typer.Option("--split", help="Which split of the folder counts.")] = "test",
    model: Annotated[
        Path | None,
        typer.Option("--model", help="Folder of a model, or its weights file.", show_default="the task's own"),
    ] = None,
    operating_point: Annotated[
        Path | None, typer.Option("--operating-point", help="Operating point.", show_default="beside the model")
    ] = None,
    scores: Annotated[Path | None, typer.Option("--scores", help="Write one row per unit to this CSV file.")] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write a page with charts and the worst errors to this HTML file.")
    ] = None,
    agreement: Annotated[
        str | None,
        typer.Option(
            "--agreement",
            help="Column of labels.csv that tells repeated looks at one part apart, such as exposure: "
            "adds an attribute agreement study to the page.",
        ),
    ] = None,
    as_json: common.Json = False,
) -> None:
    """Measure TASK on a labelled folder.

    AUC with its interval, and what the operating point makes of the scores.

    Example: inspect-ai evaluate metal_surface --data ./magnetic_tile --split val --report page.html
    """
    from inspect_ai.errors import UsageError
    from inspect_ai.journeys.evaluate import evaluate_task

    if agreement is not None and report is None:
        raise UsageError("--agreement adds to the page; name its file with --report.")
    with common.counting("pictures scored") as progress:
        result = evaluate_task(
            task,
            data,
            settings=common.settings(),
            split=split,
            model=model,
            operating_point=operating_point,
            scores=scores,
            report=report,
            agreement=agreement,
            progress=progress,
        )
    values = as_plain(result)
    if as_json:
        common.emit(values)
        return
    hidden = ("classes", "confusion")
    rows = [(name, _cell(value)) for name, value in values.items() if name not in hidden]
    common.table(f"{task} on {data}", "figure", "value", rows=rows)
    if result.classes:
        truth = [(name, *row) for name, row in zip(result.classes, result.confusion, strict=True)]
        common.table("Confusion (rows: truth)", "", *result.classes, rows=truth)


def as_plain(result: Evaluation) -> dict[str, Any]:
    """Every figure of an evaluation as plain values; intervals as [low, high]."""
    names = [name for name in type(result).__dataclass_fields__ if name != "scored"]
    return {name: getattr(result, name) for name in names}


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, tuple):
        return " to ".join(_cell(part) for part in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {part}" for key, part in value.items())
    return "" if value is None else str(value)
