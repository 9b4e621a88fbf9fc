"""`python -m benchmarks.landmarks`: error of Hounsfield units by two landmarks, where the truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from inspect_ai.cli import common, main

app = common.app()


@app.command()
def landmarks(
    data: Annotated[Path, typer.Option("--data", help="Folder of chest CT series.")],
    windows: Annotated[int, typer.Option("--windows", min=1, help="Windows of each series.")] = 200,
    seed: common.Seed = 0,
    as_json: common.Json = False,
) -> None:
    """Stretch windows of real chest CTs to 8 bits, bring them back by two landmarks, and print the error.

    Example: python -m benchmarks.landmarks --data ./ct_series
    """
    from benchmarks.landmarks import errors_hu

    found = errors_hu(data, windows=windows, seed=seed)
    if as_json:
        common.emit({name: {"lung": e.lung.tolist(), "between": e.between.tolist()} for name, e in found.items()})
        return
    rows = [
        (name, what, *(f"{v:.0f}" for v in _summary(values)))
        for name, e in found.items()
        for what, values in (("lung", e.lung), ("-500 to 200 HU", e.between))
    ]
    common.table(
        f"Error in Hounsfield units, {windows} windows a series",
        "series", "pixels", "median", "median size", "90 % below", "largest",
        rows=rows,
    )  # fmt: skip


def _summary(errors: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Median error, and the median, 90th percentile and maximum of its size."""
    size = np.abs(errors)
    return float(np.median(errors)), float(np.median(size)), float(np.quantile(size, 0.9)), float(size.max())


if __name__ == "__main__":
    main(app=app, name="python -m benchmarks.landmarks")
