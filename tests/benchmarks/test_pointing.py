"""Pointing measures against maps and masks made by hand."""

import math

import numpy as np
import pytest

from benchmarks.heat.pointing import TOLERANCE_PX, differences, figures, peak_px, point, upsampled
from benchmarks.heat.results import Pointing
from benchmarks.statistics import group_means, mean_of_groups
from inspect_ai.domain import Floats, Unit

SIDE = 64  # of the made units: 8 x 8 cells


def unit_of(height: int = SIDE, width: int = SIDE, scale: tuple[float, float] = (1.0, 1.0)) -> Unit:
    return Unit(pixels=np.zeros((1, height, width), np.float32), origin_px=(100.0, 40.0), scale_px=scale)


def delta(row: int, col: int, shape: tuple[int, int] = (8, 8)) -> Floats:
    heat = np.zeros(shape, np.float32)
    heat[row, col] = 1.0
    return heat


def mask_at(rows: slice, cols: slice) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[rows, cols] = 1
    return mask


def pointing(**values: float) -> Pointing:
    return Pointing(**{"distance_px": 0.0, "energy": 0.0, "beyond": 0.0, "area": 0.0, "area_near": 0.0, **values})


def test_a_peak_inside_the_mask_is_a_hit() -> None:
    p = point(delta(2, 5), unit_of(), mask_at(slice(16, 24), slice(40, 48)))

    assert p.distance_px == 0.0
    assert figures([p], ["a"])["hit"].value == 1.0


@pytest.mark.parametrize(("gap_px", "hit"), [(14, 1.0), (15, 1.0), (16, 0.0)])
def test_a_peak_counts_as_near_up_to_the_tolerance_and_not_beyond(gap_px: int, hit: float) -> None:
    peak_row = 2 * 8 + 4  # the centre of cell 2

    p = point(delta(2, 3), unit_of(), mask_at(slice(peak_row + gap_px, peak_row + gap_px + 4), slice(20, 40)))

    found = figures([p], ["a"])
    assert p.distance_px == gap_px
    assert (found["hit"].value, found["hit_near"].value) == (0.0, hit)


def test_the_tolerance_is_measured_in_pixels_of_the_picture_not_of_the_unit() -> None:
    mask = mask_at(slice(20 + 3, 30), slice(28 + 4, 40))  # 3 rows and 4 columns from the peak at (20, 28)

    p = point(delta(2, 3), unit_of(scale=(4.0, 3.0)), mask)

    assert p.distance_px == pytest.approx(math.hypot(3 * 4.0, 4 * 3.0))


def test_distance_and_chance_agree_with_a_walk_over_every_pixel() -> None:
    random = np.random.default_rng(3)
    mask = (random.random((SIDE, SIDE)) > 0.997).astype(np.uint8)
    heat = random.random((8, 8)).astype(np.float32)
    scale = (2.5, 1.5)
    there = [(r, c) for r in range(SIDE) for c in range(SIDE) if mask[r, c]]

    def away(r: int, c: int) -> float:
        return min(math.hypot((r - i) * scale[0], (c - j) * scale[1]) for i, j in there)

    p = point(heat, unit_of(scale=scale), mask)

    cell_r, cell_c = divmod(int(heat.argmax()), 8)
    near = sum(away(r, c) <= TOLERANCE_PX for r in range(SIDE) for c in range(SIDE))
    assert p.distance_px == pytest.approx(away(cell_r * 8 + 4, cell_c * 8 + 4))
    assert p.area_near == pytest.approx(near / SIDE**2)


def test_a_uniform_map_puts_exactly_the_mask_s_share_on_it_and_points_nowhere() -> None:
    mask = mask_at(slice(3, 20), slice(7, 31))

    p = point(np.full((8, 8), 0.25, np.float32), unit_of(), mask)

    assert p.energy == pytest.approx(17 * 24 / SIDE**2, rel=1e-6)
    assert p.area == 17 * 24 / SIDE**2
    assert p.flat
    assert figures([p], ["a"])["hit_near"].value == 0.0


