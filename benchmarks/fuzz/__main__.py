"""`python -m benchmarks.fuzz`: mutated DICOM and picture files through the reading of scan and watch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inspect_ai.cli import common, exit_codes, main

app = common.app()


@app.command()
def fuzz(
    files: Annotated[int, typer.Option("--files", min=1, help="Number of mutants.")] = 10_000,
    seed: Annotated[int, typer.Option("--seed", help="Decides every mutation.")] = 0,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for fuzz.md and fuzz.json.", show_default="none")
    ] = None,
    as_json: common.Json = False,
) -> None:
    """Mutate sound files of every format that is read, and see how each ends. Leaves with 1 where a fault is found.

    A fault: an exception that escapes, a file that is not accounted for, a decoder that takes too long or touches
    another file, a message that quotes a header.

    Example: python -m benchmarks.fuzz --files 10000 --seed 0 --out ./fuzz
    """
    from benchmarks.fuzz.study import fuzz as study
    from benchmarks.fuzz.tables import HEAD, plain, rows, texts
    from benchmarks.writing import write_files
    from inspect_ai.settings import Settings

    with common.counting("mutants") as progress:
        found = study(files, seed, Settings(), progress)
    if out is not None:
        write_files(out, texts(found))
    if as_json:
        common.emit(plain(found))
    else:
        common.table(f"{files} mutants of seed {seed}", *HEAD, rows=[tuple(row) for row in rows(found)])
        for fault in found.faults:
            common.line(f"FAULT {fault}")
        common.line(f"{len(found.faults)} faults in {found.seconds:.0f} s")
    if found.faults:
        raise typer.Exit(exit_codes.FINDINGS)


if __name__ == "__main__":
    main(app=app, name="python -m benchmarks.fuzz")
