"""Engines that run a trained model: ONNX Runtime (default), torch (reference). Importing this loads neither.

Units run one by one: batches gain nothing on a CPU, and a score must not depend on its neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from inspect_ai.domain import Unit, UnitOutput
from inspect_ai.errors import SetupError
from inspect_ai.model.manifest import GRAPH, WEIGHTS, Manifest, file_sha256, read_manifest

Number = TypeVar("Number", np.uint8, np.float32, np.bool_)

if TYPE_CHECKING:
    import torch


class Engine(Protocol):
    """A loaded model.

    `problems` are sentences about files that differ from the manifest; they void certificates.
    """

    name: str
    model_sha256: str
    manifest: Manifest
    problems: tuple[str, ...]

    def run(self, units: Sequence[Unit]) -> list[UnitOutput]:
        """Run the units; one output per unit, in order."""


def open_engine(folder: Path, *, kind: str = "onnx", threads: int = 1) -> Engine:
    """Load the model in FOLDER. kind: onnx or torch. Raises SetupError if a file is missing or damaged."""
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


def _problems(folder: Path, manifest: Manifest, file: str, expected: str) -> tuple[str, ...]:
    del manifest
    return () if file_sha256(folder / file) == expected else (f"{file} is not the file that its manifest describes",)


class OnnxEngine:
    """One single-threaded session of ONNX Runtime, float32."""

    def __init__(self, folder: Path, manifest: Manifest, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(folder / GRAPH), options, providers=["CPUExecutionProvider"]
            )
        except Exception as e:
            raise SetupError(
                f"{folder / GRAPH} cannot be loaded ({type(e).__name__}). Install again or train again."
            ) from e
        self.manifest = manifest
        self.name = f"onnxruntime {onnxruntime.__version__} float32 cpu"
        self.model_sha256 = manifest.weights_sha256
        self.problems = _problems(folder, manifest, GRAPH, manifest.graph_sha256)

    def run(self, units: Sequence[Unit]) -> list[UnitOutput]:
        """Run the units; one output per unit, in order."""
        return [self._one(unit) for unit in units]

    def _one(self, unit: Unit) -> UnitOutput:
        pixels = padded(unit.pixels, self.manifest.config.input.multiple)[None]
        logits, heat, *more = self._session.run(None, {"pixels": pixels})
        features = more[0][0] if more else None  # graphs made before there were features have two outputs
        return UnitOutput(logits=logits[0], heat=heat[0], features=features)


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
        self.problems = _problems(folder, manifest, WEIGHTS, manifest.weights_sha256)

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
