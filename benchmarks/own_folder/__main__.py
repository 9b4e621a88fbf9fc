"""`python -m benchmarks.own_folder`: what somebody with a labelled folder reaches, with nothing edited."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from inspect_ai.cli import common, main

app = common.app()


@app.command()
def own_folder(
    data: Annotated[Path, typer.Option("--data", help="Folder that holds all data sets.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for tasks, runs and own_folder.md.")] = Path("bench_own"),
    only: Annotated[list[str] | None, typer.Option("--only", help="A folder's name; repeatable.")] = None,
    budget: Annotated[str, typer.Option("--budget", help="Time that each training may take.")] = "1h",
    threads: Annotated[int, typer.Option("--threads", min=1, help="Threads to compute with.")] = 2,
    seed: Annotated[int, typer.Option("--seed", help="Decides every random choice.")] = 0,
    backbone: Annotated[
        str | None, typer.Option("--backbone", help="A baseline under the same plan, such as resnet18.")
    ] = None,
    as_json: common.Json = False,
) -> None:
    """Run tasks new, train, calibrate and evaluate on folders of pass and flag, and say what they took and reached.

    What is finished is not run again.

    Example: python -m benchmarks.own_folder --data ./data --out bench_own --only strip --budget 20m
    """
    from benchmarks.own_folder.folders import FOLDERS
    from benchmarks.own_folder.study import COLUMNS, RESULT, Stranger, cells, ended_from, names
    from benchmarks.writing import markdown_table, write_files

    chosen = names(only or [], FOLDERS)
    stranger = Stranger(
        data=data.resolve(), out=out.resolve(), budget=budget, threads=threads, seed=seed, backbone=backbone,
        tell=lambda sentence: print(sentence, file=sys.stderr, flush=True),
    )  # fmt: skip
    rows = [stranger.tried(brought) for brought in chosen]
    every = [ended_from(json.loads(path.read_text("utf-8"))) for path in sorted(out.glob(f"*/{RESULT}"))]
    notes = "".join(f"- {brought.name}: {brought.note}.\n" for brought in FOLDERS)
    table = markdown_table(list(COLUMNS), [list(cells(row)) for row in every], left=2)
    write_files(out, {"own_folder.md": f"{table}\n{notes}"})
    if as_json:
        common.emit([asdict(row) for row in rows])
        return
    common.table("Own folders, nothing edited", *COLUMNS, rows=[cells(row) for row in rows])


if __name__ == "__main__":
    main(app=app, name="python -m benchmarks.own_folder")
