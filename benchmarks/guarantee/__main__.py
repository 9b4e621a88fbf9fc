"""`python -m benchmarks.guarantee`: share of broken promises, beside the share that is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inspect_ai.cli import common, exit_codes, main

app = common.app()


@app.command()
def guarantee(
    out: Annotated[Path, typer.Option("--out", help="Folder for guarantee.md, .csv, .json and .png.")],
    scores: Annotated[
        list[str] | None,
        typer.Option("--scores", help="TASK=FILE.csv of a calibration split, by evaluate --scores; repeatable."),
    ] = None,
    calibrations: Annotated[
        int, typer.Option("--calibrations", min=100, help="Simulated calibrations for each case.")
    ] = 20_000,
    splits: Annotated[
        int, typer.Option("--splits", min=100, help="Random splits of each set of real scores.")
    ] = 10_000,
    mapie: Annotated[bool, typer.Option("--mapie/--no-mapie", help="Cross-check with MAPIE.")] = True,
    as_json: common.Json = False,
) -> None:
    """Measure how often a proved sensitivity is not reached: simulated, by exact figures, with MAPIE, on real scores.

    Leaves with 1 if the promise was broken more often than it allows, or two roads to one figure disagree.

    Example: python -m benchmarks.guarantee --out ./guarantee --scores lung_nodule=luna16.calibration.csv
    """
    from benchmarks.guarantee.study import bench_guarantee
    from benchmarks.guarantee.tables import plain

    found = bench_guarantee(
        out,
        settings=common.settings(),
        scores=scores or (),
        calibrations=calibrations,
        splits=splits,
        mapie=mapie,
        on_progress=lambda sentence: common.progress().print(sentence, soft_wrap=True),
    )
    faults = found.faults
    if as_json:
        common.emit(plain(found) | {"faults": list(faults)})
    else:
        worst = max(found.kept, key=lambda d: (d.broken - d.allowed) / d.se)
        rows = [(d.case, d.sensitivity, d.confidence, d.n, f"{d.broken:.4f}", f"{d.expected:.4f}") for d in found.kept]
        title = f"Share of {calibrations:,} calibrations whose true sensitivity is below the promise"
        common.table(title, "scores", "sensitivity", "confidence", "positives", "broken", "expected", rows=rows)
        print(
            f"The worst is {worst.broken:.4f} where {worst.allowed:.2f} is allowed ({worst.case} scores, "
            f"{worst.n} positives).\nAll tables: {out}"
        )
        for fault in faults:
            print(f"Fault: {fault}.")
    if faults:
        raise typer.Exit(exit_codes.FINDINGS)


if __name__ == "__main__":
    main(app=app, name="python -m benchmarks.guarantee")
