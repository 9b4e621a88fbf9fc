"""Export journey: a trained model's graph again, for another number of views. Weights do not change."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

from inspect_ai.config import laid_over, parse_config
from inspect_ai.errors import UsageError
from inspect_ai.model.manifest import WEIGHTS, Manifest, read_manifest, write_manifest


def export_model(model: Path, out: Path, views: str) -> Manifest:
    """Write OUT with MODEL's weights and a graph that averages the answers to `views` of each picture.

    The manifest's val figures are left out: they belong to other scores; so do operating points, which are not copied.
    Raises UsageError for unknown views, or where OUT is MODEL.
    """
    from inspect_ai.model.export import export_graph
    from inspect_ai.model.weights import load_network

    if out.resolve() == model.resolve():
        raise UsageError(f"{out} holds the model itself. Choose another folder with --out.")
    manifest = read_manifest(model)
    raw = laid_over(manifest.config.model_dump(mode="json"), {"network": {"views": views}})
    config = parse_config(raw, f"views {views}")
    out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(model / WEIGHTS, out / WEIGHTS)
    export_graph(load_network(out, config), config, out)
    write_manifest(dataclasses.replace(manifest, config=config, metrics={}), out)
    return read_manifest(out)
