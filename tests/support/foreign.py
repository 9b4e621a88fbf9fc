"""Task folders with a model.onnx that was made elsewhere: no manifest, no weights, names of its own."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from inspect_ai.calibration import write_point
from inspect_ai.cli.template import write_task
from inspect_ai.config import config_sha256, read_config
from inspect_ai.model.engine import open_engine
from inspect_ai.model.manifest import GRAPH
from tests.support.points import make_point

GAIN = 20.0  # logit = GAIN * (mean brightness - 0.5)
STRIDE = 16  # pixels a cell of the heat; tasks expect 8
OUTPUTS = {
    "raw": ["b", 1],
    "map": ["b", 1, "r", "c"],
    "vector": ["b", 3],
    "softmax": ["b", 2],
    "flat": ["b"],
    "count": ["b", 1],
    "wide": ["b", 1, "r"],
}  # all that a graph can be asked to give


def foreign_graph(
    *outputs: str,
    shape: Sequence[int | str] = ("b", 3, "h", "w"),
    kind: int = TensorProto.FLOAT,
    inputs: Sequence[str] = ("image",),
    names: Sequence[str] = (),
) -> onnx.ModelProto:
    """A graph that answers by mean brightness.

    outputs: of OUTPUTS, `raw` alone if none; names: what they are called.
    """
    wanted = outputs or ("raw",)
    called = names or wanted
    axes = list(range(1, len(shape)))
    constants = [
        numpy_helper.from_array(np.array(axes, np.int64), "all"),
        numpy_helper.from_array(np.array([1], np.int64), "channel"),
        numpy_helper.from_array(np.array([2, 3], np.int64), "plane"),
        numpy_helper.from_array(np.asarray(0.5, np.float32), "half"),
        numpy_helper.from_array(np.asarray(GAIN, np.float32), "gain"),
        numpy_helper.from_array(np.array([-1], np.int64), "row"),
        numpy_helper.from_array(np.array([-1, 1], np.int64), "column"),
        numpy_helper.from_array(np.array([1, 3], np.float32), "three"),
        numpy_helper.from_array(np.zeros((1, 1), np.float32), "nought"),
    ]
    node = helper.make_node
    nodes = [
        node("Cast", [inputs[0]], ["pixels_f"], to=TensorProto.FLOAT),
        node("ReduceMean", ["pixels_f", "all"], ["mean"], keepdims=0),
        node("Sub", ["mean", "half"], ["centred"]),
        node("Mul", ["centred", "gain"], ["logit"]),
        node("Reshape", ["logit", "column"], ["raw"]),
    ]
    made = {
        "map": [
            node("ReduceMean", ["pixels_f", "channel"], ["grey"], keepdims=1),
            node("AveragePool", ["grey"], ["map"], kernel_shape=[STRIDE, STRIDE], strides=[STRIDE, STRIDE]),
        ],
        "vector": [node("ReduceMean", ["pixels_f", "plane"], ["vector"], keepdims=0)],
        "softmax": [
            node("Mul", ["raw", "nought"], ["zero"]),
            node("Concat", ["zero", "raw"], ["pair"], axis=1),
            node("Softmax", ["pair"], ["softmax"], axis=1),
        ],
        "flat": [node("Reshape", ["raw", "row"], ["flat"])],
        "count": [node("Cast", ["raw"], ["count"], to=TensorProto.INT64)],
        "wide": [node("Unsqueeze", ["raw", "channel"], ["wide"])],
    }
    for name in wanted:
        nodes += made.get(name, [])
    nodes += [node("Identity", [a], [b]) for a, b in zip(wanted, called, strict=True) if a != b]
    graph = helper.make_graph(
        nodes,
        "elsewhere",
        [helper.make_tensor_value_info(name, kind, list(shape)) for name in inputs],
        [
            helper.make_tensor_value_info(b, TensorProto.INT64 if a == "count" else TensorProto.FLOAT, OUTPUTS[a])
            for a, b in zip(wanted, called, strict=True)
        ],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def make_foreign_task(
    tasks: Path, graph: onnx.ModelProto | None = None, *, task_py: str = "", config: str = "", size: str = "224"
) -> Path:
    """TASKS/bright with a graph alone, not calibrated. config: lines added to config.yaml; size: input.size there."""
    folder = tasks / "bright"
    write_task("bright", tasks)
    if task_py:
        (folder / "task.py").write_text(task_py, "utf-8")
    path = folder / "config.yaml"
    path.write_text(path.read_text("utf-8").replace("size: 224", f"size: {size}") + config, "utf-8")
    onnx.save(graph or foreign_graph(), str(folder / GRAPH))
    return folder


def with_point(folder: Path) -> Path:
    """The task with an operating point that flags pictures whose mean brightness is at least one half."""
    config = read_config(folder / "config.yaml")
    engine = open_engine(folder, config=config)
    point = make_point(
        task=folder.name, clear_below=0.5, flag_from=0.5, sensitivity=0.9, confidence=0.9, n_positive=100, n_missed=0,
        proved_sensitivity=0.97, covers="made pictures", model_sha256=engine.model_sha256,
        config_sha256=config_sha256(config), engine=engine.name, calibration_sha256="0" * 64,
    )  # fmt: skip
    write_point(point, folder / "operating_point.json")
    return folder
