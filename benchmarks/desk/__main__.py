"""`python -m benchmarks.desk`: speed of the reader's desk on a long queue and a long series."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from inspect_ai.cli import common, main

app = common.app()


@app.command()
def desk(
    cases: Annotated[int, typer.Option("--cases", min=100, help="Cases that wait in the queue.")] = 100_000,
    slices: Annotated[int, typer.Option("--slices", min=3, help="Slices of the CT series.")] = 500,
    as_json: common.Json = False,
) -> None:
    """Time the pages of a desk over a made log, and the slices of a made series, from a cold start.

    Needs about 1 GiB in the temporary folder.

    Example: python -m benchmarks.desk --cases 2000 --slices 20
    """
    from benchmarks.desk.measuring import desk_times

    with tempfile.TemporaryDirectory() as folder:
        found = desk_times(Path(folder), cases, slices, lambda said: print(said, file=sys.stderr, flush=True))
    if as_json:
        common.emit(asdict(found))
        return
    rows = [
        (f"index of {found.cases:,} cases, once", f"{found.index_s:.1f} s"),
        ("first page of the queue", f"{1000 * found.first_page_s:.0f} ms"),
        ("a page from the middle on", f"{1000 * found.later_page_s:.0f} ms"),
        ("first page with a filter", f"{1000 * found.filtered_page_s:.0f} ms"),
        ("first page with a text in the filter, the slowest of six", f"{1000 * found.found_page_s:.0f} ms"),
        ("page of a case, its look committed", f"{1000 * found.case_page_s:.0f} ms"),
        (f"geometry of {found.slices} slices of {found.side_px} px", f"{1000 * found.geometry_s:.0f} ms"),
        ("first slice, from the request for the case on", f"{1000 * found.first_slice_s:.0f} ms"),
        ("all slices", f"{found.all_slices_s:.1f} s, {found.slices / found.all_slices_s:.0f} a second"),
    ]
    common.table("Reader's desk", "what", "time", rows=rows)


if __name__ == "__main__":
    main(app=app, name="python -m benchmarks.desk")
