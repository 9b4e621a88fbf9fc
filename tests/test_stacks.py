"""Slices around a slice, and windows of them."""

import numpy as np
import pytest

from inspect_ai.config import Input
from inspect_ai.stacks import centred, cut, neighbours, offset, window_unit


@pytest.mark.parametrize(
    ("count", "key", "depth", "expected"),
    [
        (5, 2, 5, [0, 1, 2, 3, 4]),
        (3, 1, 5, [0, 0, 1, 2, 2]),
        (2, 0, 3, [0, 0, 1]),
        (9, 4, 1, [4]),
        (1, 0, 3, [0, 0, 0]),
    ],
)
def test_a_stack_that_ends_sooner_repeats_its_last_slice(count: int, key: int, depth: int, expected: list[int]) -> None:
    assert neighbours(count, key, depth) == expected


def test_a_window_of_native_pixels_is_the_pixels_themselves() -> None:
    slices = np.random.default_rng(0).integers(0, 255, (2, 40, 50)).astype(np.uint8)

    window = cut(slices, (19.5, 24.5), 10, 10)

    assert np.array_equal(window, slices[:, 15:25, 20:30])


def test_a_unit_of_a_window_knows_where_its_pixels_lie() -> None:
    rows, cols = np.mgrid[:60, :80].astype(np.float32)
    slices = np.stack([rows / 100, cols / 100])

    unit = window_unit(slices, 0, (30.0, 40.0), Input(size=32, window=16, depth=2))

    at = 5, 20
    row, col = (origin + scale * index for origin, scale, index in zip(unit.origin_px, unit.scale_px, at, strict=True))
    assert unit.pixels.shape == (1, 2, 32, 32)
    assert unit.pixels[0, 0][at] * 100 == pytest.approx(row, abs=0.05)
    assert unit.pixels[0, 1][at] * 100 == pytest.approx(col, abs=0.05)


def test_one_slice_deep_a_window_is_a_picture() -> None:
    slices = np.random.default_rng(0).random((3, 64, 64), np.float32)

    picture = window_unit(slices, 1, (31.5, 31.5), Input(size=64, window=64)).pixels

    assert np.array_equal(picture, slices[1][None])


def test_what_lay_off_the_middle_lies_in_it() -> None:
    votes = np.zeros((65, 65), np.uint8)
    votes[10:13, 50:55] = 2

    by = offset(votes)

    assert by == (11 - 32, 52 - 32)
    assert centred(votes, by)[32, 32] == 2
    assert offset(np.zeros((8, 8), np.uint8)) == (0, 0)
