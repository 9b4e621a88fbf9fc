"""Each kind of attention against a plain softmax, and for every shape of grid."""

import math

import pytest
import torch

from inspect_ai.model.attention import Global, ShiftedWindow, SpatialReduction, Stripe, attend_in_boxes, join, split

KINDS = [Stripe, Global, ShiftedWindow, SpatialReduction]
GRIDS = [(4, 6), (5, 7), (1, 3), (3, 4, 6), (3, 5, 7)]


def plain_masked_softmax(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """[N, h, d] each, seen [N, N] -> [N, h, d], cell by cell."""
    weights = torch.einsum("nhd,mhd->hnm", q, k) / math.sqrt(q.shape[-1])
    weights = weights.masked_fill(~seen, float("-inf")).softmax(-1)
    return torch.einsum("hnm,mhd->nhd", weights, v)


@pytest.mark.parametrize("grid", GRIDS)
def test_stripe_attention_equals_a_plain_masked_softmax(grid: tuple[int, ...]) -> None:
    heads, width = 6, 2
    qkv = torch.randn(2, *grid, 3, heads, 4)

    got = Stripe(24, heads, width).attend(qkv)

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


@pytest.mark.parametrize("grid", [(4, 6), (2, 4, 6)])
def test_split_and_join_are_inverse(grid: tuple[int, ...]) -> None:
    x = torch.randn(2, *grid, 5)
    box = [2] * len(grid)

    assert torch.equal(join(split(x, box), grid, box), x)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("grid", GRIDS)
def test_every_kind_keeps_the_shape_of_any_grid_and_stays_finite(kind: type, grid: tuple[int, ...]) -> None:
    x = torch.randn(2, *grid, 24)

    y = kind(24, 6)(x)

    assert y.shape == x.shape
    assert torch.isfinite(y).all()


@pytest.mark.parametrize("offset", [None, [1, 2]])
def test_padded_cells_are_never_seen(offset: list[int] | None) -> None:
    qkv = torch.randn(1, 5, 7, 3, 2, 4)
    constant = qkv.clone()
    constant[..., 2, :, :] = 1.0  # were a padded zero seen, the mean of ones would fall below one

    seen = attend_in_boxes(constant, [3, 4], offset=offset)

    torch.testing.assert_close(seen, torch.ones_like(seen))


def test_shifted_windows_join_what_plain_windows_part() -> None:
    qkv = torch.zeros(1, 1, 8, 3, 1, 2)
    qkv[0, 0, 4, 2] = 1.0  # a value just right of the border between windows of four

    plain = attend_in_boxes(qkv, [1, 4])
    shifted = attend_in_boxes(qkv, [1, 4], offset=[0, 2])

    assert plain[0, 0, 3].abs().sum() == 0
    assert shifted[0, 0, 3].abs().sum() > 0


def test_log_spaced_bias_depends_on_offsets_alone() -> None:
    bias = ShiftedWindow(24, 6).log_spaced_bias([3, 3])

    assert bias.shape == (6, 9, 9)
    torch.testing.assert_close(bias[:, 0, 1], bias[:, 3, 4])
    assert not torch.allclose(bias[:, 0, 1], bias[:, 1, 0])
