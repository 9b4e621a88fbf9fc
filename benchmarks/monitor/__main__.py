"""`python -m benchmarks.monitor`: false alarms and delays of the drift alarm."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inspect_ai.cli import common, main

app = common.app()


@app.command()
def monitor(
    out: Annotated[Path, typer.Option("--out", help="Folder for monitor.md, monitor.csv and monitor.json.")],
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Folder that holds all data sets; without it, made pictures alone."),
    ] = None,
    streams: Annotated[int, typer.Option("--streams", min=100, help="Simulated streams in control.")] = 10_000,
    length: Annotated[int, typer.Option("--length", min=300, help="Values of each.")] = 5_000,
    seed: common.Seed = 0,
    as_json: common.Json = False,
) -> None:
    """Measure how often the drift alarm sounds for nothing, and how soon it sounds when something changed.

    Simulated values (normal, skewed, tied) and, beside them, a fixed reference, which is not valid; shifts; made tiles
    that go out of focus; with --data, real tiles that do (metal_surface/magnetic_tile), and fundus pictures of another
    camera (fundus/eyepacs_subset, then fundus/idrid_lesions), both with the scores of the tasks' own models.

    Example: python -m benchmarks.monitor --data ./data --out ./bench_monitor
    """
    from benchmarks.monitor.streams import bench_streams
    from benchmarks.monitor.tables import NAME, plain

    metal = data / "metal_surface" / "magnetic_tile" if data else None
    fundus = (data / "fundus" / "eyepacs_subset", data / "fundus" / "idrid_lesions") if data else None
    found = bench_streams(
        out=out,
        settings=common.settings(),
        streams=streams,
        length=length,
        metal=metal,
        fundus=fundus,
        seed=seed,
        on_progress=lambda sentence: common.progress().print(sentence, soft_wrap=True),
    )
    if as_json:
        common.emit(plain(found))
    else:
        print((out / f"{NAME}.md").read_text("utf-8"))


if __name__ == "__main__":
    main(app=app, name="python -m benchmarks.monitor")
