"""`inspect-ai plan`: numbers of cases that a promise needs, in calibration and at work."""

from __future__ import annotations

from typing import Annotated

import typer

from inspect_ai.cli import common

app = common.app()


@app.command()
def plan(
    sensitivity: Annotated[float, typer.Option(help="The sensitivity to promise, above 0 and below 1.")] = 0.987,
    confidence: Annotated[float, typer.Option(help="How sure the promise is to be.")] = 0.95,
    misses: Annotated[int, typer.Option(min=0, max=200, help="Show up to this many missed positives.")] = 10,
    have: Annotated[
        int | None, typer.Option("--have", min=1, help="Positives that there are: what they prove, what is missing.")
    ] = None,
    assume: Annotated[
        float | None, typer.Option("--assume", help="Assumed true sensitivity: the chance to prove the promise.")
    ] = None,
    acceptance: Annotated[
        list[int] | None,
        typer.Option("--acceptance", min=1, help="Fresh positives of a later acceptance test; repeatable."),
    ] = None,
    groups: Annotated[
        int | None, typer.Option("--groups", min=1, help="Groups (sites, cameras) with a promise each.")
    ] = None,
    folds: Annotated[
        int | None, typer.Option("--folds", min=2, help="Folds of a cross-validated use of scarce data.")
    ] = None,
    overkill: Annotated[
        float | None, typer.Option("--overkill", help="Share of negatives that may be flagged: negatives needed.")
    ] = None,
    prevalence: Annotated[
        float | None, typer.Option("--prevalence", help="Share of positives at work: what proves the promise there.")
    ] = None,
    specificity: Annotated[
        float, typer.Option("--specificity", help="Share of negatives cleared at work; with --prevalence.")
    ] = 0.9,
    audits: Annotated[
        list[int] | None,
        typer.Option("--audits", min=1, help="Audited clears: the escapes that they rule out; repeatable."),
    ] = None,
    as_json: common.Json = False,
) -> None:
    """Say how many positives it takes to prove a sensitivity.

    One row for each number of them that the threshold may miss: 0, 1, 2 ... Further tables where their option is given:
    what one has (--have), the chance to pass (--assume, --acceptance), several promises (--groups, --folds), false
    alarms (--overkill), proof at work (--prevalence, --audits). With --json, each of their rows names its table.

    Example: inspect-ai plan --sensitivity 0.987 --confidence 0.95
    """
    from inspect_ai import calibration
    from inspect_ai.cli.tables import sample_sizes as parts

    promise = parts.Promise(sensitivity=sensitivity, confidence=confidence, misses=range(misses + 1))
    rows = calibration.plan(sensitivity, confidence, promise.misses)
    further = [
        *([parts.of_have(promise, have)] if have is not None else []),
        *([parts.of_power(promise, assume, have)] if assume is not None else []),
        *([parts.of_acceptance(promise, acceptance, have)] if acceptance else []),
        *([parts.of_groups(promise, groups, have)] if groups is not None else []),
        *([parts.of_folds(promise, folds, have)] if folds is not None else []),
        *([parts.of_overkill(promise, overkill)] if overkill is not None else []),
        *([parts.of_field(promise, prevalence, specificity)] if prevalence is not None else []),
        *([parts.of_audits(promise, audits)] if audits else []),
    ]
    if as_json:
        for row in rows:
            common.emit({"misses": row.misses, "positives": row.positives})
        for part in further:
            for values in part.values:
                common.emit({"part": part.name} | values)
        return
    title = f"To prove a sensitivity of {sensitivity:g} at confidence {confidence:g}"
    common.table(title, "missed", "positives needed", rows=[(row.misses, row.positives) for row in rows])
    for part in further:
        common.table(part.title, *part.columns, rows=part.rows)
        print(f"{part.says}\n")
