"""`python -m benchmarks.heat`: heat maps measured against masks of defects."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inspect_ai.cli import common, main

app = common.app()


@app.command()
def heat(
    task: Annotated[str, typer.Argument(help="Name of an installed task.")],
    data: Annotated[Path, typer.Option("--data", help="Labelled folder with masks.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for heat.json, heat.md and sheet.png.")],
    model: Annotated[
        list[Path] | None,
        typer.Option("--model", help="Folder of a model; again for more.", show_default="the task's own"),
    ] = None,
    split: Annotated[str, typer.Option("--split", help="Which split of the folder counts.")] = "val",
    method: Annotated[
        list[str] | None,
        typer.Option("--method", help="own or gradcam; again for both.", show_default="own"),
    ] = None,
    as_json: common.Json = False,
) -> None:
    """Measure whether the heat maps of TASK's models point at the defects, and draw a sheet of examples.

    Example: python -m benchmarks.heat metal_surface --data ./magnetic_tile --model runs/a --model runs/b --out ./heat
    """
    from benchmarks.heat.results import MapMethod
    from benchmarks.heat.study import bench_heat
    from benchmarks.heat.tables import SHOWN, TITLES, cell, plain
    from inspect_ai.errors import UsageError

    unknown = sorted(set(method or ()) - {m.value for m in MapMethod})
    if unknown:
        raise UsageError(f"There is no method {unknown[0]!r}; --method is own or gradcam.")
    methods = [MapMethod(m) for m in method or ("own",)]
    with common.counting("pictures measured") as progress:
        result = bench_heat(
            task,
            data,
            model or (),
            out=out,
            settings=common.settings(),
            split=split,
            methods=methods,
            progress=progress,
        )
    found = plain(result)
    if as_json:
        common.emit(found)
        return
    rows = [(m["name"], *(cell(m["figures"][measure]) for measure in SHOWN)) for m in found["maps"]]
    title = f"{task} on {data}: {found['pictures']} pictures in {found['groups']} groups"
    common.table(title, "map", *TITLES, rows=rows)
    print(f"Tables and examples: {out}")


if __name__ == "__main__":
    main(app=app, name="python -m benchmarks.heat")
