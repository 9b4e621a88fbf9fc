"""Manifest of a weights file: its origin, training data and metrics, in manifest.json beside weights.safetensors."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from inspect_ai.config import TaskConfig, parse_config
from inspect_ai.errors import SetupError

WEIGHTS, GRAPH, MANIFEST = "weights.safetensors", "model.onnx", "manifest.json"
STACK_GRAPH = "stacks.onnx"  # of a network that sees stacks of slices; GRAPH is for its single slices
TRUNK = "trunk.safetensors"  # a trunk alone, unfolded: pretrained, or shared by the tasks
TRUNK_RECORDS = ("pretrain.json", "joint.json")  # beside a trunk: its training data, among other things
ELSEWHERE = "elsewhere"  # `init` of a graph that was not trained here
SHORT = 16  # hex digits of a training picture's digest that the manifest keeps: 64 bits


@dataclass(frozen=True, slots=True, kw_only=True)
class DataUse:
    """One labelled folder that the model met.

    `seen` are the first digits of the SHA-256 of each train and val picture. `topped_up` counts the independent
    positives that were set aside for calibration out of train, as the config's promise asks for.
    """

    name: str
    labels: str
    rows: dict[str, int]  # split -> pictures
    seen: tuple[str, ...]
    topped_up: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Record of one trained model: everything that is not a weight."""

    task: str
    task_version: str
    software: str
    versions: dict[str, str]
    config: TaskConfig
    seed: int
    epoch: int
    steps: int
    seconds: float
    init: str
    parameters: int
    metrics: dict[str, float]  # on val, of the shipped weights in the serving engine's arithmetic
    data: tuple[DataUse, ...]
    weights_sha256: str = ""
    graph_sha256: str = ""
    stack_graph_sha256: str = ""

    @property
    def foreign(self) -> bool:
        """True for a graph that was made elsewhere: nothing is known of its training, nor of its pictures."""
        return self.init == ELSEWHERE and not self.weights_sha256

    def saw(self, sha256: str) -> str | None:
        """Name of the data set in which training or selection met this picture; None if it did not."""
        return next((use.name for use in self.data if sha256[:SHORT] in use.seen), None)


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Write FOLDER/manifest.json with the digests of the files that lie there."""
    graph, stacks = folder / GRAPH, folder / STACK_GRAPH
    manifest = dataclasses.replace(
        manifest,
        weights_sha256=file_sha256(folder / WEIGHTS),
        graph_sha256=file_sha256(graph) if graph.is_file() else "",
        stack_graph_sha256=file_sha256(stacks) if manifest.config.input.depth > 1 and stacks.is_file() else "",
    )
    values = {f.name: getattr(manifest, f.name) for f in dataclasses.fields(manifest)}
    values["config"] = manifest.config.model_dump(mode="json")
    values["data"] = [dataclasses.asdict(use) for use in manifest.data]
    (folder / MANIFEST).write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", "utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Read FOLDER/manifest.json. Raises SetupError if it is missing or damaged."""
    path = folder / MANIFEST
    try:
        values = json.loads(path.read_text("utf-8"))
        values["config"] = parse_config(values["config"], str(path))
        values["data"] = tuple(DataUse(**{**use, "seen": tuple(use["seen"])}) for use in values["data"])
        return Manifest(**values)
    except FileNotFoundError as e:
        raise SetupError(
            f"{folder} holds no trained model ({MANIFEST} is missing). Train one: inspect-ai train TASK --data DIR."
        ) from e
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise SetupError(f"{path} is damaged ({type(e).__name__}). Install again or train again.") from e


def met_by_trunk(folder: Path) -> tuple[DataUse, ...]:
    """Data that a trunk in FOLDER met: a network started from it met them too. Raises SetupError without a record."""
    for name in TRUNK_RECORDS:
        path = folder / name
        if path.is_file():
            try:
                return tuple(
                    DataUse(**{**use, "seen": tuple(use["seen"])})
                    for use in json.loads(path.read_text("utf-8"))["data"]
                )
            except (OSError, ValueError, KeyError, TypeError) as e:
                raise SetupError(f"{path} is damaged ({type(e).__name__}). Make the trunk again.") from e
    raise SetupError(
        f"{folder} does not say what its trunk learnt from ({' or '.join(TRUNK_RECORDS)} is missing). Make it again."
    )


def file_sha256(path: Path) -> str:
    """Hex digest of a file's content. Raises SetupError if it cannot be read."""
    try:
        with path.open("rb") as f:
            return hashlib.file_digest(f, "sha256").hexdigest()
    except OSError as e:
        raise SetupError(f"{path} cannot be read ({e.strerror}).") from e
