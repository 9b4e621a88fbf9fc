"""Made nodules and vessels in a drawn chest: measured back from the voxels that they changed."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest

from benchmarks.statistics import auc_of
from benchmarks.volumes.nodules import (
    LEAST_COURSE_MM,
    added,
    draw_nodule,
    nodule_in,
    seen_in_slice,
    twin_in,
    vessel_in,
)
from benchmarks.volumes.scene import Box, Scene, edge_blur_mm, open_scene
from benchmarks.volumes.shapes import MadeNodule, MadeVessel
from inspect_ai.domain import Volume

TISSUE, LUNG, AIR = 40, -850, -1000
RADII_MM = (58.0, 85.0, 105.0)  # of each lung along x, y and z
SIDES_MM = (-75.0, 75.0)


def axes_mm(volume: Volume) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """z, y and x of the voxels, from the chest's middle, ready to broadcast."""
    z, y, x = ((np.arange(n) - (n - 1) / 2) * mm for n, mm in zip(volume.hu.shape, volume.spacing_mm, strict=True))
    return z[:, None, None], y[None, :, None], x[None, None, :]


def chest(*, step: float = 5.0, pixel: float = 1.0, blur_mm: float = 0.0, noise: float = 15.0) -> Volume:
    """An oval body of 330 x 230 mm and 200 mm height with two plain lungs."""
    shape = round(200 / step), round(260 / pixel), round(360 / pixel)
    volume = Volume(
        hu=np.zeros(shape, np.int16),
        spacing_mm=(step, pixel, pixel),
        origin_mm=(0.0, 0.0, 0.0),
        row_direction=(1.0, 0.0, 0.0),
        column_direction=(0.0, 1.0, 0.0),
        normal=(0.0, 0.0, 1.0),
        series_uid="1.2.3",
        sop_instance_uids=tuple(f"1.2.3.{i}" for i in range(shape[0])),
    )
    z, y, x = axes_mm(volume)
    body = np.hypot(x / 165, y / 115) - 1  # [1, H, W]; the skin is as wide as a pixel
    hu = np.repeat(AIR + (TISSUE - AIR) * np.clip(0.5 - body * 140 / pixel, 0, 1), shape[0], axis=0)
    for side in SIDES_MM:
        hu[in_lung(z, y, x, side)] = LUNG
    if blur_mm:
        hu = np.stack([cv2.GaussianBlur(one, (0, 0), blur_mm / pixel) for one in hu])
    hu += np.random.default_rng(3).normal(0, noise, shape)
    return replace(volume, hu=hu.astype(np.int16))


def in_lung(z: np.ndarray, y: np.ndarray, x: np.ndarray, side: float) -> np.ndarray:
    return np.asarray(((x - side) / RADII_MM[0]) ** 2 + (y / RADII_MM[1]) ** 2 + (z / RADII_MM[2]) ** 4 < 1)


@pytest.fixture(scope="module", params=[5.0, 8.0], ids=["slices of 5 mm", "slices of 8 mm"])
def scene(request: pytest.FixtureRequest) -> Scene:
    return open_scene("made", chest(step=request.param))


@pytest.fixture(scope="module")
def boxed() -> Scene:
    volume = chest()
    boxes = [Box(slice_index=z, rows=(90.0, 170.0), columns=(60.0, 140.0)) for z in range(12, 28)]
    return open_scene("made", volume, boxes)


