"""Heat maps lie over what they belong to, and marks over what was found."""

import numpy as np
import pytest

from inspect_ai.domain import Unit, UnitOutput
from inspect_ai.inspection.pictures.heat_map import heat_map


def output(rows: int, cols: int, hot: tuple[int, int]) -> UnitOutput:
    heat = np.zeros((1, rows, cols), np.float32)
    heat[0][hot] = 1.0
    return UnitOutput(logits=np.array([2.0], np.float32), heat=heat)


@pytest.mark.parametrize("side", [97, 128, 250])
def test_the_hot_cell_of_a_padded_picture_lies_where_the_network_saw_it(side: int) -> None:
    unit = Unit(pixels=np.zeros((1, side, side), np.float32))
    cells = -(-side // 32) * 32 // 8  # the network's stride is 8 over the padded picture
    row, col = cells // 4, cells // 2

    heat = heat_map([unit], [output(cells, cells, (row, col))], 0, (side, side), (side, side), 32)

    r, c = np.unravel_index(int(heat.argmax()), heat.shape)
    assert abs(r - (row + 0.5) * 8) <= 4
    assert abs(c - (col + 0.5) * 8) <= 4
    assert heat.max() == 1.0


def test_a_crop_at_another_scale_is_laid_back_over_its_place() -> None:
    unit = Unit(pixels=np.zeros((1, 64, 64), np.float32), origin_px=(100.0, 40.0), scale_px=(0.5, 0.5))

    heat = heat_map([unit], [output(8, 8, (0, 7))], 0, (200, 200), (200, 200), 32)

    r, c = np.unravel_index(int(heat.argmax()), heat.shape)
    assert 100 <= r <= 104  # first row, last column of a patch of 32 source pixels
    assert 68 <= c <= 72
    outside = heat.copy()
    outside[100:132, 40:72] = 0
    assert outside.max() == 0.0


def test_units_of_another_slice_leave_no_heat_on_this_one() -> None:
    units = [Unit(pixels=np.zeros((1, 64, 64), np.float32), image_index=3)]

    heat = heat_map(units, [output(8, 8, (4, 4))], 0, (64, 64), (64, 64), 32)

    assert heat.max() == 0.0