def test_a_map_without_anything_positive_is_flat_and_counts_as_uniform() -> None:
    p = point(-np.arange(64, dtype=np.float32).reshape(8, 8) - 1.0, unit_of(), mask_at(slice(0, 8), slice(0, 64)))

    assert p.flat
    assert (p.energy, p.beyond) == (pytest.approx(1 / 8), 0.0)


def test_negative_values_take_nothing_away_from_the_mass_inside() -> None:
    heat = delta(4, 4)
    heat[0, 0] = -5.0

    p = point(heat, unit_of(), mask_at(slice(16, 64), slice(16, 64)))

    assert p.energy == pytest.approx(1.0)


def test_energy_of_one_cell_is_that_of_the_tent_which_bilinear_interpolation_makes_of_it() -> None:
    inside = point(delta(3, 3), unit_of(), mask_at(slice(24, 32), slice(24, 32)))

    # Along one axis the tent is 1 - |x| over 16 pixels with centres at odd sixteenths; 8 of them lie in the cell.
    tent = [1.0 - abs(i + 0.5) / 8.0 for i in range(-8, 8)]
    assert inside.energy == pytest.approx((sum(tent[4:12]) / sum(tent)) ** 2, rel=1e-5)


def test_mass_on_padded_rows_is_told_apart_and_leaves_the_energy_alone() -> None:
    heat = delta(1, 3) + delta(7, 3)  # the unit ends after row 40; the second cell lies in the padding

    p = point(heat, unit_of(height=40), mask_at(slice(0, 24), slice(0, 64))[:40])

    assert p.beyond == pytest.approx(0.5, abs=0.01)
    assert p.energy == pytest.approx(1.0)


def test_the_peak_is_the_place_that_a_finding_names_even_when_it_lies_in_the_padding() -> None:
    assert peak_px(delta(7, 2), unit_of(height=41, width=50)) == (40, 20)
    assert peak_px(delta(1, 2), unit_of(scale=(5.6, 5.6))) == (12, 20)


def test_the_map_over_the_unit_is_highest_at_the_centre_of_its_highest_cell() -> None:
    shown = upsampled(delta(2, 5))

    rows, cols = np.nonzero(shown == shown.max())
    assert (rows.mean() + 0.5, cols.mean() + 0.5) == (2 * 8 + 4, 5 * 8 + 4)


def test_an_empty_mask_is_refused() -> None:
    with pytest.raises(ValueError, match="empty mask"):
        point(delta(1, 1), unit_of(), np.zeros((SIDE, SIDE), np.uint8))


def test_six_pictures_of_one_tile_count_as_much_as_one_of_another() -> None:
    hits = [pointing()] * 6 + [pointing(distance_px=50.0)]

    found = figures(hits, ["a"] * 6 + ["b"])

    assert found["hit"].value == 0.5
    assert (found["hit"].low, found["hit"].high) == (0.0, 1.0)


def test_groups_are_averaged_within_before_between() -> None:
    assert group_means([1.0, 0.0, 0.0, 0.5], ["b", "a", "b", "a"]).tolist() == [0.25, 0.5]


def test_a_single_group_has_no_interval() -> None:
    found = mean_of_groups(np.array([0.3]))

    assert (found.value, math.isnan(found.low), math.isnan(found.high)) == (0.3, True, True)


def test_the_interval_of_many_groups_is_that_of_the_normal_approximation() -> None:
    means = np.random.default_rng(1).random(400)

    found = mean_of_groups(means)

    half = 1.96 * means.std() / math.sqrt(400)
    assert (found.low, found.high) == (
        pytest.approx(means.mean() - half, abs=0.1 * half),
        pytest.approx(means.mean() + half, abs=0.1 * half),
    )


def test_differences_are_paired_so_that_a_constant_gain_has_no_spread() -> None:
    first = [pointing(energy=e) for e in (0.1, 0.5, 0.8)]
    better = [pointing(energy=e + 0.1) for e in (0.1, 0.5, 0.8)]

    gain = differences(better, first, ["a", "b", "c"])["energy"]

    assert [gain.value, gain.low, gain.high] == pytest.approx([0.1, 0.1, 0.1])
