"""`python -m benchmarks.finder`: share of real nodules that the candidate finder of lung_nodule keeps, and its cost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inspect_ai.cli import common, main

app = common.app()


@app.command()
def finder(
    data: Annotated[Path, typer.Option("--data", help="The folder lidc_nodules.")],
    split: Annotated[str, typer.Option("--split", help="Patients that are measured.")] = "val",
    fit: Annotated[
        bool, typer.Option("--fit", help="First fit the ranking to the train patients, and write it to the task.")
    ] = False,
    out: Annotated[Path, typer.Option("--out", help="Folder for the table.")] = Path("bench_finder"),
    seed: common.Seed = 0,
    as_json: common.Json = False,
) -> None:
    """Measure the recall of the finder by size of nodule in real contexts, against candidates a context.

    Example: python -m benchmarks.finder --data ./lidc_nodules --out bench_finder
    """
    from benchmarks.finder.study import bench_finder

    console = common.progress()
    study = bench_finder(
        data, out, split=split, fit=fit, seed=seed, on_progress=lambda text: console.print(text, soft_wrap=True)
    )
    if as_json:
        common.emit({"written": [str(path) for path in study.written], "product": study.product})
    else:
        print(study.text)


if __name__ == "__main__":
    main(app=app, name="python -m benchmarks.finder")
