"""`python -m benchmarks.volumes`: gain by attention along depth, with made nodules in real lungs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inspect_ai.cli import common, main

CONFIG = Path(__file__).with_name("volumes.yaml")
app = common.app()


@app.command()
def volumes(
    data: Annotated[Path, typer.Option("--data", help="Folder of chest CT series; annotations.csv in it is kept out.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for table and picture.")] = Path("bench_volumes"),
    config: Annotated[
        Path, typer.Option("--config", help="YAML of the bench.", show_default="the bundled one")
    ] = CONFIG,
    seed: common.Seed = 0,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Threads to compute with.")] = 1,
    as_json: common.Json = False,
) -> None:
    """Ask one network by slice, by stack and by volume whether made nodules in real lungs are nodules.

    Made vessels that pass through look the same on a slice. Half of the lungs teach, the others test, then in turn.

    Example: python -m benchmarks.volumes --data ./ct_series --out bench_volumes
    """
    import torch

    from benchmarks.volumes.study import bench_volumes

    torch.set_num_threads(threads)
    console = common.progress()
    study = bench_volumes(
        data,
        out,
        settings=common.settings(),
        config_file=config,
        seed=seed,
        on_progress=lambda text: console.print(text, soft_wrap=True),
    )
    if as_json:
        common.emit({"written": [str(path) for path in study.written]})
    else:
        print("\n".join(str(path) for path in study.written))


if __name__ == "__main__":
    main(app=app, name="python -m benchmarks.volumes")
