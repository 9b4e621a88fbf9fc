"""Packaging of a trained network as a model folder: folded float16 weights, ONNX graph of equal outputs, manifest."""

from __future__ import annotations

import dataclasses
import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np

from inspect_ai.domain import Unit
from inspect_ai.errors import SetupError
from inspect_ai.model.engine import open_engine
from inspect_ai.model.export import export_graph
from inspect_ai.model.manifest import Manifest, write_manifest
from inspect_ai.model.network import Network, for_work
from inspect_ai.model.weights import save_weights
from inspect_ai.plugins import Task, probability
from inspect_ai.training.corpus import Corpus
from inspect_ai.training.metrics import validation_metrics
from inspect_ai.version import __version__

PARITY = 2.0**-12  # largest difference of a probability between torch and the serving engine
PARITY_UNITS = 24


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRecord:
    """Seed, best epoch and its step, and wall seconds of a training, as the manifest keeps them."""

    seed: int
    epoch: int
    steps: int
    seconds: float


def package_model(network: Network, corpus: Corpus, task: Task, out: Path, record: TrainingRecord) -> Manifest:
    """Fold, round, save, export, compare the engines, measure the shipped weights on val, write the manifest.

    Raises SetupError if the graph's probabilities differ from torch's by more than PARITY.
    """
    config = task.config
    network = for_work(network.cpu())
    save_weights(network, out)
    export_graph(network, config, out)
    manifest = Manifest(
        task=task.name,
        task_version=task.version,
        software=f"inspect-ai-vision {__version__}",
        versions={"python": platform.python_version()}
        | {p: version(p) for p in ("torch", "lightning", "monai", "onnxruntime")},
        config=config,
        seed=record.seed,
        epoch=record.epoch,
        steps=record.steps,
        seconds=round(record.seconds, 1),
        init=config.network.init,
        parameters=sum(p.numel() for p in network.parameters()),
        metrics={},
        data=corpus.use,
    )
    write_manifest(manifest, out)
    return _measured(manifest, corpus, out)


def _measured(manifest: Manifest, corpus: Corpus, out: Path) -> Manifest:
    """Add val metrics of the serving engine to the manifest."""
    units = [Unit(pixels=np.ascontiguousarray(s.unit_pixels, np.float32) / np.float32(255)) for s in corpus.val]
    onnx = [o.logits for o in open_engine(out, kind="onnx").run(units)]
    torch_ = [o.logits for o in open_engine(out, kind="torch").run(units[:PARITY_UNITS])]
    worst = max(abs(probability(a[0]) - probability(b[0])) for a, b in zip(onnx, torch_, strict=False))
    if not worst <= PARITY:
        raise SetupError(
            f"The exported graph differs from torch by {worst:.5f} in a probability; {out} is not fit to ship."
        )
    metrics = validation_metrics(corpus.val_folders, corpus.val, np.stack(onnx), manifest.config)
    manifest = dataclasses.replace(manifest, metrics={name: round(value, 5) for name, value in metrics.items()})
    write_manifest(manifest, out)
    return manifest
