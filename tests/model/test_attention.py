"""Each kind of attention against a plain softmax, for every shape of grid, and as an exported graph."""

import math
from pathlib import Path
from typing import TypeVar

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from inspect_ai.model.attention import (
    InvertedResidual,
    Separable,
    ShiftedWindow,
    SpatialReduction,
    Stripe,
    attend_in_boxes,
    join,
    make_attention,
    split,
)
from inspect_ai.model.export import export_graph
from inspect_ai.model.network import Network, Serving, for_work
from inspect_ai.model.trunk import SIZES, LateStage, Size, Stage
from tests.model.conftest import config_of

KINDS = ["stripe", "global", "shifted_window", "spatial_reduction", "separable", "none"]
GRIDS = [(4, 6), (5, 7), (1, 3), (3, 4, 6), (3, 5, 7)]
Part = TypeVar("Part", bound=torch.nn.Module)


def plain_masked_softmax(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """[N, h, d] each, seen [N, N] -> [N, h, d], cell by cell."""
    weights = torch.einsum("nhd,mhd->hnm", q, k) / math.sqrt(q.shape[-1])
    weights = weights.masked_fill(~seen, float("-inf")).softmax(-1)
    return torch.einsum("hnm,mhd->nhd", weights, v)


def awake(module: Part) -> Part:
    """Its answer depends on all its weights: as initialised, some are zero."""
    with torch.no_grad():
        for p in module.parameters():
            p.add_(0.1 * torch.randn_like(p))
    module.eval()
    return module


@pytest.mark.parametrize("grid", GRIDS)
def test_stripe_attention_equals_a_plain_masked_softmax(grid: tuple[int, ...]) -> None:
    heads, width = 6, 2
    qkv = torch.randn(2, *grid, 3, heads, 4)

    got = Stripe(24, heads, width).attend(qkv).unflatten(-1, (heads, 4))

    cells = torch.stack(torch.meshgrid(*[torch.arange(n) for n in grid], indexing="ij"), -1).flatten(0, -2)
    share = heads // len(grid)
    for sample in range(2):
        for axis in range(len(grid)):
            others = [a for a in range(len(grid)) if a != axis]
            stripe = torch.stack([cells[:, a] // width for a in others], -1)
            seen = (stripe[:, None] == stripe[None]).all(-1)
            mine = slice(axis * share, (axis + 1) * share)
            q, k, v = qkv[sample, ..., mine, :].flatten(0, -4).unbind(1)
            expected = plain_masked_softmax(q, k, v, seen).unflatten(0, grid)
            torch.testing.assert_close(got[sample, ..., mine, :], expected)


@pytest.mark.parametrize(("grid", "box"), [((4, 6), (2, 3)), ((4, 6), (4, 2)), ((2, 4, 6), (1, 2, 6))])
def test_a_box_holds_the_cells_that_lie_in_it_and_goes_back_where_it_came_from(
    grid: tuple[int, ...], box: tuple[int, ...]
) -> None:
    qkv = torch.randn(2, *grid, 3, 2, 5)

    boxes = split(qkv, box)

    corner = qkv[0][tuple(slice(side) for side in box)]  # the first box, cut out
    assert torch.equal(boxes[0], corner.flatten(0, -4))
    assert torch.equal(join(boxes[:, :, 2].transpose(1, 2), grid, box), qkv[..., 2, :, :].flatten(-2))


@pytest.mark.parametrize("grid", GRIDS)
def test_separable_attention_is_each_sample_s_weighted_mean_of_k_times_rectified_v(grid: tuple[int, ...]) -> None:
    kind, x = Separable(8), torch.randn(2, *grid, 8)
    torch.nn.init.zeros_(kind.local.weight)
    torch.nn.init.zeros_(kind.local.bias)  # type: ignore[arg-type]  # it has a bias
    score, key, value = (
        x.numpy() @ w.detach().numpy().T + b.detach().numpy()
        for w, b in zip(kind.skv.weight.split([1, 8, 8]), kind.skv.bias.split([1, 8, 8]), strict=True)
    )

    got = kind(x)

    for sample in range(2):
        weights = np.exp(score[sample]) / np.exp(score[sample]).sum()
        context = sum(weights[cell] * key[sample][cell] for cell in np.ndindex(grid))
        expected = kind.out(torch.from_numpy(np.maximum(value[sample], 0) * context))
        torch.testing.assert_close(got[sample], expected, atol=1e-5, rtol=1e-4)


def test_an_inverted_residual_reaches_one_cell_along_each_axis_and_no_further() -> None:
    kind, x = awake(InvertedResidual(6)), torch.randn(1, 5, 7, 7, 6)
    touched = x.clone()
    touched[0, 2, 3, 3] += 1.0

    changed = (kind(touched) - kind(x))[0].abs().sum(-1) > 1e-6

    assert changed.nonzero().amin(0).tolist() == [1, 2, 2]
    assert changed.nonzero().amax(0).tolist() == [3, 4, 4]


def test_an_inverted_residual_starts_without_depth_and_about_as_many_weights_as_attention() -> None:
    kind, volume = InvertedResidual(96), torch.randn(1, 3, 4, 4, 96)

    slices = torch.cat([kind(volume[:, i]) for i in range(3)])

    torch.testing.assert_close(kind(volume)[0], slices)
    weights = [sum(p.numel() for p in k.parameters()) for k in (kind, Stripe(96, 6))]
    assert weights[0] == pytest.approx(weights[1], rel=0.06)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("grid", GRIDS)
def test_every_kind_keeps_the_shape_of_any_grid_and_stays_finite(kind: str, grid: tuple[int, ...]) -> None:
    x = torch.randn(2, *grid, 24)

    y = make_attention(kind, 24, 6, 1)(x)

    assert y.shape == x.shape
    assert torch.isfinite(y).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("grid", [(5, 7), (3, 4, 6)])
def test_no_kind_looks_at_the_other_samples_of_its_batch(kind: str, grid: tuple[int, ...]) -> None:
    attention, x = awake(make_attention(kind, 24, 6, 1)), torch.randn(3, *grid, 24)

    together = attention(x)

    assert together.std() > 1e-2  # else this test could not fail
    torch.testing.assert_close(together, torch.cat([attention(one[None]) for one in x]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_reach_every_parameter_of_every_kind(kind: str) -> None:
    stage = LateStage(kind, 24, 6, 2, 0.0)

    stage(torch.randn(2, 3, 5, 8, 24)).square().sum().backward()

    assert [n for n, p in stage.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_of_any_kind_gives_a_volume_of_one_slice_its_picture_s_answer(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SIZES, "tiny", SMALLEST)
    network, picture = awake(Network(config_of(size="tiny", attention=kind))), torch.rand(2, 1, 64, 96)

    torch.testing.assert_close(network(picture[:, :, None]).logits, network(picture).logits)


@pytest.mark.parametrize("margins", [None, [(2, 2), (2, 3)], [(3, 4), (4, 9)]])
def test_padded_cells_are_never_seen(margins: list[tuple[int, int]] | None) -> None:
    qkv = torch.randn(1, 5, 7, 3, 2, 4)
    constant = qkv.clone()
    constant[..., 2, :, :] = 1.0  # were a padded zero seen, the mean of ones would fall below one

    seen = attend_in_boxes(constant, [3, 4], margins=margins)

    torch.testing.assert_close(seen, torch.ones_like(seen))


def test_shifted_windows_join_what_plain_windows_part() -> None:
    qkv = torch.zeros(1, 1, 8, 3, 1, 2)
    qkv[0, 0, 4, 2] = 1.0  # a value just right of the border between windows of four

    plain = attend_in_boxes(qkv, [1, 4])
    shifted = attend_in_boxes(qkv, [1, 4], margins=[(0, 0), (2, 2)])

    assert plain[0, 0, 3].abs().sum() == 0
    assert shifted[0, 0, 3].abs().sum() > 0


@pytest.mark.parametrize(("size", "sees"), [(7, 7), (8, 3)])
def test_windows_shift_by_half_where_the_axis_is_longer_than_one(size: int, sees: int) -> None:
    kind, x = awake(ShiftedWindow(24, 6, shift=True)), torch.randn(1, 1, size, 24)
    torch.nn.init.zeros_(kind.local.weight)
    touched = x.clone()
    touched[0, 0, 0] += 1.0

    changed = (kind(touched) - kind(x))[0, 0].abs().sum(-1) > 1e-6

    assert changed.sum() == sees  # the border lies half a window, three cells, from the left


def test_log_spaced_bias_depends_on_offsets_alone() -> None:
    bias = ShiftedWindow(24, 6).log_spaced_bias([3, 3])

    assert bias.shape == (6, 9, 9)
    torch.testing.assert_close(bias[:, 0, 1], bias[:, 3, 4])
    assert not torch.allclose(bias[:, 0, 1], bias[:, 1, 0])


def test_spatial_reduction_sees_the_mean_of_each_box_and_of_what_the_border_leaves() -> None:
    qkv = torch.zeros(1, 3, 3, 3, 1, 2)  # all logits equal: the answer is the mean over boxes of their means
    value = torch.tensor([[1.0, 1.0, 5.0], [1.0, 1.0, 7.0], [2.0, 4.0, 9.0]])
    qkv[0, ..., 2, 0, :] = value[..., None]

    seen = SpatialReduction(2, 1).attend(qkv)

    torch.testing.assert_close(seen, torch.full_like(seen, (1.0 + 6.0 + 3.0 + 9.0) / 4))


# Exported graphs. A trunk with every stride of the real ones, as narrow as it can be, since exporting takes long.

SMALLEST = Size(
    stem=8,
    stages=(Stage(8, 1, 3, 2, 1), Stage(8, 1, 3, 2, 1), Stage(12, 1, 3, 2, 1)),
    late=((12, 6, 2), (24, 6, 2)),
    readout=12,
)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_exported_graph_of_every_kind_agrees_with_torch_at_any_size(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SIZES, "tiny", SMALLEST)
    config = config_of(size="tiny", attention=kind)
    network = for_work(awake(Network(config)))
    export_graph(network, config, tmp_path)
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])

    for batch, height, width in ((1, 64, 96), (3, 224, 160), (1, 480, 256)):
        pixels = torch.rand(batch, 1, height, width) * torch.linspace(1.0, 0.2, batch)[:, None, None, None]
        expected = Serving(network)(pixels)
        assert batch == 1 or expected[0].std() > 1e-3  # else a graph could be wrong unseen
        got = session.run(None, {"pixels": pixels.numpy()})
        for a, b in zip(got, expected, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5, rtol=1e-4)
    if kind == "stripe":  # a grid of multiples of 32 px divides: its graph neither pads nor masks
        kinds_of_node = [node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node]
        assert "Where" not in kinds_of_node
