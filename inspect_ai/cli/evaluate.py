"""`inspect-ai evaluate`: measure a task on a labelled folder."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inspect_ai.cli import common

if TYPE_CHECKING:
    from inspect_ai.journeys.evaluate import Evaluation
    from inspect_ai.journeys.evaluate_series import SeriesEvaluation

app = common.app()
NAMES = {"false_positive_rate": "false_positive_rate (not cleared)", "flagged_rate": "flagged_rate (of negatives)"}


@app.command()
def evaluate(
    task: Annotated[
        str | None, typer.Argument(help="Name of an installed task; not needed with --scores-from.", show_default=False)
    ] = None,
    data: Annotated[Path | None, typer.Option("--data", help="Labelled folder.", show_default=False)] = None,
    scores_from: Annotated[
        Path | None,
        typer.Option("--scores-from", help="CSV file of scores that another program made, in place of task and data."),
    ] = None,
    split: Annotated[
        str | None, typer.Option("--split", help="Which split of the folder counts.", show_default="test")
    ] = None,
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
    annotations: Annotated[
        Path | None,
        typer.Option(
            "--annotations",
            help="CSV file with the nodules of whole CT series: LUNA16's columns, or boxes. DATA is then a folder of "
            "series, and the figures are sensitivity at false marks a series (FROC, CPM).",
        ),
    ] = None,
    excluded: Annotated[
        Path | None,
        typer.Option("--excluded", help="With --annotations: a CSV file of findings that count neither way."),
    ] = None,
    tasks: common.Tasks = None,
    as_json: common.Json = False,
) -> None:
    """Measure TASK on a labelled folder, or the scores of another program.

    AUC with its interval, and what the operating point makes of the scores.

    Example: inspect-ai evaluate metal_surface --data ./magnetic_tile --split val --report page.html
    """
    from inspect_ai.errors import UsageError

    if scores_from is not None:
        given = {"TASK": task, "--data": data, "--split": split, "--model": model, "--scores": scores}
        given |= {"--annotations": annotations, "--excluded": excluded}
        if unfit := [name for name, value in {**given, "--agreement": agreement}.items() if value is not None]:
            raise UsageError(f"{', '.join(unfit)} does not go with --scores-from: scores are read, not made.")
        from inspect_ai.journeys.evaluate_scores import evaluate_scores

        result = evaluate_scores(
            scores_from, settings=common.settings(), operating_point=operating_point, report=report
        )
        _show(result, as_json)
        return
    if task is None or data is None:
        raise UsageError("Give a task and its labelled folder (TASK --data DIR), or scores (--scores-from FILE).")
    if annotations is not None:
        unfit = [
            n for n, v in {"--split": split, "--scores": scores, "--agreement": agreement}.items() if v is not None
        ]
        if unfit:
            raise UsageError(f"{', '.join(unfit)} does not go with --annotations: whole series are searched.")
        from inspect_ai.journeys.evaluate_series import evaluate_series

        with common.counting("series searched") as progress:
            found = evaluate_series(
                task,
                data,
                annotations,
                settings=common.settings(tasks=tasks),
                excluded=excluded,
                model=model,
                operating_point=operating_point,
                report=report,
                progress=progress,
            )
        _show_series(found, as_json)
        return
    if excluded is not None:
        raise UsageError("--excluded goes with --annotations alone.")
    from inspect_ai.journeys.evaluate import evaluate_task

    if agreement is not None and report is None:
        raise UsageError("--agreement adds to the page; name its file with --report.")
    with common.counting("pictures scored") as progress:
        result = evaluate_task(
            task,
            data,
            settings=common.settings(tasks=tasks),
            split=split or "test",
            model=model,
            operating_point=operating_point,
            scores=scores,
            report=report,
            agreement=agreement,
            progress=progress,
        )
    _show(result, as_json)


def _show(result: Evaluation, as_json: bool) -> None:
    from inspect_ai.report.evaluation.stacks import HEADING, stack_rows
    from inspect_ai.report.evaluation.words import counted
    from inspect_ai.report.frontier import measured_table

    values = as_plain(result)
    if as_json:
        common.emit(values)
        return
    hidden = ("classes", "confusion", "said", "files", "stacks", "outcomes", "frontier")
    rows = [(NAMES.get(name, name), _cell(value)) for name, value in values.items() if name not in hidden]
    common.table(f"{result.task} on {result.data}", "figure", "value", rows=rows)
    if result.outcomes:
        shares = [(one.side, one.outcome.value, counted(one.share)) for one in result.outcomes]
        common.table("Outcomes (95 % interval)", "of", "outcome", "pictures", rows=shares)
    if result.frontier:
        shown = measured_table(result.frontier)
        common.table("Proved lines, on these pictures", *shown.columns, rows=list(shown.rows))
        for sentence in shown.said:
            common.say(sentence)
    if result.classes:
        truth = [(name, *row) for name, row in zip(result.classes, result.confusion, strict=True)]
        common.table("Confusion (rows: truth)", "", *result.classes, rows=truth)
    if result.stacks is not None:
        common.table(HEADING, "figure", "value", rows=stack_rows(result.stacks))
    for sentence in result.said:
        print(common.as_sentence(sentence))
    if result.account is not None:
        print(common.as_sentence(result.account.sentence))


def _show_series(result: SeriesEvaluation, as_json: bool) -> None:
    values = series_as_plain(result)
    if as_json:
        common.emit(values)
        return
    hidden = ("sensitivity", "said")
    rows = [(name, _cell(value)) for name, value in values.items() if name not in hidden]
    common.table(f"{result.task} on {result.data}", "figure", "value", rows=rows)
    shares = [(f"{one['rate']:g}", _cell(one["value"]), _cell(tuple(one["interval"]))) for one in values["sensitivity"]]
    common.table("Sensitivity", "false marks a series", "nodules found", "95 % interval", rows=shares)
    for sentence in result.said:
        print(common.as_sentence(sentence))


def series_as_plain(result: SeriesEvaluation) -> dict[str, Any]:
    """Convert every figure of an evaluation of whole series to plain values."""
    from inspect_ai.evaluation.series_response import RATES

    response = result.response
    counts = ("task", "data", "annotations", "series", "nodules", "excluded", "ignored_marks", "unscored")
    return {name: getattr(result, name) for name in counts} | {
        "cpm": response.cpm,
        "cpm_interval": response.cpm_interval,
        "marked": response.marked,
        "false_marks": response.false_marks,
        "flagged": None if result.flagged is None else result.flagged.value,
        "flagged_false_marks": result.flagged_false_marks,
        "sensitivity": [
            {"rate": rate, "value": value, "interval": list(interval)}
            for rate, value, interval in zip(RATES, response.sensitivity, response.intervals, strict=True)
        ],
        "said": list(result.said),
    }


def as_plain(result: Evaluation) -> dict[str, Any]:
    """Convert every figure of an evaluation to plain values; intervals to [low, high]."""
    apart = ("scored", "account", "stacks", "outcomes", "frontier")
    names = [name for name in type(result).__dataclass_fields__ if name not in apart]
    plain = {name: getattr(result, name) for name in names} | {
        "outcomes": [one.plain() for one in result.outcomes],
        "frontier": [one.plain() for one in result.frontier],
        "files": result.account and result.account.plain(),
    }
    return plain if result.stacks is None else plain | {"stacks": asdict(result.stacks)}


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, tuple):
        return " to ".join(_cell(part) for part in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {part}" for key, part in value.items())
    return "" if value is None else str(value)
