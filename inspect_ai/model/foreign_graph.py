"""A model.onnx that was made elsewhere: what it must take and give, checked when it is loaded.

It lies in the model's folder without manifest and without weights. The task's configuration says what it answers;
docs/own_onnx.md is the contract in the words of a user.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from inspect_ai.config import TaskConfig
from inspect_ai.domain import Floats
from inspect_ai.errors import SetupError
from inspect_ai.model.manifest import ELSEWHERE, GRAPH, MANIFEST, WEIGHTS, Manifest
from inspect_ai.plugins import HEAT_STRIDE
from inspect_ai.text import printable

PROBE_PX = 224  # side of the picture that a graph is tried on where the configuration fixes none
TOLD = 300  # characters of the engine's own message
AGAIN = "See docs/own_onnx.md, and export it again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Names of a graph's input and outputs; None for an output that it lacks."""

    pixels: str
    logits: str
    heat: str | None
    features: str | None

    @property
    def outputs(self) -> tuple[str, ...]:
        """The outputs that are read, in order."""
        return tuple(name for name in (self.logits, self.heat, self.features) if name is not None)


def ports_of(session: Any, path: Path) -> Ports:
    """Input `pixels`, or the only one; outputs by name where one is called logits, by order otherwise.

    Raises SetupError for several inputs without that name.
    """
    inputs, outputs = ([node.name for node in nodes] for nodes in (session.get_inputs(), session.get_outputs()))
    if "pixels" not in inputs and len(inputs) != 1:
        raise SetupError(f"{path} takes {_listed(inputs)}; one input, or one called pixels, is needed. {AGAIN}")
    if "logits" in outputs:
        found = [name if name in outputs else None for name in ("logits", "heat", "features")]
    else:
        found = [*outputs[:3], None, None][:3]
    logits, heat, features = found
    if logits is None:
        raise SetupError(f"{path} has no outputs; logits are needed. {AGAIN}")
    return Ports(pixels="pixels" if "pixels" in inputs else inputs[0], logits=str(logits), heat=heat, features=features)


def is_foreign(folder: Path) -> bool:
    """True for a graph alone. A folder with weights and no manifest is a damaged model, not a foreign one."""
    return (folder / GRAPH).is_file() and not any((folder / name).exists() for name in (MANIFEST, WEIGHTS))


def manifest_of(graph: bytes, config: TaskConfig) -> Manifest:
    """All that can be known of the graph in these bytes: their digest, and the task that it is to serve."""
    return Manifest(
        task=config.name,
        task_version="",
        software="",
        versions={},
        config=config,
        seed=0,
        epoch=0,
        steps=0,
        seconds=0.0,
        init=ELSEWHERE,
        parameters=0,
        metrics={},
        data=(),
        graph_sha256=hashlib.sha256(graph).hexdigest(),
    )


def check(session: Any, ports: Ports, config: TaskConfig, example: Floats, path: Path) -> None:
    """Compare what the graph takes and gives with what the task needs; it runs once.

    example: [1, C, H, W], a picture of the configured size as the engine gives it to the graph. Raises SetupError.
    """
    node = next(node for node in session.get_inputs() if node.name == ports.pixels)
    _check_input(node, config, example, path)
    names = ports.outputs
    try:
        values = dict(zip(names, session.run(list(names), {ports.pixels: example}), strict=True))
    except Exception as e:
        raise SetupError(
            f"{path} fails on float32 {list(example.shape)}: {printable(str(e), TOLD)} "
            f"If it takes one size alone, say so with input.size and input.multiple in config.yaml."
        ) from e
    k = config.graph_outputs
    _check_output(values, ports.logits, "logits", (1, k), config, path)
    _check_output(values, ports.heat, "heat", (1, k, None, None), config, path)
    _check_output(values, ports.features, "features", (1, None), config, path)


def example_side(config: TaskConfig) -> int:
    """Side of the picture that a graph is tried on, in pixels."""
    return config.input.size or PROBE_PX


def on_grid(heat: Floats, padded_px: tuple[int, int]) -> Floats:
    """[K, h, w] over a padded unit -> [K, rows, cols] with a cell every HEAT_STRIDE pixels, as tasks expect it."""
    rows, cols = (-(-side // HEAT_STRIDE) for side in padded_px)
    if heat.shape[1:] == (rows, cols):
        return heat
    shrinks = rows <= heat.shape[1] and cols <= heat.shape[2]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.stack([np.asarray(cv2.resize(plane, (cols, rows), interpolation=how), np.float32) for plane in heat])


def _check_input(node: Any, config: TaskConfig, example: Floats, path: Path) -> None:
    shape, channels, size = list(node.shape), config.input.channels, config.input.size
    takes = f"{path} takes {node.name!r} as {node.type.removeprefix('tensor(').rstrip(')')} {_shown(shape)}"
    needs = f"task {config.name} needs float32 [B, {channels}, H, W]"
    if node.type != "tensor(float)" or len(shape) != len(example.shape):
        raise SetupError(f"{takes}; {needs}. {AGAIN}")
    if isinstance(shape[0], int) and shape[0] != 1:
        raise SetupError(f"{takes}; {needs}, where B is 1 or free: pictures are scored one by one. {AGAIN}")
    if isinstance(shape[1], int) and shape[1] != channels:
        raise SetupError(f"{takes}; {needs}. Set input.channels: {shape[1]} in config.yaml, or export it again.")
    fixed = [side for side in shape[2:] if isinstance(side, int)]
    if len(set(fixed)) > 1:
        raise SetupError(f"{takes}; {needs}, where H and W are free or equal. {AGAIN}")
    if fixed and (size is None or example.shape[2:] != (fixed[0], fixed[0])):
        multiple = next(m for m in (32, 16, 8, 4, 2, 1) if fixed[0] % m == 0 and (fixed[0] > m or m == 1))
        gets = "pictures of any size" if size is None else f"H = W = {example.shape[2]}"
        raise SetupError(
            f"{takes}; task {config.name} would give it {gets} (input.size: {size}, input.multiple: "
            f"{config.input.multiple}). Set input.size: {fixed[0]} and input.multiple: {multiple} in config.yaml."
        )


def _check_output(
    values: dict[str, Any], name: str | None, role: str, wanted: Sequence[int | None], config: TaskConfig, path: Path
) -> None:
    """wanted: sizes, None where any will do."""
    if name is None:
        return
    found = np.asarray(values[name])
    fits = found.ndim == len(wanted) and all(w in (None, f) for w, f in zip(wanted, found.shape, strict=True))
    if np.issubdtype(found.dtype, np.floating) and fits and found.size:
        return
    free = iter("hw" if role == "heat" else "F")
    shape = _shown([next(free) if w is None else w for w in wanted])
    answers = ", ".join(config.outputs) if config.graph_outputs == len(config.outputs) else "option graph_outputs"
    raise SetupError(
        f"{path} gives {name!r} as {found.dtype} {_shown(found.shape)}, read as {role}; "
        f"task {config.name} needs floats {shape} ({answers}). "
        f"Outputs are found by the names logits, heat and features, else by their order. {AGAIN}"
    )


def _shown(shape: Sequence[object]) -> str:
    return "[" + ", ".join("?" if side is None else printable(str(side), 20) for side in shape) + "]"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(printable(name, 40) for name in names) or "nothing"
