"""`python -m benchmarks.routing`: to which task pictures go when none is named, and which are left to a person."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inspect_ai.cli import common, main

app = common.app()


@app.command()
def routing(
    data: Annotated[
        list[str],
        typer.Option("--data", help="TASK=DIR: a labelled folder and its task; again for more."),
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for routing.md, routing.csv and routing.json.")],
    split: Annotated[str, typer.Option("--split", help="Whose pictures are sent.")] = "val",
    most: Annotated[int, typer.Option("--most", min=1, help="Pictures of one folder, spread over it.")] = 60,
    tasks: common.Tasks = None,
    as_json: common.Json = False,
) -> None:
    """Scan pictures of several products with --task auto, and count where they go.

    Example: python -m benchmarks.routing --data castings=./castings --data metal_surface=./neu_det --out ./routing
    """
    from benchmarks.routing.study import bench_routing
    from benchmarks.routing.tables import COLUMNS, cells, plain
    from inspect_ai.errors import UsageError

    pairs = [one.partition("=") for one in data]
    if wrong := [one for one, (_, sign, place) in zip(data, pairs, strict=True) if not sign or not place]:
        raise UsageError(f"--data {wrong[0]} names no task. Write TASK=DIR, such as castings=./castings.")
    folders = [(name, Path(place)) for name, _, place in pairs]
    with common.counting("pictures sent") as progress:
        found = bench_routing(
            folders, out=out, settings=common.settings(tasks=tasks), split=split, most=most, progress=progress
        )
    if as_json:
        common.emit(plain(found))
        return
    common.table(f"Sent with --task auto, {split}", *COLUMNS, rows=[cells(row) for row in found.rows])
    print(f"Tables: {out}")


if __name__ == "__main__":
    main(app=app, name="python -m benchmarks.routing")
