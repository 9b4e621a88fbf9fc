"""A model.onnx that was made elsewhere: read by its own names, refused with a sentence where it does not fit."""

import hashlib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto

from inspect_ai.config import TaskConfig, read_config
from inspect_ai.domain import Unit
from inspect_ai.errors import SetupError, UsageError
from inspect_ai.model.engine import Engine, open_engine
from inspect_ai.plugins import hottest
from tests.support.foreign import GAIN, foreign_graph, make_foreign_task


def opened(folder: Path, kind: str = "onnx") -> Engine:
    return open_engine(folder, kind=kind, config=config_of(folder))


def config_of(folder: Path) -> TaskConfig:
    return read_config(folder / "config.yaml")


def unit_of(value: float, side: int = 224) -> Unit:
    return Unit(pixels=np.full((3, side, side), value, np.float32))


def add_to_answer(graph: onnx.ModelProto, tensor: str) -> None:
    """Add the sum of a tensor to the first output."""
    graph.graph.node.append(onnx.helper.make_node("ReduceSum", [tensor], ["total"], keepdims=0))
    graph.graph.node.append(onnx.helper.make_node("Add", ["raw", "total"], ["sum"]))
    graph.graph.output[0].name = "sum"


def test_a_graph_alone_is_known_by_its_own_digest_and_says_nothing_of_its_training(tmp_path: Path) -> None:
    folder = make_foreign_task(tmp_path)

    engine = opened(folder)

    assert engine.model_sha256 == hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest()
    assert engine.manifest.foreign
    assert (engine.manifest.init, engine.manifest.data, engine.manifest.metrics) == ("elsewhere", (), {})
    assert engine.problems == ()


def test_without_names_outputs_are_read_by_order_and_a_single_one_leaves_no_heat(tmp_path: Path) -> None:
    (alone,) = opened(make_foreign_task(tmp_path / "a")).run([unit_of(0.6)])
    (all_three,) = opened(make_foreign_task(tmp_path / "b", foreign_graph("raw", "map", "vector"))).run([unit_of(0.6)])

    assert alone.logits == pytest.approx([0.1 * GAIN], abs=5e-3)
    assert alone.heat.shape == (1, 0, 0)
    assert alone.features is None
    assert all_three.logits == pytest.approx([0.1 * GAIN], abs=5e-3)
    assert all_three.heat.shape == (1, 28, 28)
    assert all_three.features == pytest.approx([0.6] * 3, abs=5e-3)


def test_with_a_name_outputs_are_found_in_any_order_and_others_are_not_read(tmp_path: Path) -> None:
    graph = foreign_graph("count", "vector", "map", "raw", names=("label", "features", "heat", "logits"))

    (output,) = opened(make_foreign_task(tmp_path, graph)).run([unit_of(0.4)])

    assert output.logits == pytest.approx([-0.1 * GAIN], abs=5e-3)
    assert output.heat.shape == (1, 28, 28)
    assert output.features is not None


def test_heat_of_any_resolution_peaks_where_the_picture_is_hot(tmp_path: Path) -> None:
    unit = unit_of(0.1)
    unit.pixels[:, 144:176, 48:80] = 1.0

    (output,) = opened(make_foreign_task(tmp_path, foreign_graph("raw", "map"))).run([unit])

    row, col, _ = hottest(output.heat[0], unit)
    assert 144 <= row < 176
    assert 48 <= col < 80


def test_a_graph_of_one_size_and_a_batch_of_one_runs(tmp_path: Path) -> None:
    engine = opened(make_foreign_task(tmp_path, foreign_graph(shape=(1, 3, 224, 224))))

    assert len(engine.run([unit_of(0.2), unit_of(0.7)])) == 2


