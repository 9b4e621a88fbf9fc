"""Engines that run a trained model: ONNX Runtime (default), torch (reference). Importing this loads neither.

Units run one by one: batches gain nothing on a CPU, and a score must not depend on its neighbours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from inspect_ai.config import TaskConfig
from inspect_ai.domain import Unit, UnitOutput
from inspect_ai.errors import SetupError
from inspect_ai.model import foreign_graph
from inspect_ai.model.manifest import GRAPH, MANIFEST, STACK_GRAPH, WEIGHTS, Manifest, file_sha256, read_manifest
from inspect_ai.text import printable

Number = TypeVar("Number", np.uint8, np.float32, np.bool_)

if TYPE_CHECKING:
    import torch


class Engine(Protocol):
    """A loaded model.

    `problems` are sentences about files that differ from the manifest; they void certificates. `read` holds the SHA-256
    of the file that was loaded, by its name.
    """

    name: str
    model_sha256: str
    manifest: Manifest
    problems: tuple[str, ...]
    read: dict[str, str]

    def run(self, units: Sequence[Unit]) -> list[UnitOutput]:
        """Run the units; one output per unit, in order."""


def open_engine(folder: Path, *, kind: str = "onnx", threads: int = 1, config: TaskConfig | None = None) -> Engine:
    """Load the model in FOLDER. kind: onnx or torch.

    config: of the installed task; a model.onnx alone, made elsewhere, is checked against it. Where there is a manifest,
    the manifest's own counts. Raises SetupError if a file is missing, damaged or not what the task needs.
    """
    if config is not None and not (folder / MANIFEST).is_file() and foreign_graph.is_foreign(folder):
        if kind == "onnx":
            return OnnxEngine(folder, config, threads)
        raise SetupError(
            f"{folder} holds a {GRAPH} made elsewhere and no {WEIGHTS}: engine {kind} cannot run it. Use --engine onnx."
        )
    manifest = read_manifest(folder)
    if kind == "onnx":
        return OnnxEngine(folder, manifest, threads)
    if kind == "torch":
        return TorchEngine(folder, manifest, threads)
    raise SetupError(f"There is no engine {kind!r}; engines are onnx and torch.")


def padded(pixels: NDArray[Number], multiple: int) -> NDArray[Number]:
    """Pad [C, ..., H, W] by mirroring at the bottom and right until H and W are multiples.

    Mirrored, because repeated edge values draw streaks that look like scratches.
    """
    height, width = pixels.shape[-2:]
    margins = [(0, 0)] * (pixels.ndim - 2) + [(0, -height % multiple), (0, -width % multiple)]
    least = 2 * multiple  # the graph's smallest side
    margins[-2] = (0, margins[-2][1] if height > multiple else least - height)
    margins[-1] = (0, margins[-1][1] if width > multiple else least - width)
    return np.pad(pixels, margins, mode="symmetric")


def _problems(file: str, sha256: str, expected: str) -> tuple[str, ...]:
    return () if sha256 == expected else (f"{file} is not the file that its manifest describes",)


class OnnxEngine:
    """One single-threaded session of ONNX Runtime, float32."""

    def __init__(self, folder: Path, known: Manifest | TaskConfig, threads: int) -> None:
        """known: the manifest, or the task's configuration where the graph was made elsewhere."""
        import onnxruntime

        path = folder / GRAPH
        self.name = f"onnxruntime {onnxruntime.__version__} float32 cpu"
        self._stacks: Any = None  # the session for stacks of slices, of a network that sees them
        try:
            graph = path.read_bytes()
            self._session = _session(graph, path, threads)
        except Exception as e:
            advice = "Install again or train again." if isinstance(known, Manifest) else _why_not_loaded(e)
            raise SetupError(f"{path} cannot be loaded ({type(e).__name__}). {advice}") from e
        self.read = {GRAPH: hashlib.sha256(graph).hexdigest()}
        if isinstance(known, Manifest):
            features = "features" if len(self._session.get_outputs()) > 2 else None  # graphs before it have two outputs
            self._ports = foreign_graph.Ports(pixels="pixels", logits="logits", heat="heat", features=features)
            self.manifest, self.model_sha256 = known, known.weights_sha256
            self.problems = _problems(GRAPH, self.read[GRAPH], known.graph_sha256)
            if known.config.input.depth > 1:
                self._open_stacks(folder / STACK_GRAPH, known, threads)
        else:
            self._ports = foreign_graph.ports_of(self._session, path)
            self.manifest, self.problems = foreign_graph.manifest_of(graph, known), ()
            self.model_sha256 = self.manifest.graph_sha256
            side = foreign_graph.example_side(known)
            example = padded(np.zeros((known.input.channels, side, side), np.float32), known.input.multiple)[None]
            foreign_graph.check(self._session, self._ports, known, example, path)

    def _open_stacks(self, path: Path, known: Manifest, threads: int) -> None:
        """Load the graph for stacks of slices beside that for pictures. Raises SetupError if it cannot be loaded."""
        try:
            graph = path.read_bytes()
            self._stacks = _session(graph, path, threads)
        except Exception as e:
            raise SetupError(f"{path} cannot be loaded ({type(e).__name__}). Install again or train again.") from e
        self.read[STACK_GRAPH] = hashlib.sha256(graph).hexdigest()
        self.problems += _problems(STACK_GRAPH, self.read[STACK_GRAPH], known.stack_graph_sha256)

    def run(self, units: Sequence[Unit]) -> list[UnitOutput]:
        """Run the units; one output per unit, in order."""
        return [self._one(unit) for unit in units]

    def _one(self, unit: Unit) -> UnitOutput:
        pixels = padded(unit.pixels, self.manifest.config.input.multiple)[None]
        names = self._ports.outputs
        session = self._session if unit.pixels.ndim == 3 else self._stacks
        if session is None:
            raise SetupError("This model sees single slices; train one with input.depth for stacks.")
        found = dict(zip(names, session.run(list(names), {self._ports.pixels: pixels}), strict=True))
        logits, heat, features = (
            None if name is None else np.asarray(found[name][0], np.float32)
            for name in (self._ports.logits, self._ports.heat, self._ports.features)
        )
        assert logits is not None  # noqa: S101 - a graph without logits was refused; for the type checker
        if heat is None:
            heat = np.zeros((len(logits), 0, 0), np.float32)
        elif self.manifest.foreign:
            heat = foreign_graph.on_grid(heat, pixels.shape[-2:])
        return UnitOutput(logits=logits, heat=heat, features=features)


