"""A network for stacks in the serving engine: a graph for stacks beside that for single slices."""

from pathlib import Path

import numpy as np
import pytest
import torch

from inspect_ai.domain import Unit
from inspect_ai.errors import SetupError
from inspect_ai.model.engine import open_engine
from inspect_ai.model.export import export_graph
from inspect_ai.model.manifest import STACK_GRAPH, Manifest, read_manifest, write_manifest
from inspect_ai.model.network import Network, for_work
from inspect_ai.model.weights import save_weights
from tests.support.stacks import stacks_config


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained tiny network for three slices of 64 pixels."""
    config = stacks_config(network={"size": "tiny", "init": "scratch", "views": "flips"})
    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    network = Network(config)
    for stage in (network.trunk.late_16, network.trunk.late_32):  # zero at the start: depth would not count
        torch.nn.init.normal_(stage.depth_position.weight, std=0.3)  # type: ignore[union-attr]
    with torch.no_grad():
        for _ in range(12):  # statistics of the batch norms, without which an untrained network fades to a constant
            network.train()(torch.rand(4, 1, 3, 64, 64))
    network = for_work(network)
    save_weights(network, folder)
    export_graph(network, config, folder)
    manifest = Manifest(
        task="stacks", task_version="1", software="0", versions={}, config=config, seed=0, epoch=0, steps=0,
        seconds=0.0, init="scratch", parameters=0, metrics={}, data=(),
    )  # fmt: skip
    write_manifest(manifest, folder)
    return folder


def unit(*shape: int) -> Unit:
    return Unit(pixels=np.random.default_rng(0).random(shape, np.float32))


@pytest.mark.parametrize("shape", [(1, 3, 64, 64), (1, 64, 64)])
def test_both_engines_give_one_answer_for_stacks_and_for_slices(model: Path, shape: tuple[int, ...]) -> None:
    (served,) = open_engine(model, kind="onnx").run([unit(*shape)])
    (reference,) = open_engine(model, kind="torch").run([unit(*shape)])

    assert served.logits == pytest.approx(reference.logits, abs=1e-4)
    assert served.heat.shape == reference.heat.shape == (1, 8, 8)
    assert served.features == pytest.approx(reference.features, abs=1e-3)


def test_the_order_of_the_slices_counts(model: Path) -> None:
    one = unit(1, 3, 64, 64)
    other = Unit(pixels=np.ascontiguousarray(one.pixels[:, [1, 0, 2]]))

    first, second = open_engine(model).run([one, other])

    assert abs(float(first.logits[0] - second.logits[0])) > 1e-4


def test_the_digest_of_the_stack_graph_is_checked(model: Path, tmp_path: Path) -> None:
    for file in model.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    engine = open_engine(tmp_path)
    assert engine.problems == ()
    assert engine.read[STACK_GRAPH] == read_manifest(tmp_path).stack_graph_sha256

    graph = bytearray((tmp_path / STACK_GRAPH).read_bytes())
    graph += b"\x00" * 0 + bytes([0x1A, 0x00])  # an empty producer name: the same graph in other bytes
    (tmp_path / STACK_GRAPH).write_bytes(bytes(graph))

    assert open_engine(tmp_path).problems == ("stacks.onnx is not the file that its manifest describes",)


def test_without_its_graph_a_network_for_stacks_does_not_open(model: Path, tmp_path: Path) -> None:
    for file in model.iterdir():
        if file.name != STACK_GRAPH:
            (tmp_path / file.name).write_bytes(file.read_bytes())

    with pytest.raises(SetupError, match=r"stacks\.onnx cannot be loaded"):
        open_engine(tmp_path)
