"""`inspect-ai plan`: how many positives a promise costs."""

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
    as_json: common.Json = False,
) -> None:
    """Say how many positives it takes to prove a sensitivity.

    One row for each number of them that the threshold may miss: 0, 1, 2 ...

    Example: inspect-ai plan --sensitivity 0.987 --confidence 0.95
    """
    from inspect_ai import calibration

    rows = calibration.plan(sensitivity, confidence, range(misses + 1))
    if as_json:
        for row in rows:
            common.emit({"misses": row.misses, "positives": row.positives})
        return
    title = f"To prove a sensitivity of {sensitivity:g} at confidence {confidence:g}"
    common.table(title, "missed", "positives needed", rows=[(row.misses, row.positives) for row in rows])