def _session(graph: bytes, path: Path, threads: int) -> Any:
    """A session over exactly these bytes, so that their digest covers all that it computes with."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Weights in a second file would escape the digest; below a file no other is found.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(path.resolve()))
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _why_not_loaded(error: Exception) -> str:
    if "external data" in str(error).lower():
        return "It keeps its weights in a second file. Save it as one: onnx.save(onnx.load('model.onnx'), 'one.onnx')."
    return f"ONNX Runtime says: {printable(str(error), foreign_graph.TOLD)} {foreign_graph.AGAIN}"


class TorchEngine:
    """Reference engine: the same weights in PyTorch, float32, eager."""

    def __init__(self, folder: Path, manifest: Manifest, threads: int) -> None:
        import torch

        from inspect_ai.model.network import Serving
        from inspect_ai.model.weights import load_network

        torch.set_num_threads(threads)
        self._serving: torch.nn.Module = Serving(load_network(folder, manifest.config)).eval()
        self.manifest = manifest
        self.name = f"torch {torch.__version__} float32 cpu"
        self.model_sha256 = manifest.weights_sha256
        self.read = {WEIGHTS: file_sha256(folder / WEIGHTS)}
        self.problems = _problems(WEIGHTS, self.read[WEIGHTS], manifest.weights_sha256)

    def run(self, units: Sequence[Unit]) -> list[UnitOutput]:
        """Run the units; one output per unit, in order."""
        import torch

        outputs = []
        with torch.inference_mode():
            for unit in units:
                pixels = torch.from_numpy(padded(unit.pixels, self.manifest.config.input.multiple)[None])
                logits, heat, features = (x[0].numpy() for x in self._serving(pixels))
                outputs.append(UnitOutput(logits=logits, heat=heat, features=features))
        return outputs