def middle_of_a_lung(scene: Scene) -> np.ndarray:
    depth, height, width = scene.volume.hu.shape
    return np.array([depth // 2 + 0.3, height / 2 + 0.4, (width - 1) / 2 + 75 / scene.volume.spacing_mm[2] + 0.2])


def change(scene: Scene, shape: MadeNodule | MadeVessel, place: np.ndarray) -> np.ndarray:
    return added(scene, [(shape, place)]).astype(np.int32) - scene.volume.hu


def test_lung_around_is_as_bright_as_it_was_drawn_and_plain_lung_holds_no_structure(scene: Scene) -> None:
    z, r, c = np.rint(middle_of_a_lung(scene)).astype(int)
    assert abs(int(scene.level_hu[z, r, c]) - LUNG) <= 3
    near = (slice(z - 2, z + 3), slice(r - 20, r + 20), slice(c - 20, c + 20))
    assert (scene.excess_hu[near] > 0).mean() < 0.02
    assert scene.midline == pytest.approx((scene.volume.hu.shape[2] - 1) / 2, abs=8)


@pytest.mark.parametrize("diameter", [4.0, 8.0, 16.0])
@pytest.mark.parametrize("density", [-100.0, 60.0])
def test_a_round_nodule_adds_its_volume_times_its_contrast(scene: Scene, diameter: float, density: float) -> None:
    made = change(scene, MadeNodule(diameter_mm=diameter, density_hu=density), middle_of_a_lung(scene))
    brought = made.sum() * math.prod(scene.volume.spacing_mm)
    assert brought == pytest.approx(math.pi / 6 * diameter**3 * (density - LUNG), rel=0.03)


def test_stretch_and_lobes_leave_the_volume_as_asked(scene: Scene) -> None:
    random = np.random.default_rng(5)
    drawn = [n for n in (draw_nodule(random) for _ in range(40)) if n.style == "lobulated" and n.diameter_mm > 5]
    assert len(drawn) >= 4
    for nodule in drawn[:4]:
        brought = change(scene, nodule, middle_of_a_lung(scene)).sum() * math.prod(scene.volume.spacing_mm)
        contrast = nodule.density_hu - LUNG
        assert brought == pytest.approx(math.pi / 6 * nodule.diameter_mm**3 * contrast, rel=0.05)


def test_a_hazy_edge_adds_less_than_a_solid_one_and_spikes_add_more(scene: Scene) -> None:
    solid = MadeNodule(diameter_mm=14.0, density_hu=20.0)
    spike = ((0.0, 0.6, 0.8), 13.0, 0.8)
    place = middle_of_a_lung(scene)
    total = [
        int(change(scene, n, place).sum())
        for n in (replace(solid, style="hazy"), solid, replace(solid, style="spiculated", spikes=(spike,)))
    ]
    # full to half the radius, then falling linearly: 3 times the integral of x^2 p(x) over 0..1 is 15 / 32
    assert total[0] == pytest.approx(total[1] * 15 / 32, rel=0.03)
    # a cone of half width 0.8 (1.2 - s / 13) from the surface at 7 mm to 13 mm, at 0.8 of the density
    cone = 0.8 * math.pi * 0.8**2 * 13 / 3 * ((1.2 - 7 / 13) ** 3 - 0.2**3)
    brought = (total[2] - total[1]) * math.prod(scene.volume.spacing_mm) / (20 - LUNG)
    assert brought == pytest.approx(cone, rel=0.15)


def test_a_nodule_is_as_wide_as_asked_where_it_is_half_as_bright(scene: Scene) -> None:
    place = np.floor(middle_of_a_lung(scene))
    made = change(scene, MadeNodule(diameter_mm=16.0, density_hu=0.0), place)[int(place[0])]
    area = (made > (0 - LUNG) / 2).sum() * scene.volume.spacing_mm[1] * scene.volume.spacing_mm[2]
    quarter = scene.volume.spacing_mm[0] / 4  # half of the slice is filled out to where the ball is this high
    assert 2 * math.sqrt(area / math.pi) == pytest.approx(2 * math.sqrt(8.0**2 - quarter**2), abs=0.4)


def test_a_nodule_thinner_than_its_slice_is_as_faint_as_the_share_that_it_fills() -> None:
    thick = open_scene("made", chest(step=8.0, pixel=0.5))
    place = np.floor(middle_of_a_lung(thick))
    made = change(thick, MadeNodule(diameter_mm=4.0, density_hu=0.0), place)
    assert made.max() == pytest.approx(-LUNG * 4 / 8, rel=0.1)
    beside = change(thick, MadeNodule(diameter_mm=4.0, density_hu=0.0), place + np.array([0.5, 0, 0]))
    z = int(place[0])
    assert beside[z].sum() == pytest.approx(beside[z + 1].sum(), rel=0.05)  # half in each of two slices


def test_the_noise_inside_a_nodule_is_that_of_the_series(scene: Scene) -> None:
    place = np.floor(middle_of_a_lung(scene))
    z, r, c = place.astype(int)
    core = (z, slice(r - 5, r + 6), slice(c - 5, c + 6))
    inside = added(scene, [(MadeNodule(diameter_mm=20.0, density_hu=40.0), place)])[core].astype(float)
    assert np.corrcoef(inside.ravel(), scene.volume.hu[core].ravel())[0, 1] > 0.98
    assert inside.mean() == pytest.approx(40.0, abs=12.0)


def test_a_nodule_takes_nothing_from_tissue_and_adds_nothing_to_it(scene: Scene) -> None:
    z, y, x = axes_mm(scene.volume)
    at_wall = middle_of_a_lung(scene) + np.array([0, 0, 57 / scene.volume.spacing_mm[2]])
    made = change(scene, MadeNodule(diameter_mm=12.0, density_hu=0.0), at_wall)
    deep_in_wall = np.broadcast_to(in_lung(z, y, (x - 75) / 1.1 + 75, 75), made.shape) == 0
    assert made.min() >= 0
    assert made[deep_in_wall].max() <= 0
    assert made.max() > 600


def test_nodules_lie_in_the_lung_and_never_in_an_annotated_box(boxed: Scene) -> None:
    random = np.random.default_rng(0)
    half_width = boxed.volume.hu.shape[2] // 2
    z, y, x = axes_mm(boxed.volume)
    middle = (np.array(boxed.volume.hu.shape) - 1) / 2
    for columns, side in (((0, half_width), SIDES_MM[0]), ((half_width, 2 * half_width), SIDES_MM[1])):
        for _ in range(25):
            nodule, place = nodule_in(random, boxed, columns)
            at_z, at_y, at_x = (place - middle) * boxed.volume.spacing_mm
            assert in_lung(at_z, at_y, at_x, side)
            made = change(boxed, nodule, place) > 100
            assert made.any()
            assert (made & in_lung(z, y, x, side)).sum() > 0.95 * made.sum()
            assert not made[12:28, 90:171, 60:141].any()


def test_a_made_vessel_passes_through_its_place_over_its_course_and_stays_in_the_lung(boxed: Scene) -> None:
    random = np.random.default_rng(1)
    half_width = boxed.volume.hu.shape[2] // 2
    z, y, x = axes_mm(boxed.volume)
    both = in_lung(z, y, x, SIDES_MM[0]) | in_lung(z, y, x, SIDES_MM[1])
    for _ in range(60):
        vessel, place = vessel_in(random, boxed, (0, half_width))
        made = change(boxed, vessel, place)
        filled = np.flatnonzero((made > 100).any(axis=(1, 2)))
        ends = [np.array([s, *np.argwhere(made[s] > 100).mean(axis=0)]) for s in (filled[0], filled[-1])]
        length = float(np.linalg.norm((ends[1] - ends[0]) * boxed.volume.spacing_mm))
        assert length >= LEAST_COURSE_MM - 2 * boxed.volume.spacing_mm[0]
        assert (np.diff(filled) == 1).all()
        at = np.rint(place).astype(int)
        assert made[at[0], at[1] - 1 : at[1] + 2, at[2] - 1 : at[2] + 2].max() > 100
        assert ((made > 100) & both).sum() > 0.9 * (made > 100).sum()
        assert not made[12:28, 90:171, 60:141].any()


def test_on_its_key_slice_a_made_vessel_is_of_the_size_of_a_nodule(scene: Scene) -> None:
    random = np.random.default_rng(2)
    columns = (scene.midline, scene.volume.hu.shape[2])
    place = np.floor(middle_of_a_lung(scene))
    for diameter in (4.0, 12.0):
        tubes = [
            replace(vessel_in(random, scene, columns)[0], diameter_mm=diameter, course=(-40, 40)) for _ in range(20)
        ]
        balls = [replace(draw_nodule(random), diameter_mm=diameter, style="solid", spikes=()) for _ in range(20)]
        wide, round_ = (np.median([on_slice(scene, s, place)[1] for s in shapes]) for shapes in (tubes, balls))
        assert 0.9 < wide / round_ < 1.5  # a ball ends in its slice, a tube does not


def test_no_measure_of_the_key_slice_tells_a_faint_made_vessel_from_a_nodule(scene: Scene) -> None:
    random = np.random.default_rng(3)
    columns = (scene.midline + 30, scene.volume.hu.shape[2])
    nodules = [nodule_in(random, scene, columns) for _ in range(120)]
    twins = [twin_in(random, scene, columns) for _ in range(120)]
    seen = [np.array([on_slice(scene, s, p) for s, p in made]) for made in (nodules, twins)]  # peak, area
    for measure in range(2):
        assert abs(auc_of(seen[0][:, measure], seen[1][:, measure]) - 0.5) < 0.12
    away = round(10 / scene.volume.spacing_mm[0])
    beyond = [np.array([on_slice(scene, s, p, away)[0] for s, p in made]) for made in (nodules, twins)]
    assert auc_of(beyond[1], beyond[0]) > 0.8  # ten millimetres further the vessel is still there


def on_slice(scene: Scene, shape: MadeNodule | MadeVessel, place: np.ndarray, away: int = 0) -> tuple[float, float]:
    """Contrast of a shape on its key slice or so many slices beyond, and the area where it has half of that."""
    seen = seen_in_slice(scene, shape, place, round(place[0]) + away)
    if seen is None:
        return 0.0, 0.0
    return float(seen[0].max()) * (shape.density_hu - LUNG), float((seen[0] >= seen[0].max() / 2).sum())


def test_next_to_its_key_slice_a_nodule_ends_and_a_made_vessel_goes_on(scene: Scene) -> None:
    random = np.random.default_rng(4)
    place = np.floor(middle_of_a_lung(scene))
    away = int(place[0]) + math.ceil(15 / scene.volume.spacing_mm[0])
    ball = MadeNodule(diameter_mm=10.0, density_hu=0.0)
    tube = replace(vessel_in(random, scene, (scene.midline, scene.volume.hu.shape[2]))[0], course=(-40.0, 40.0))
    assert seen_in_slice(scene, ball, place, away) is None or change(scene, ball, place)[away].max() == 0
    assert change(scene, replace(tube, diameter_mm=10.0, density_hu=0.0), place)[away].max() > 500


@pytest.mark.parametrize("blur_mm", [0.7, 1.0])
def test_the_blur_of_a_series_is_measured_at_its_skin(blur_mm: float) -> None:
    # a drawn skin is one pixel wide, which is a blur of its own: variances add
    drawn = math.hypot(blur_mm, 0.8 / math.sqrt(12))
    assert edge_blur_mm(chest(pixel=0.8, blur_mm=blur_mm, noise=3.0)) == pytest.approx(drawn, rel=0.15)
