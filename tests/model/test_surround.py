"""What a picture does not show gives no evidence: neither attention nor strongest cells, at work and in training."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from inspect_ai.config import Augment, TaskConfig, config_sha256, parse_config
from inspect_ai.domain import Unit, UnitOutput
from inspect_ai.inspection.predict import inside
from inspect_ai.model.engine import OnnxEngine
from inspect_ai.model.export import export_graph
from inspect_ai.model.network import Network, Serving, for_work, shown_cells
from inspect_ai.training.augment import PictureAugment
from tests.support.labelled import LABELS

SIDE = 128


def config(surround: float | None) -> TaskConfig:
    labels = [{**LABELS[0], "mask_column": "mask"}]
    network = {"size": "tiny", "init": "scratch", "decision": "both"}
    return parse_config(
        {"name": "eyes", "labels": labels, "network": network, "input": {"channels": 3, "surround": surround}}, "test"
    )


def disc(side: int = SIDE) -> NDArray[np.bool_]:
    """[side, side], True inside the largest circle."""
    rows, columns = np.mgrid[:side, :side]
    return np.asarray(np.hypot(rows - side / 2 + 0.5, columns - side / 2 + 0.5) < side / 2)


def photograph(seed: int = 0) -> torch.Tensor:
    """[1, 3, 128, 128] noise in a circle, 0.5 around it."""
    noise = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))
    return torch.where(torch.from_numpy(disc()), noise, torch.tensor(0.5))


def network(surround: float | None) -> Network:
    torch.manual_seed(0)
    return Network(config(surround)).eval()


def corner_attention(net: Network) -> float:
    """Attention at the finest scale on its four corner cells, 8 px wide, where a circle shows nothing."""
    with torch.no_grad():
        fine = net(photograph()).attention[0][0, 0]  # [16, 16]
    return float(fine[[0, 0, -1, -1], [0, -1, 0, -1]].sum())


def test_cells_outside_a_round_field_get_no_attention() -> None:
    assert corner_attention(network(None)) > 1e-4  # so the corners could get some
    assert corner_attention(network(0.5)) == 0.0


def test_the_strongest_cell_is_never_outside_the_field() -> None:
    net = network(0.5)
    with torch.no_grad():
        evidence = net(photograph()).evidence

    assert evidence is not None
    assert float(evidence[0, 0, 0]) == -30.0
    assert float(evidence[0, 8, 8]) > -10.0


def test_a_cell_counts_when_any_pixel_of_it_shows_something() -> None:
    pixels = torch.full((2, 3, 64, 64), 128 / 255)  # what 0.5 is in eight bits
    pixels[0, 1, 9, 17] = 0.9

    eight, sixteen, thirty_two = shown_cells(pixels, 0.5)

    assert eight[0].nonzero().tolist() == [[1, 2]]
    assert sixteen[0].nonzero().tolist() == [[0, 1]]
    assert thirty_two[0].nonzero().tolist() == [[0, 0]]
    assert eight[1].all()  # an empty picture is read whole: a softmax needs something


def test_the_graph_leaves_out_the_same_cells(tmp_path: Path) -> None:
    net = for_work(network(0.5))
    export_graph(net, config(0.5), tmp_path)
    unit = Unit(pixels=photograph()[0].numpy())

    engine = OnnxEngine(tmp_path, config(0.5), threads=1)
    (served,) = engine.run([unit])
    with torch.no_grad():
        logits, heat, _ = Serving(net)(torch.from_numpy(unit.pixels[None]))

    np.testing.assert_allclose(served.logits, logits[0].numpy(), atol=1e-3)
    np.testing.assert_allclose(served.heat, heat[0].numpy(), atol=1e-4)


def test_light_changes_in_training_and_the_surround_stays() -> None:
    pixels = np.ascontiguousarray(np.round(photograph()[0].numpy().transpose(1, 2, 0) * 255).astype(np.uint8))
    lit = Augment(brightness=0.5, contrast=0.5, noise=1.0, scale=0, shift=0, rotate90=False)

    kept, _ = PictureAugment(lit, seed=1, surround=0.5)(pixels, None)
    changed, _ = PictureAugment(lit, seed=1)(pixels, None)

    corner = np.s_[:12, :12]
    assert (kept[corner] == 128).all()
    assert not (changed[corner] == 128).all()
    assert (kept[40:80, 40:80] == changed[40:80, 40:80]).all()


def test_heat_at_work_lies_where_the_unit_shows_its_object_and_keeps_its_sum() -> None:
    heat = np.full((2, 16, 16), 0.1 / 256, np.float32)
    heat[0, 0, 0], heat[0, 8, 8] = 0.8, 0.1  # the peak in the corner
    unit = Unit(pixels=photograph()[0].numpy(), shown=disc())

    found = inside(unit, UnitOutput(logits=np.zeros(2, np.float32), heat=heat))

    assert np.unravel_index(int(found.heat[0].argmax()), (16, 16)) == (8, 8)
    assert found.heat[0, 0, 0] == 0.0
    np.testing.assert_allclose(found.heat.sum(axis=(1, 2)), heat.sum(axis=(1, 2)), rtol=1e-5)


def test_heat_that_lies_outside_alone_is_spread_over_the_object() -> None:
    heat = np.zeros((1, 16, 16), np.float32)
    heat[0, 0, 0] = 1.0
    unit = Unit(pixels=photograph()[0].numpy(), shown=disc())

    found = inside(unit, UnitOutput(logits=np.zeros(1, np.float32), heat=heat)).heat[0]

    assert found[0, 0] == 0.0
    assert len(np.unique(found[found > 0])) == 1
    assert float(found.sum()) == pytest.approx(1.0)


def test_a_configuration_without_a_surround_has_the_digest_that_it_always_had() -> None:
    """So that thresholds which were proved before this key existed still belong to their configuration."""
    plain = config(None)

    assert config_sha256(plain) != config_sha256(config(0.5))
    assert config_sha256(plain) == "66fd9791d841986df3214a6254de05405c2006750fc20e93ada069f270ba5ad8"
