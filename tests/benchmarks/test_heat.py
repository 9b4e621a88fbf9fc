"""Heat map benchmark on a made folder: one network that looks at what is bright, one at what is dark."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

from benchmarks.heat.__main__ import app
from benchmarks.heat.results import HeatResult, MapMethod
from benchmarks.heat.sheet import OUTLINE
from benchmarks.heat.study import bench_heat, example_rows, open_makers
from inspect_ai.cli.template import write_task
from inspect_ai.config import read_config
from inspect_ai.datasets.folder import Row
from inspect_ai.errors import UsageError
from inspect_ai.model.manifest import GRAPH, WEIGHTS, DataUse, Manifest, file_sha256, write_manifest
from inspect_ai.plugins import task_named
from inspect_ai.settings import load

SPOT_PX = 24
PLACES = {"a": [(16, 16), (40, 64)], "b": [(8, 72)], "c": [(48, 24)]}  # group -> top left corner of each bright spot


def graph(slope: float) -> onnx.ModelProto:
    """pixels [B, 3, H, W] -> logits [B, 1], heat [B, 1, H / 8, W / 8]: slope * brightness, from 0 upwards."""
    constants = [
        numpy_helper.from_array(np.array([1], np.int64), "channel"),
        numpy_helper.from_array(np.array([1, 2, 3], np.int64), "all"),
        numpy_helper.from_array(np.array([-1, 1], np.int64), "column"),
        numpy_helper.from_array(np.float32(slope), "slope"),
        numpy_helper.from_array(np.float32(max(0.0, -slope)), "floor"),
    ]
    nodes = [
        helper.make_node("ReduceMean", ["pixels", "channel"], ["grey"], keepdims=1),
        helper.make_node("AveragePool", ["grey"], ["cells"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Mul", ["cells", "slope"], ["tilted"]),
        helper.make_node("Add", ["tilted", "floor"], ["heat"]),
        helper.make_node("ReduceMean", ["pixels", "all"], ["mean"], keepdims=0),
        helper.make_node("Reshape", ["mean", "column"], ["logits"]),
    ]
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["b", 3, "h", "w"])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["b", 1])
    heat_map = helper.make_tensor_value_info("heat", TensorProto.FLOAT, ["b", 1, "r", "c"])
    made = helper.make_graph(nodes, "brightness", [pixels], [logits, heat_map], constants)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def make_model(folder: Path, config: Path, slope: float, task: str = "spots", seen: tuple[str, ...] = ()) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(graph(slope), str(folder / GRAPH))
    (folder / WEIGHTS).write_bytes(b"the graph is written by hand")
    use = DataUse(name="made", labels="pass_flag", rows={}, seen=seen)
    manifest = Manifest(
        task=task, task_version="1", software="0", versions={}, config=read_config(config), seed=0, epoch=0, steps=0,
        seconds=0.0, init="scratch", parameters=0, metrics={}, data=(use,),
    )  # fmt: skip
    write_manifest(manifest, folder)
    return folder


def make_folder(folder: Path, *, masks: bool = True) -> Path:
    """A labelled folder: four spotted pictures of three groups, each spot split between two masks; one clean one."""
    (folder / "masks").mkdir(parents=True)
    lines = ["file,label,split,group,mask,cls"]
    for group, places in PLACES.items():
        for number, (top, left) in enumerate(places):
            name = f"{group}{number}"
            picture = np.random.default_rng(ord(group)).integers(20, 60, (96, 128), dtype=np.uint8)
            picture[top : top + SPOT_PX, left : left + SPOT_PX] += 180
            cv2.imwrite(str(folder / f"{name}.png"), picture)
            halves = {"UP": (top, top + SPOT_PX // 2), "LOW": (top + SPOT_PX // 2, top + SPOT_PX)}
            for kind, (first, last) in halves.items():
                mask = np.zeros((96, 128), np.uint8)
                mask[first:last, left : left + SPOT_PX] = 255
                cv2.imwrite(str(folder / "masks" / f"{name}_{kind}.png"), mask)
            listed = ";".join(f"masks/{name}_{kind}.png" for kind in halves) if masks else ""
            lines.append(f"{name}.png,flag,val,{group},{listed},{'dot' if group == 'a' else 'blot'}")
    cv2.imwrite(str(folder / "clean.png"), np.full((96, 128), 40, np.uint8))
    lines.append("clean.png,pass,val,d,,free")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """TMP/tasks/spots with its models beside it, and TMP/data."""
    write_task("spots", tmp_path / "tasks")
    config = tmp_path / "tasks" / "spots" / "config.yaml"
    values: dict[str, Any] = yaml.safe_load(config.read_text("utf-8"))
    values["labels"][0] |= {"mask_column": "mask", "mask_kinds": ["UP", "LOW"]}
    values["input"] = {"size": None, "channels": 3}
    config.write_text(yaml.safe_dump(values), "utf-8")
    make_folder(tmp_path / "data")
    met = file_sha256(tmp_path / "data" / "b0.png")[:16]
    make_model(tmp_path / "bright", config, 1.0)
    make_model(tmp_path / "dark", config, -1.0, seen=(met,))
    monkeypatch.setenv("INSPECT_AI_TASKS", str(tmp_path / "tasks"))
    return tmp_path


def measured(place: Path, data: str = "data", models: tuple[str, ...] = ("bright", "dark")) -> HeatResult:
    return bench_heat("spots", place / data, [place / m for m in models], out=place / "out", settings=load())


def found_in(place: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((place / "out" / "heat.json").read_text("utf-8"))
    return found


def test_a_map_of_the_defects_hits_all_and_one_of_everything_else_none(place: Path) -> None:
    measured(place)

    bright, dark = found_in(place)["maps"]
    assert (found_in(place)["pictures"], found_in(place)["groups"]) == (4, 3)
    assert bright["figures"]["hit"]["mean"] == 1.0
    assert dark["figures"]["hit"]["mean"] == 0.0
    assert bright["figures"]["area"]["mean"] == pytest.approx(SPOT_PX**2 / (96 * 128))
    assert bright["figures"]["energy"]["mean"] > 3 * bright["figures"]["area"]["mean"]
    assert dark["figures"]["energy"]["mean"] < 0.5 * dark["figures"]["area"]["mean"]


def test_the_second_model_is_compared_with_the_first_on_the_same_pictures(place: Path) -> None:
    measured(place)

    bright, dark = found_in(place)["maps"]
    assert bright["minus_first"] is None
    assert dark["minus_first"]["hit"] == {"mean": -1.0, "low": -1.0, "high": -1.0}


def test_classes_and_kinds_of_lesion_have_figures_of_their_own(place: Path) -> None:
    measured(place)

    bright = found_in(place)["maps"][0]
    assert {n: (c["pictures"], c["groups"]) for n, c in bright["by_class"].items()} == {"blot": (2, 2), "dot": (2, 1)}
    half = bright["by_kind"]["UP"]["figures"]
    assert half["area"]["mean"] == pytest.approx(0.5 * bright["figures"]["area"]["mean"])
    both = half["energy"]["mean"] + bright["by_kind"]["LOW"]["figures"]["energy"]["mean"]
    assert both == pytest.approx(bright["figures"]["energy"]["mean"])


def test_pictures_that_a_model_has_met_are_counted_and_said(place: Path) -> None:
    measured(place)

    assert [m["met_in_training_or_selection"] for m in found_in(place)["maps"]] == [0, 1]
    assert "1 by dark" in (place / "out" / "heat.md").read_text("utf-8")


def test_the_table_holds_each_map_and_chance_with_the_figures_of_the_json(place: Path) -> None:
    measured(place)

    lines = (place / "out" / "heat.md").read_text("utf-8").splitlines()
    energy = found_in(place)["maps"][0]["figures"]["energy"]
    assert any(line.startswith("| all | bright | 1.000") and f"{energy['mean']:.3f}" in line for line in lines)
    assert any(line.startswith("| all | *chance* | 0.047") for line in lines)


def test_the_sheet_shows_every_example_with_its_defect_outlined_in_the_mask_and_map_columns(place: Path) -> None:
    result = measured(place)

    sheet = cv2.imread(str(place / "out" / "sheet.png"))[..., ::-1]
    drawn = (sheet == np.array(OUTLINE, np.uint8)).all(axis=-1).astype(np.uint8)
    closed = cv2.dilate(drawn, np.ones((25, 25), np.uint8))  # a ring drawn over an outline must not cut it in two
    assert len(result.examples) == 4
    assert cv2.connectedComponents(closed)[0] - 1 == 4 * 3  # a picture: in the mask column, and on both maps


def test_a_folder_without_masks_ends_with_a_sentence(place: Path) -> None:
    make_folder(place / "bare", masks=False)

    with pytest.raises(UsageError, match=r"no positive picture of split 'val' has a mask.*give a folder that has them"):
        measured(place, "bare")


def test_a_model_of_another_task_ends_with_a_sentence(place: Path) -> None:
    make_model(place / "foreign", place / "tasks" / "spots" / "config.yaml", 1.0, task="weld")

    with pytest.raises(UsageError, match="model for task weld, not spots"):
        measured(place, models=("foreign",))


def test_a_mask_outside_the_picture_s_unit_ends_with_a_sentence(place: Path) -> None:
    for kind in ("UP", "LOW"):
        cv2.imwrite(str(place / "data" / "masks" / f"b0_{kind}.png"), np.zeros((96, 128), np.uint8))

    with pytest.raises(UsageError, match=r"b0\.png: nothing of its mask"):
        measured(place)


def test_models_of_one_folder_name_are_told_apart_by_their_paths(place: Path) -> None:
    config = place / "tasks" / "spots" / "config.yaml"
    twins = [make_model(place / day / "model", config, 1.0) for day in ("monday", "tuesday")]

    makers = open_makers(task_named("spots", load().tasks), twins, [MapMethod.OWN], load())

    assert [m.name for m in makers] == [str(t) for t in twins]


def test_examples_are_every_kth_picture_by_class_group_and_file_and_never_the_same_twice() -> None:
    rows = [Row(file=f"{i:02d}", label="flag", split="val", group=f"g{i // 6}") for i in range(36)]
    classes = ["crack" if i < 6 else "fray" for i in range(36)]

    assert example_rows(rows, classes) == tuple(range(0, 36, 3))
    assert example_rows(rows[:5], classes[:5]) == (0, 1, 2, 3, 4)
    assert example_rows(rows[::-1], classes[::-1]) == tuple(range(35, -1, -3))


def test_the_command_prints_what_the_json_file_holds(place: Path) -> None:
    arguments = ["spots", "--data", str(place / "data"), "--out", str(place / "out"), "--json"]

    result = CliRunner().invoke(app, [*arguments, "--model", str(place / "bright")])

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == found_in(place)


def test_an_unknown_method_ends_with_a_sentence(place: Path) -> None:

    result = CliRunner().invoke(
        app, ["spots", "--data", str(place / "data"), "--out", str(place / "out"), "--method", "lime"]
    )

    assert isinstance(result.exception, UsageError)
    assert "no method 'lime'" in str(result.exception)
