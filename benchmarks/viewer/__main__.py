"""`python -m benchmarks.viewer`: how soon the first slice of a CT series is seen, and how fast a person scrolls."""

from __future__ import annotations

import os
from statistics import median
from typing import Annotated

import typer

from inspect_ai.cli import common, main
from inspect_ai.errors import UsageError

app = common.app()


@app.command()
def viewer(
    slices: Annotated[int, typer.Option("--slices", min=10, help="Slices of the made series.")] = 500,
    size: Annotated[int, typer.Option("--size", min=64, help="Rows and columns of a slice.")] = 512,
    scrolled: Annotated[int, typer.Option("--scrolled", min=5, help="Slices that are scrolled through.")] = 120,
    tries: Annotated[int, typer.Option("--tries", min=1, help="Visits, each in a new browser.")] = 3,
) -> None:
    """Show a made CT series in headless Chromium without WebGL and time it. Nothing is stored.

    Example: python -m benchmarks.viewer --slices 100 --scrolled 40 --tries 1
    """
    from benchmarks.viewer.browser import missing
    from benchmarks.viewer.measuring import measure
    from benchmarks.writing import markdown_table

    if why := missing():
        raise UsageError(f"{why}.")
    times = measure(slices, size, scrolled, tries)
    rows = [
        (what, f"{median(values):.{digits}f}", f"{min(values):.{digits}f} to {max(values):.{digits}f}")
        for what, digits, values in (
            ("first slice after mount(), ms", 0, [one.first_ms for one in times]),
            ("slices a second, while the series loads", 1, [one.scroll_cold for one in times]),
            ("slices a second, series loaded", 1, [one.scroll_warm for one in times]),
            ("slabs of 10 mm a second, series loaded", 1, [one.scroll_slab for one in times]),
            ("rest of the series loaded after that scrolling, s", 1, [one.loaded_s for one in times]),
            ("three planes opened, ms", 0, [one.planes_ms for one in times]),
            ("slices a second, coronal, three planes shown", 1, [one.coronal for one in times]),
            ("load of the machine", 1, [one.load for one in times]),
        )
    ]
    print(markdown_table(("measured", "median", "range"), rows, left=1))
    print(
        f"{slices} slices of {size} x {size}, {tries} visits, {os.cpu_count()} processors, server and browser on them."
    )


if __name__ == "__main__":
    main(app=app, name="python -m benchmarks.viewer")
