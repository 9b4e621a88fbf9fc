"""`python -m benchmarks.gate`: spoilt pictures that the quality gate catches, and good ones that it rejects."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inspect_ai.cli import common, main

app = common.app()


@app.command()
def gate(
    task: Annotated[str, typer.Argument(help="Name of an installed task.")],
    data: Annotated[Path, typer.Option("--data", help="Labelled folder with a calibration split.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for gate.md, gate.csv and gate.json.")],
    other: Annotated[
        list[Path] | None,
        typer.Option("--other", help="Folder of pictures that are not the task's own; again for more."),
    ] = None,
    model: Annotated[
        Path | None, typer.Option("--model", help="Folder of a model.", show_default="the task's own")
    ] = None,
    split: Annotated[str, typer.Option("--split", help="Whose pictures are looked at.")] = "val",
    most: Annotated[int, typer.Option("--most", min=1, help="Pictures a corruption.")] = 60,
    measures_by: Annotated[
        str, typer.Option("--measures-by", help="Distance between measures: nearest or mahalanobis.")
    ] = "nearest",
    features_by: Annotated[
        str, typer.Option("--features-by", help="Distance between features: nearest or mahalanobis.")
    ] = "mahalanobis",
    as_json: common.Json = False,
) -> None:
    """Measure how many spoilt and foreign pictures TASK's quality gate catches, and how many good ones it turns away.

    Example: python -m benchmarks.gate metal_surface --data ./magnetic_tile --other ./neu_det --out ./gate
    """
    from benchmarks.gate.results import WAYS
    from benchmarks.gate.study import bench_gate
    from benchmarks.gate.tables import cells, plain
    from inspect_ai.calibration.out_of_distribution import Method
    from inspect_ai.errors import UsageError

    unknown = sorted({measures_by, features_by} - {m.value for m in Method})
    if unknown:
        raise UsageError(f"There is no distance {unknown[0]!r}; it is nearest or mahalanobis.")
    with common.counting("pictures scored") as progress:
        found = bench_gate(
            task,
            data,
            other or (),
            out=out,
            settings=common.settings(),
            model=model,
            split=split,
            most=most,
            quality=Method(measures_by),
            features=Method(features_by),
            progress=progress,
        )
    if as_json:
        common.emit(plain(found))
        return
    rows = [(row.name, str(row.n), *cells(row)) for row in found.rows]
    common.table(f"{task} on {data}: turned away, per cent", "pictures", "n", *WAYS, rows=rows)
    print(f"Tables: {out}")


if __name__ == "__main__":
    main(app=app, name="python -m benchmarks.gate")
