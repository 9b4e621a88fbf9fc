"""`python -m benchmarks.index`: time and memory of a dry run over very many DICOM files."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from inspect_ai.cli import common, main

SIZES = [25_000, 50_000, 100_000, 200_000]

app = common.app()


@app.command()
def index(
    out: Annotated[Path, typer.Option("--out", help="Folder for index.md, index.csv and index.json.")],
    files: Annotated[
        list[int] | None, typer.Option("--files", min=100, help="Number of files; may be given several times.")
    ] = None,
    seed: common.Seed = 0,
    as_json: common.Json = False,
) -> None:
    """Measure `scan --dry-run` over made CT slices of files/100 series, scattered over files/40 folders.

    Without --files: 25,000, 50,000, 100,000 and 200,000. Needs about 1 GiB in the temporary folder, and Linux.

    Example: python -m benchmarks.index --files 2000 --out ./bench_index
    """
    from benchmarks.index.measuring import NAME, bench_index

    runs = bench_index(
        out,
        files or SIZES,
        seed=seed,
        on_progress=lambda sentence: common.progress().print(sentence, soft_wrap=True),
    )
    if as_json:
        common.emit([dataclasses.asdict(run) for run in runs])
    else:
        print((out / f"{NAME}.md").read_text("utf-8"))


if __name__ == "__main__":
    main(app=app, name="python -m benchmarks.index")
