"""`inspect-ai export`: a trained model's graph for another number of views."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from inspect_ai.cli import common

app = common.app()


class Views(StrEnum):
    """Views of a picture to average outputs over: one, with its mirror image, all flips, or all eight of a square."""

    ONE = "one"
    MIRROR = "mirror"
    FLIPS = "flips"
    DIHEDRAL = "dihedral"


@app.command()
def export(
    model: Annotated[Path, typer.Argument(help="Folder of a trained model.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the new one.")],
    views: Annotated[Views, typer.Option("--views", help="Views whose answers are averaged.")] = Views.ONE,
    as_json: common.Json = False,
) -> None:
    """Write MODEL again with a graph that averages the answers to several views of each picture.

    More views cost as many times the time. Scores change: calibrate again.

    Example: inspect-ai export runs/lung_nodule-0 --views dihedral --out runs/lung_nodule-0-dihedral
    """
    from inspect_ai.journeys.export import export_model

    manifest = export_model(model, out, views.value)
    if as_json:
        common.emit({"folder": str(out), "views": views.value, "graph_sha256": manifest.graph_sha256})
        return
    print(f"Model: {out}\nNext: inspect-ai calibrate {manifest.task} --model {out} --data DIR")
