"""Makes a task of one's own around a network from elsewhere, proves a sensitivity, and decides new pictures.

    python examples/own_task.py        # writes tasks/, caps/, new_caps/ and example.db into the current folder

The network is an ONNX graph of a few nodes that answers to dark spots; any graph with the same input and outputs does.
"""

from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import inspect_ai

PLUGIN = '''"""Bottle caps: a dark spot is a defect."""

from inspect_ai import Task


class BottleCaps(Task):
    """Single camera pictures; each is looked at whole."""

    title = "Bottle caps"
    covers = "single pictures of caps under the light of the calibration pictures"
'''
CONFIG = """name: bottle_caps
labels:
  - {name: pass_flag, classes: [pass, flag], positive: [flag]}
input: {size: 96, channels: 3}
"""
GAIN = 8.0  # logit = GAIN * (darkness of the darkest cell - 0.5)


def spot_finder() -> onnx.ModelProto:
    """pixels [B, 3, H, W] in 0..1 -> logits [B, 1], heat [B, 1, H / 8, W / 8] that sums to 1."""
    constants = [
        numpy_helper.from_array(np.array([1], np.int64), "channel"),
        numpy_helper.from_array(np.array([1, 2, 3], np.int64), "all"),
        numpy_helper.from_array(np.array([-1, 1], np.int64), "column"),
        numpy_helper.from_array(np.array(1.0, np.float32), "one"),
        numpy_helper.from_array(np.array(0.5, np.float32), "half"),
        numpy_helper.from_array(np.array(GAIN, np.float32), "gain"),
        numpy_helper.from_array(np.array(8.0, np.float32), "power"),
    ]
    nodes = [
        helper.make_node("ReduceMean", ["pixels", "channel"], ["grey"], keepdims=1),
        helper.make_node("AveragePool", ["grey"], ["cells"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Sub", ["one", "cells"], ["dark"]),
        helper.make_node("ReduceMax", ["dark", "all"], ["darkest"], keepdims=0),
        helper.make_node("Sub", ["darkest", "half"], ["above"]),
        helper.make_node("Mul", ["above", "gain"], ["logit"]),
        helper.make_node("Reshape", ["logit", "column"], ["logits"]),
        helper.make_node("Pow", ["dark", "power"], ["sharp"]),
        helper.make_node("ReduceSum", ["sharp", "all"], ["total"], keepdims=1),
        helper.make_node("Div", ["sharp", "total"], ["heat"]),
    ]
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["b", 3, "h", "w"])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["b", 1])
    heat = helper.make_tensor_value_info("heat", TensorProto.FLOAT, ["b", 1, "r", "c"])
    graph = helper.make_graph(nodes, "spots", [pixels], [logits, heat], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def write_task(folder: Path) -> None:
    """The plugin, its config, and the network."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "task.py").write_text(PLUGIN, "utf-8")
    (folder / "config.yaml").write_text(CONFIG, "utf-8")
    onnx.save(spot_finder(), str(folder / "model.onnx"))


def write_caps(folder: Path, count: int, seed: int) -> None:
    """COUNT made pictures of grained caps, every second with a dark spot, and labels.csv: all for calibration."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["file,label,split"]
    for i in range(count):
        picture = random.normal(150, 12, (96, 96)).clip(0, 255).astype(np.uint8)
        label = ("pass", "flag")[i % 2]
        if label == "flag":
            row, column = (int(v) for v in random.integers(20, 76, 2))
            cv2.circle(picture, (column, row), 9, int(random.integers(20, 60)), -1)
        cv2.imwrite(str(folder / f"{i:03d}_{label}.png"), picture)
        lines.append(f"{i:03d}_{label}.png,{label},calibration")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n", "utf-8")


def main() -> None:
    """Calibrate on 60 caps with a spot and 60 without, then decide six new ones."""
    write_task(Path("tasks/bottle_caps"))
    write_caps(Path("caps"), 120, seed=0)
    write_caps(Path("new_caps"), 6, seed=1)
    request = inspect_ai.CalibrationRequest(sensitivity=0.95)  # 59 positives without a miss prove it
    point = inspect_ai.calibrate("bottle_caps", "caps", request=request, tasks="tasks", db="example.db").point
    print(point.promise if point.certified else f"nothing is proved: {point.proof.refusal}")
    for event in inspect_ai.scan("new_caps", task="bottle_caps", tasks="tasks", db="example.db", out="example_out"):
        if isinstance(event, inspect_ai.StudyDecided):
            verdict = event.decision.verdict
            print(f"{event.decision.study.key}: {verdict.outcome}, certified: {verdict.certified}")


if __name__ == "__main__":
    main()
