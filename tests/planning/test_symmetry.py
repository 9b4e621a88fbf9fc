"""Turns and mirrors that change the look are found on pixels alone, also where they change it for each label only."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from inspect_ai.domain import Floats
from inspect_ai.planning.symmetry import Symmetry, symmetries, view_of

COUNT, SIDE = 60, 96


def clouds(seed: int, along: float, across: float, angle: float = 0.0) -> Floats:
    """[SIDE, SIDE] noise smoothed more along one direction than across it, turned by `angle` degrees."""
    wide = np.random.default_rng(seed).standard_normal((2 * SIDE, 2 * SIDE)).astype(np.float32)
    smooth = cv2.GaussianBlur(wide, (0, 0), sigmaX=along, sigmaY=across)
    turn = cv2.getRotationMatrix2D((SIDE, SIDE), angle, 1.0)
    half = SIDE // 2
    middle = cv2.warpAffine(smooth, turn, (2 * SIDE, 2 * SIDE))[half : half + SIDE, half : half + SIDE]
    return np.asarray(0.5 + 0.1 * middle / middle.std(), np.float32)


def measured(
    picture: Callable[[int], Floats], labels: list[str] | None = None, positive: list[bool] | None = None
) -> dict[str, Symmetry]:
    views = [view_of(picture(seed)) for seed in range(COUNT)]
    return symmetries(views, labels or ["part"] * COUNT, positive or [True] * COUNT, [f"part{i}" for i in range(COUNT)])


def test_round_parts_look_the_same_however_they_are_turned() -> None:
    found = measured(lambda seed: clouds(seed, 2.0, 2.0))

    assert max(one.shape_low for one in found.values()) < 0.6
    assert max(one.look_low for one in found.values()) < 0.6


def test_stripes_that_run_one_way_are_told_by_quarter_turns_and_not_by_mirrors() -> None:
    found = measured(lambda seed: clouds(seed, 8.0, 1.0))

    assert found["quarter_turn"].shape_low > 0.95
    assert found["any_angle"].shape_low > 0.8
    assert found["mirror"].shape_low < 0.6


def test_slanted_stripes_are_told_by_mirrors() -> None:
    found = measured(lambda seed: clouds(seed, 8.0, 1.0, angle=30.0))

    assert found["mirror"].shape_low > 0.95


def test_light_from_one_side_changes_the_look_and_not_the_shape() -> None:
    light = np.linspace(0.0, 0.3, SIDE, dtype=np.float32)[:, None]

    found = measured(lambda seed: clouds(seed, 2.0, 2.0) + light)

    assert found["upside_down"].look_low > 0.9
    assert found["upside_down"].shape_low < 0.7
    assert found["mirror"].look_low < 0.6


def test_labels_that_differ_by_direction_alone_forbid_the_turn_that_exchanges_them() -> None:
    lying = [seed % 2 == 0 for seed in range(COUNT)]
    labels = ["lying" if lies else "standing" for lies in lying]

    found = measured(lambda seed: clouds(seed, *((8.0, 1.0) if lying[seed] else (1.0, 8.0))), labels, lying)

    assert found["quarter_turn"].crossing > 0.9  # a turned "lying" picture looks like "standing"
    assert found["quarter_turn"].shape_low > 0.9  # seen within each label, though not in the whole
    assert found["mirror"].crossing < 0.65


@pytest.mark.parametrize("shape", [(96, 240), (240, 96), (40, 40)])
def test_views_are_square_whatever_the_picture_is(shape: tuple[int, int]) -> None:
    view = view_of(np.zeros(shape, np.float32))

    assert view.whole.shape == (128, 128)
    assert view.piece.shape == (min(shape), min(shape))
