"""A task whose network is written by hand: its score is high for bright pictures. No training, no torch."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from inspect_ai.calibration import read_point, write_point
from inspect_ai.calibration.out_of_distribution import Seen, typicality
from inspect_ai.calibration.typical_file import TYPICAL_FILE, write_typicality
from inspect_ai.certificates.deployment import deployment_record
from inspect_ai.certificates.issuing import issue
from inspect_ai.certificates.signing import public_hex, site_key
from inspect_ai.cli.template import write_task
from inspect_ai.config import config_sha256, read_config
from inspect_ai.inspection.out_of_distribution import names_of, vectors
from inspect_ai.model.engine import open_engine
from inspect_ai.model.manifest import GRAPH, WEIGHTS, Manifest, write_manifest
from inspect_ai.plugins import task_named
from inspect_ai.quality import picture_quality
from inspect_ai.settings import Settings
from tests.support.points import make_point

GAIN = 20.0  # logit = GAIN * (mean brightness - 0.5)


def make_task(
    tasks: Path, name: str = "bright", *, task_py: str | None = None, made_graph: onnx.ModelProto | None = None
) -> Path:
    """TASKS/NAME, ready to scan: flags pictures whose mean brightness is at least one half."""
    folder = tasks / name
    write_task(name, tasks)
    if task_py is not None:
        (folder / "task.py").write_text(task_py, "utf-8")
    config = read_config(folder / "config.yaml")
    onnx.save(made_graph or graph(), str(folder / GRAPH))
    (folder / WEIGHTS).write_bytes(b"the graph is written by hand")
    manifest = Manifest(
        task=name, task_version="1", software="0", versions={}, config=config, seed=0, epoch=0, steps=0, seconds=0.0,
        init="scratch", parameters=0, metrics={}, data=(),
    )  # fmt: skip
    write_manifest(manifest, folder)
    engine = open_engine(folder)
    point = make_point(
        task=name, clear_below=0.5, flag_from=0.5, sensitivity=0.9, confidence=0.9, n_positive=100, n_missed=0,
        proved_sensitivity=0.97, covers="made pictures", model_sha256=engine.model_sha256,
        config_sha256=config_sha256(config), engine=engine.name, calibration_sha256="0" * 64,
    )  # fmt: skip
    write_point(point, folder / "operating_point.json")
    return folder


def graph() -> onnx.ModelProto:
    """pixels [B, 3, H, W] -> logits [B, 1], heat [B, 1, H / 32, W / 32]."""
    constants = [
        numpy_helper.from_array(np.array([1, 2, 3], np.int64), "all"),
        numpy_helper.from_array(np.array([1], np.int64), "channel"),
        numpy_helper.from_array(np.array([2, 3], np.int64), "plane"),
        numpy_helper.from_array(np.asarray(0.5, np.float32), "half"),
        numpy_helper.from_array(np.asarray(GAIN, np.float32), "gain"),
        numpy_helper.from_array(np.array([-1, 1], np.int64), "column"),
        numpy_helper.from_array(np.asarray(1e-6, np.float32), "tiny"),
    ]
    nodes = [
        helper.make_node("ReduceMean", ["pixels", "all"], ["mean"], keepdims=0),
        helper.make_node("Sub", ["mean", "half"], ["centred"]),
        helper.make_node("Mul", ["centred", "gain"], ["logit"]),
        helper.make_node("Reshape", ["logit", "column"], ["logits"]),
        helper.make_node("ReduceMean", ["pixels", "channel"], ["grey"], keepdims=1),
        helper.make_node("AveragePool", ["grey"], ["coarse"], kernel_shape=[32, 32], strides=[32, 32]),
        helper.make_node("Add", ["coarse", "tiny"], ["positive"]),
        helper.make_node("ReduceSum", ["positive", "plane"], ["total"], keepdims=1),
        helper.make_node("Div", ["positive", "total"], ["heat"]),
    ]
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["b", 3, "h", "w"])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["b", 1])
    heat = helper.make_tensor_value_info("heat", TensorProto.FLOAT, ["b", 1, "r", "c"])
    made = helper.make_graph(nodes, "bright", [pixels], [logits, heat], constants)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def graph_without_answer_for_dark_pictures() -> onnx.ModelProto:
    """As `graph`, but the logit of a picture darker than one half is the square root of a negative number."""
    made = graph()
    (logit,) = (node for node in made.graph.node if node.output[0] == "logit")
    logit.output[0] = "square"
    made.graph.node.insert(list(made.graph.node).index(logit) + 1, helper.make_node("Sqrt", ["square"], ["logit"]))
    return made


def make_pictures(folder: Path, count: int, *, first: int = 0, suffix: str = ".png") -> dict[str, bool]:
    """COUNT textured pictures, odd ones bright; name -> whether it is bright (and so to be flagged)."""
    folder.mkdir(parents=True, exist_ok=True)
    bright = {}
    for i in range(first, first + count):
        random = np.random.default_rng(i)
        low, high = (140, 250) if i % 2 else (10, 110)
        cv2.imwrite(str(folder / f"part{i:04d}{suffix}"), random.integers(low, high, (72, 96, 3), dtype=np.uint8))
        bright[f"part{i:04d}{suffix}"] = bool(i % 2)
    return bright


def certify(folder: Path, workshop: Path, point: Path | None = None) -> Path:
    """A certificate for the task in `folder`, signed in a workshop of its own; returns the folder of its public key.

    point: file of an operating point; the task's own if None.

    WORKSHOP/trusted is what setting `trusted_keys` must name for it to count elsewhere.
    """
    settings = Settings(db=workshop / "workshop.db", tasks=str(folder.parent), operator="calibrator")
    point = point or folder / "operating_point.json"
    units = [f"unit {i}" for i in range(read_point(point).proof.n_positive)]
    task, engine = task_named(folder.name, settings.tasks), open_engine(folder)
    issue(
        read_point(point), point, record=deployment_record(task, engine, folder, point), units=units, settings=settings
    )
    (workshop / "trusted").mkdir(exist_ok=True)
    (workshop / "trusted" / "workshop.pub").write_text(public_hex(site_key(settings.db)) + "\n", "ascii")
    return workshop / "trusted"


def bright_or_dark(i: int) -> NDArray[np.uint8]:
    """[72, 96, 3] picture `i` of make_pictures."""
    low, high = (140, 250) if i % 2 else (10, 110)
    return np.random.default_rng(i).integers(low, high, (72, 96, 3)).astype(np.uint8)


def make_reference(
    folder: Path, count: int = 120, picture: Callable[[int], NDArray[np.uint8]] = bright_or_dark
) -> None:
    """FOLDER/typical.npz as if calibration had seen COUNT pictures, like those of make_pictures; without features."""
    names: tuple[str, ...] = ()
    rows = []
    for i in range(count):
        measures = picture_quality(picture(i).astype(np.float32) / np.float32(255))
        names = names_of(measures)
        rows.append(vectors(measures, names)[0])
    seen = Seen(
        names=names, quality=np.stack(rows), features=None, groups=[f"part{i}" for i in range(count)],
        digests=[f"{i:064x}" for i in range(count)],
    )  # fmt: skip
    write_typicality(typicality(seen)[0], folder / TYPICAL_FILE)