REFUSED = {
    "rank": (foreign_graph(shape=("b", 3, "h")), "takes 'image' as float [b, 3, h]; task bright needs float32 [B, 3,"),
    "volume": (foreign_graph(shape=("b", 3, "d", "h", "w")), "[b, 3, d, h, w]; task bright needs float32 [B, 3, H, W]"),
    "channels": (foreign_graph(shape=("b", 1, "h", "w")), "Set input.channels: 1 in config.yaml"),
    "float16": (foreign_graph(kind=TensorProto.FLOAT16), "as float16 [b, 3, h, w]; task bright needs float32"),
    "batch": (foreign_graph(shape=(4, 3, "h", "w")), "task bright needs float32 [B, 3, H, W], where B is 1"),
    "size": (foreign_graph(shape=("b", 3, 96, 96)), "Set input.size: 96 and input.multiple: 32 in config.yaml"),
    "odd size": (foreign_graph(shape=("b", 3, 518, 518)), "Set input.size: 518 and input.multiple: 2 in config.yaml"),
    "oblong": (foreign_graph(shape=("b", 3, 224, 320)), "where H and W are free or equal"),
    "outputs": (foreign_graph("softmax"), "'softmax' as float32 [1, 2], read as logits; task bright needs floats [1,"),
    "vector": (foreign_graph("flat"), "gives 'flat' as float32 [1], read as logits"),
    "integers": (foreign_graph("count"), "gives 'count' as int64 [1, 1], read as logits"),
    "heat": (foreign_graph("raw", "wide"), "read as heat; task bright needs floats [1, 1, h, w]"),
    "features": (foreign_graph("raw", "map", "flat"), "read as features; task bright needs floats [1, F]"),
    "inputs": (foreign_graph(inputs=("image", "mask")), "takes image, mask; one input, or one called pixels"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_a_graph_that_does_not_fit_is_refused_with_what_it_has_and_what_is_needed(what: str, tmp_path: Path) -> None:
    graph, said = REFUSED[what]
    folder = make_foreign_task(tmp_path, graph)

    with pytest.raises(SetupError) as refused:
        opened(folder)

    assert said in str(refused.value)
    assert str(folder / "model.onnx") in str(refused.value)


def test_the_size_that_a_refusal_names_is_taken(tmp_path: Path) -> None:
    folder = make_foreign_task(tmp_path, foreign_graph(shape=("b", 3, 518, 518)), size="518\n  multiple: 2")

    assert len(opened(folder).run([unit_of(0.5, 518)])) == 1


def test_a_graph_of_one_size_needs_a_configured_size(tmp_path: Path) -> None:
    folder = make_foreign_task(tmp_path, foreign_graph(shape=("b", 3, 224, 224)), size="null")

    with pytest.raises(SetupError, match="would give it pictures of any size"):
        opened(folder)


def test_a_graph_that_fails_on_the_configured_size_is_refused_when_it_is_loaded(tmp_path: Path) -> None:
    graph = foreign_graph()
    graph.graph.node.append(onnx.helper.make_node("Reshape", ["image", "fixed"], ["unused"]))
    graph.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1, 3 * 96 * 96], np.int64), "fixed"))
    add_to_answer(graph, "unused")

    with pytest.raises(SetupError, match=r"fails on float32 \[1, 3, 224, 224\]"):
        opened(make_foreign_task(tmp_path, graph))


def test_weights_in_a_second_file_are_refused_wherever_the_program_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = foreign_graph()
    graph.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros(4096, np.float32), "weights"))
    add_to_answer(graph, "weights")
    folder = make_foreign_task(tmp_path, graph)
    assert opened(folder)
    onnx.save_model(graph, folder / "model.onnx", save_as_external_data=True, location="model.onnx.data")
    assert onnxruntime.InferenceSession(str(folder / "model.onnx"))  # a sound graph, and yet
    monkeypatch.chdir(folder)

    with pytest.raises(SetupError, match="keeps its weights in a second file"):
        opened(folder)


def test_bytes_that_are_no_graph_are_refused_with_the_words_of_the_engine(tmp_path: Path) -> None:
    folder = make_foreign_task(tmp_path)
    (folder / "model.onnx").write_bytes(b"no such thing")

    with pytest.raises(SetupError, match="ONNX Runtime says"):
        opened(folder)


def test_the_reference_engine_needs_weights_and_says_so(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"made elsewhere and no weights\.safetensors: engine torch cannot run it"):
        opened(make_foreign_task(tmp_path), kind="torch")


@pytest.mark.parametrize("file", ["manifest.json", "weights.safetensors"])
def test_a_folder_with_more_than_the_graph_is_a_model_of_ours_that_is_damaged(file: str, tmp_path: Path) -> None:
    folder = make_foreign_task(tmp_path)
    (folder / file).write_bytes(b"{}")

    with pytest.raises(SetupError, match=r"manifest\.json is (damaged|missing)"):
        opened(folder)


def test_a_task_may_read_more_numbers_than_its_config_has_outputs(tmp_path: Path) -> None:
    folder = make_foreign_task(tmp_path / "a", foreign_graph("softmax"), config="options: {graph_outputs: 2}\n")
    wrong = make_foreign_task(tmp_path / "b", foreign_graph("softmax"), config="options: {graph_outputs: two}\n")

    (output,) = opened(folder).run([unit_of(0.6)])

    assert output.logits.sum() == pytest.approx(1.0)
    with pytest.raises(UsageError, match="Option graph_outputs of task bright is 'two'"):
        opened(wrong)
