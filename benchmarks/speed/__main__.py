"""`python -m benchmarks.speed`: speed and memory of scans, attention kinds, a watched part, and a training step."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from inspect_ai.cli import common, exit_codes, main

STRICT_RATIO = 1.2  # of a scan to the slower of decoding and inference
app = common.app()


class Measurement(StrEnum):
    """Measurement that can be made alone."""

    SCAN = "scan"
    ATTENTION = "attention"
    PART = "part"
    TRAINING = "training"


@app.command()
def speed(
    only: Annotated[
        Measurement | None, typer.Option("--only", help="One of the measurements.", show_default="all")
    ] = None,
    task: Annotated[
        str, typer.Option("--task", envvar="BENCH_TASK", help="Task to scan with; `bright` is made by hand.")
    ] = "bright",
    pictures: Annotated[
        Path | None, typer.Option("--pictures", envvar="BENCH_PICTURES", help="Pictures to scan.", show_default="made")
    ] = None,
    studies: Annotated[
        int, typer.Option("--studies", envvar="BENCH_STUDIES", min=1, help="Studies to make, or at most to compare.")
    ] = 1000,
    others: Annotated[
        int, typer.Option("--others", min=0, help="Old files in the watched folder, beside an empty one.")
    ] = 100_000,
    strict: Annotated[
        bool,
        typer.Option("--strict", envvar="BENCH_STRICT", help="Leave with 1 for a slow scan; for an idle machine."),
    ] = False,
) -> None:
    """Measure start-up, one study, many studies, memory, what each kind of attention costs, one part of a
    line, and a training step in two layouts of its weights.

    Nothing is stored, and nothing fails for being slow unless --strict says so.

    Example: python -m benchmarks.speed --only scan --task metal_surface --pictures ./pictures
    """
    from benchmarks.speed.attention import measure_attention
    from benchmarks.speed.part import measure_part
    from benchmarks.speed.scan import measure_scan
    from benchmarks.speed.training import measure_training

    wanted = set(Measurement) if only is None else {only}
    ratio = measure_scan(task, pictures, studies) if Measurement.SCAN in wanted else 0.0
    if Measurement.ATTENTION in wanted:
        measure_attention()
    if Measurement.PART in wanted:
        measure_part(task, others)
    if Measurement.TRAINING in wanted:
        measure_training()
    if strict and ratio > STRICT_RATIO:
        print(f"A scan takes {ratio:.2f} times the slower of decoding and inference; {STRICT_RATIO} is allowed.")
        raise typer.Exit(exit_codes.FINDINGS)


if __name__ == "__main__":
    main(app=app, name="python -m benchmarks.speed")
