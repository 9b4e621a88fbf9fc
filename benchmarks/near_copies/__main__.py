"""`python -m benchmarks.near_copies`: which pictures of real data are joined, which changed copies are found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.near_copies.study import joins
from inspect_ai.cli import common, main
from inspect_ai.config import TaskConfig
from inspect_ai.datasets.folder import read_folder
from inspect_ai.plugins import task_named

app = common.app()


@app.command()
def near_copies(
    data: Annotated[list[Path], typer.Option("--data", help="Labelled folder; give it again for more.")],
    task: Annotated[str, typer.Option("--task", help="Whose labels these are.")] = "metal_surface",
    as_json: common.Json = False,
) -> None:
    """Join the pictures of labelled folders, and changed copies of some of them.

    Example: python -m benchmarks.near_copies --data ../shared/data/metal_surface/castings
    """
    settings = common.settings()
    config: TaskConfig = task_named(task, settings.tasks).config
    for root in data:
        found = joins(read_folder(root, config), settings)
        if as_json:
            common.emit({"data": str(root), **{name: getattr(found, name) for name in found.__dataclass_fields__}})
            continue
        print(
            f"{root.name}: {found.pictures} pictures of {found.units} units; {found.joined} joins, "
            f"{found.across_labels} of them across labels, {found.across_splits} across splits; the least alike pair "
            f"{found.least_alike:.4f}; {found.seconds:.1f} s of one core."
        )
        rows = [(name, f"{100 * share:.0f} %") for name, share in found.found.items()]
        common.table("", "change", "found", rows=rows)


if __name__ == "__main__":
    main(app=app, name="python -m benchmarks.near_copies")
