"""`python -m benchmarks.line_soak`: is any part of a line lost or doubled, whatever fails around the watch?"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from inspect_ai.cli import common, exit_codes, main

app = common.app()


@app.command()
def line_soak(
    parts: Annotated[int, typer.Option("--parts", min=1, help="Parts that the camera drops.")] = 1000,
    rate: Annotated[float, typer.Option("--rate", min=0.1, help="Parts a second.")] = 5.0,
    others: Annotated[int, typer.Option("--others", min=0, help="Old sidecar files in the folder.")] = 50_000,
    kills: Annotated[int, typer.Option("--kills", min=0, help="How often the watch is killed by SIGKILL.")] = 20,
    lock_s: Annotated[float, typer.Option("--lock-s", min=0.0, help="Seconds for which the log is locked.")] = 30.0,
    away_s: Annotated[float, typer.Option("--away-s", min=0.0, help="Seconds for which the folder is away.")] = 20.0,
    seed: common.Seed = 0,
) -> None:
    """Drop parts into a crowded folder while the watch is killed, the log locked, pictures lost and the folder away.

    Ends with 1 unless found = decided + told, with no part doubled and the chain of the log intact. Nothing is stored.

    Example: python -m benchmarks.line_soak --parts 40 --others 500 --kills 3 --lock-s 4 --away-s 3
    """
    from benchmarks.line_soak.soak import Plan, soak
    from benchmarks.writing import markdown_table

    plan = Plan(parts=parts, rate=rate, others=others, kills=kills, lock_s=lock_s, away_s=away_s, seed=seed)
    with tempfile.TemporaryDirectory(prefix="line_soak") as folder:
        found = soak(Path(folder), plan)
    middle, high = np.percentile(found.cycles_ms or (0.0,), [50, 90])
    rows = (
        ("parts dropped + links", f"{found.dropped} + {found.links}"),
        ("decided + told with a reason", f"{found.decided} + {found.told}"),
        ("doubled, missing, foreign", f"{found.doubled}, {found.missing}, {found.foreign}"),
        ("shown twice", f"{found.shown_twice}"),
        ("chain of the log", found.chain),
        ("kills by SIGKILL", f"{found.kills}"),
        ("watches that ended by themselves, by exit code", f"{found.ended}"),
        ("notices: log, folder, pictures", ", ".join(str(count) for count in found.notices.values())),
        ("cycle time, median and 90 % (waits included)", f"{middle:.0f} ms, {high:.0f} ms"),
    )
    print(markdown_table(("measured", "value"), rows, left=1))
    if not found.full_disk:
        print("The picture disk was not full: only root may mount the small disk that this needs.")
    if not found.holds:
        print("A part was lost or doubled, or the log is broken.")
        raise typer.Exit(exit_codes.FINDINGS)


if __name__ == "__main__":
    main(app=app, name="python -m benchmarks.line_soak")
