"""The lung plugin on made chests of known content: simple bodies, drawn from their equations."""

from __future__ import annotations

import csv
import math
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pytest

from inspect_ai.domain import Image, Study, StudyRef, Unit, UnitOutput, Volume
from inspect_ai.plugins import Task, task_named
from tasks.lung_nodule.candidates import Candidate

TISSUE, LUNG, AIR = 40, -850, -1000
Ball = tuple[float, float, float, float]  # x, y, z of the centre and diameter, millimetres from the chest's middle


@pytest.fixture(scope="module")
def task() -> Task:
    return task_named("lung_nodule")


def chest(
    balls: Sequence[Ball] = (),
    *,
    step: float = 2.5,
    pixel: float = 1.0,
    vessels: bool = True,
    flip: bool = False,
    reach: float = 105,
) -> Volume:
    """An oval body of 330 x 230 mm and 200 mm height with two lungs, a trachea, tubes for vessels and bright balls.

    reach: half the height of the lungs; with 95 they end inside the series. x grows with columns, y with rows, z with
    slices; with `flip` the rows run the other way in patient coordinates.
    """
    shape = round(200 / step), round(260 / pixel), round(350 / pixel)
    z, y, x = np.meshgrid(
        *(spread(n, mm) for n, mm in zip(shape, (step, pixel, pixel), strict=True)), indexing="ij", sparse=True
    )
    hu = np.full(shape, AIR, np.float32)
    hu[:, ((x / 165) ** 2 + (y / 115) ** 2 < 1)[0]] = TISSUE
    for side in (-75, 75):
        hu[((x - side) / 58) ** 2 + (y / 85) ** 2 + (z / reach) ** 4 < 1] = LUNG
        for dy in (-30, 0, 30) if vessels else ():
            oblique = np.abs(z - (x - side)) < 3.0  # a plane; with the next line a tube of about 4 mm
            hu[oblique & (np.abs(y - dy - 0.3 * z) < 2.0) & (np.abs(x - side) < 45)] = TISSUE
    hu[:, (np.hypot(x, y + 20) < 8)[0]] = AIR  # trachea
    for bx, by, bz, diameter in balls:
        distance = np.sqrt((x - bx) ** 2 + (y - by) ** 2 + (z - bz) ** 2)
        share = np.clip((diameter / 2 - distance) / step + 0.5, 0, 1)  # a slice averages what lies within it
        hu += share * np.maximum(TISSUE - hu, 0)
    noise = np.random.default_rng(3).normal(0, 15, shape[1:])[None].astype(np.float32)
    sign = -1.0 if flip else 1.0
    return Volume(
        hu=(hu + noise).astype(np.int16),
        spacing_mm=(step, pixel, pixel),
        origin_mm=(float(x.min()), sign * float(y.min()), float(z.min())),
        row_direction=(1.0, 0.0, 0.0),
        column_direction=(0.0, sign, 0.0),
        normal=(0.0, 0.0, 1.0),
        series_uid="1.2.3",
        sop_instance_uids=tuple(f"1.2.3.{i}" for i in range(shape[0])),
    )


def spread(count: int, step: float) -> np.ndarray:
    return ((np.arange(count) - (count - 1) / 2) * step).astype(np.float32)


def study(*volumes: Volume, images: tuple[Image, ...] = ()) -> Study:
    kind = "image" if images else "dicom"
    ref = StudyRef(key="made", source="made", kind=kind, digest="0", files=(), modality="" if images else "CT")
    return Study(ref=ref, volumes=volumes, images=images)


def failed(task: Task, volume: Volume) -> list[str]:
    return [measure.name for measure in task.quality(study(volume)) if not measure.passed]


def rank(units: Sequence[Unit], ball: Ball, within: float) -> int | None:
    """0-based place of the first unit within so many millimetres of a ball."""
    for place, unit in enumerate(units):
        assert unit.position_mm is not None
        if math.dist(unit.position_mm, ball[:3]) <= within:
            return place
    return None


BALLS: tuple[Ball, ...] = ((-80, 45, 10, 6), (70, -40, -40, 12), (80, 30, 45, 24))


@pytest.fixture(scope="module")
def found(task: Task) -> list[Unit]:
    return list(task.units(study(chest(BALLS))))


@pytest.mark.parametrize("ball", BALLS, ids=lambda ball: f"{ball[3]}mm")
def test_balls_of_three_sizes_are_among_the_first_candidates_at_their_place_in_millimetres(
    found: list[Unit], ball: Ball
) -> None:
    place = rank(found, ball, within=2.5)

    assert place is not None
    assert place < 12
    assert found[place].diameter_mm == pytest.approx(ball[3], rel=0.25)


def test_a_candidate_names_its_series_its_slice_and_its_instance(found: list[Unit]) -> None:
    unit = found[rank(found, BALLS[1], within=2.5) or 0]

    assert unit.image_index == pytest.approx((BALLS[1][2] + 98.75) / 2.5, abs=1)  # slices from -98.75 on, 2.5 apart
    assert unit.sop_instance_uid == f"1.2.3.{unit.image_index}"
    assert unit.series_uid == "1.2.3"


def test_a_finding_lies_where_its_candidate_lies_in_source_pixels(task: Task, found: list[Unit]) -> None:
    unit = found[rank(found, BALLS[1], within=2.5) or 0]
    heat = np.zeros((1, 4, 4), np.float32)
    heat[0, 0, 0] = 1.0  # the network looked elsewhere

    (finding,) = task.findings(unit, UnitOutput(logits=np.array([0.0], np.float32), heat=heat))

    assert (finding.row, finding.col) == (
        pytest.approx(-40 + 129.5, abs=2),  # pixels of 1 mm, the first at -129.5
        pytest.approx(70 + 174.5, abs=2),
    )
    assert finding.score == 0.5
    assert finding.position_mm == unit.position_mm
    assert finding.diameter_mm == unit.diameter_mm


def test_positions_follow_the_directions_of_the_header(task: Task) -> None:
    units = list(task.units(study(chest(BALLS, flip=True))))

    x, y, z, diameter = BALLS[2]
    assert rank(units, (x, -y, z, diameter), within=3.0) is not None


@pytest.mark.parametrize(("step", "pixel", "smallest"), [(1.5, 1.2, 6), (5.0, 1.0, 12), (8.0, 1.0, 12)])
def test_thin_and_thick_slices_show_their_nodules(task: Task, step: float, pixel: float, smallest: float) -> None:
    units = list(task.units(study(chest(BALLS, step=step, pixel=pixel))))

    shown = {ball[3] for ball in BALLS if rank(units, ball, within=2.5 + step / 2) is not None}
    assert shown >= {ball[3] for ball in BALLS if ball[3] >= smallest}


def test_a_nodule_on_the_pleura_is_found_though_it_looks_like_wall(task: Task) -> None:
    on_wall = (-129.0, 0.0, 0.0, 14.0)  # the left border of that lung is at -133

    units = list(task.units(study(chest([on_wall]))))

    assert rank(units, on_wall, within=6.0) is not None


def test_candidates_are_few_and_apart(task: Task, found: list[Unit]) -> None:
    assert 3 <= len(found) <= int(task.config.options["candidates"])
    gaps = [math.dist(a.position_mm, b.position_mm) for i, a in enumerate(found) for b in found[:i]]  # type: ignore[arg-type]
    assert min(gaps) >= float(task.config.options["merge_mm"]) - 1e-6


def test_a_patch_shows_50_pixels_of_0_7_mm_in_the_window_of_the_training_pictures(found: list[Unit]) -> None:
    unit = found[rank(found, BALLS[2], within=2.5) or 0]

    assert unit.pixels.shape == (1, 64, 64)
    assert unit.pixels.dtype == np.float32
    assert unit.scale_px == pytest.approx((0.7 * 50 / 64,) * 2)
    grey = unit.pixels[0] * 255
    assert np.median(grey[28:36, 28:36]) == pytest.approx((40 + 1000) / 1400 * 255, abs=6)  # tissue of the ball
    assert np.percentile(grey, 5) == pytest.approx((-850 + 1000) / 1400 * 255, abs=6)  # lung around it


def test_pixels_near_those_of_training_are_cut_without_resampling(task: Task) -> None:
    volume = chest(BALLS[1:], pixel=0.8)
    unit = next(iter(task.units(study(volume))))

    small = cv2.resize(unit.pixels[0], (50, 50), interpolation=cv2.INTER_LINEAR)
    assert unit.scale_px == pytest.approx((50 / 64,) * 2)
    top, left = (round(o + 31.5 * 50 / 64 - 24.5) for o in unit.origin_px)
    source = volume.hu[unit.image_index, top : top + 50, left : left + 50]
    expected = np.clip((source + 1000.0) / 1400, 0, 1)
    assert np.corrcoef(small.ravel(), expected.ravel())[0, 1] > 0.99


def test_a_chest_passes_the_gate_and_is_recognised(task: Task) -> None:
    volume = chest()

    assert failed(task, volume) == []
    assert task.accepts(study(volume)) == "a CT series with lungs"


def test_the_lungs_measured_are_those_drawn_and_neither_trachea_nor_bowel_gas(task: Task) -> None:
    volume = chest(vessels=False)
    hu = volume.hu.copy()
    hu[20:65, 85:175, 210:290] = TISSUE  # a stomach as high as the chest, in the left lung
    litres_drawn = float(((hu < -700) & (hu > -950)).sum()) * 2.5 / 1e6
    hu[23:62, 92:168, 216:284] = -1010  # and half a litre of gas in it
    changed = Volume(**{name: getattr(volume, name) for name in volume.__slots__} | {"hu": hu})

    (litres,) = [m.value for m in task.quality(study(changed)) if m.name == "lungs (litres)"]

    assert litres == pytest.approx(litres_drawn, rel=0.05)


def without_lungs(kind: str) -> Volume:
    random = np.random.default_rng(5)
    shapes = {"two slices": (2, 64, 64), "eight slices": (8, 64, 64)}
    shape = shapes.get(kind, (60, 256, 256))
    hu = random.normal(0, 20, shape)
    if kind in shapes or kind == "discs":
        y, x = np.mgrid[: shape[1], : shape[2]]
        hu += np.where(np.hypot(y - shape[1] / 2, x - shape[2] / 2) < shape[1] / 3, 0, -1000)
    if kind == "all air":
        hu -= 1000
    if kind == "all one value":
        hu[:] = 77
    return Volume(
        hu=hu.astype(np.int16),
        spacing_mm=(2.5, 1.0, 1.0),
        origin_mm=(0.0, 0.0, 0.0),
        row_direction=(1.0, 0.0, 0.0),
        column_direction=(0.0, 1.0, 0.0),
        normal=(0.0, 0.0, 1.0),
        series_uid="1.2.3",
        sop_instance_uids=tuple(f"1.2.3.{i}" for i in range(shape[0])),
    )


@pytest.mark.parametrize("kind", ["two slices", "eight slices", "discs", "all air", "all tissue", "all one value"])
def test_a_series_without_lungs_fails_the_gate_with_advice_and_yields_nothing(task: Task, kind: str) -> None:
    volume = without_lungs(kind)

    measures = [measure for measure in task.quality(study(volume)) if not measure.passed]

    assert measures
    assert all(measure.advice for measure in measures)
    assert task.accepts(study(volume)) is None
    assert list(task.units(study(volume))) == []


def test_a_single_ct_slice_fails_the_gate(task: Task) -> None:
    slice_only = Study(ref=study().ref, images=(Image(pixels=np.zeros((64, 64), np.uint16), white=4095),))

    assert [m.name for m in task.quality(slice_only) if not m.passed] == ["slices"]


def test_a_shifted_hounsfield_scale_fails_the_gate(task: Task) -> None:
    volume = chest()
    shifted = Volume(**{name: getattr(volume, name) for name in volume.__slots__} | {"hu": volume.hu + np.int16(300)})

    assert failed(task, shifted)


def test_slices_too_far_apart_or_not_axial_fail_the_gate(task: Task) -> None:
    assert "slices per cm" in failed(task, chest(step=12.5))
    volume = chest()
    sagittal = {"normal": (1.0, 0.0, 0.0), "row_direction": (0.0, 1.0, 0.0), "column_direction": (0.0, 0.0, 1.0)}
    turned = Volume(**{name: getattr(volume, name) for name in volume.__slots__} | sagittal)
    assert failed(task, turned) == ["axial"]


def picture(height: int, width: int, *, colour: bool = False) -> Image:
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3) if colour else (height, width))
    return Image(pixels=pixels.astype(np.uint8))


def test_a_candidate_picture_is_one_unit_of_the_configured_size(task: Task) -> None:
    made = study(images=(picture(50, 50),))

    (unit,) = task.units(made)

    assert task.accepts(made) == "a grey picture of the size of a candidate"
    assert unit.pixels.shape == (1, 64, 64)
    assert unit.scale_px == pytest.approx((50 / 64, 50 / 64))
    assert unit.series_uid is None


@pytest.mark.parametrize("made", [picture(64, 48), picture(400, 300), picture(50, 50, colour=True)])
def test_other_pictures_are_not_its_own(task: Task, made: Image) -> None:
    assert task.accepts(study(images=(made,))) is None


def test_a_network_for_stacks_gets_the_neighbouring_slices_of_a_candidate(task: Task) -> None:
    volume = chest([(75.0, 0.0, 0.0, 9.0)])
    seen = task.config.input.model_copy(update={"depth": 5})
    deep = cast(Any, task.with_config(task.config.model_copy(update={"input": seen})))
    here = Candidate(slice_index=40, row=115.0, col=250.0, diameter_mm=9.0, strength=1.0)

    stack = deep.unit(volume, here, 0)

    assert stack.pixels.shape == (1, 5, 64, 64)
    for place, z in enumerate(range(38, 43)):
        alone = cast(Any, task).unit(volume, replace(here, slice_index=z), 0)
        assert np.array_equal(stack.pixels[:, place], alone.pixels)
    assert stack.position_mm == volume.position_mm(40, 115.0, 250.0)
    assert not np.array_equal(stack.pixels[:, 0], stack.pixels[:, 4])


@pytest.mark.shared
def test_soft_tissue_in_training_pictures_lies_where_the_window_puts_it(shared: Path) -> None:
    folder = shared / "data" / "lung_nodule" / "luna16_candidates"
    names = [row["file"] for row in csv.DictReader((folder / "labels.csv").open())][::20]
    total = np.zeros(256)
    with zipfile.ZipFile(folder / "images.zip") as archive:
        for name in names:
            grey = cv2.imdecode(np.frombuffer(archive.read(name), np.uint8), cv2.IMREAD_GRAYSCALE)
            total += np.bincount(grey.ravel(), minlength=256)
    smooth = np.convolve(total, np.ones(9) / 9, "same")

    assert 140 + int(np.argmax(smooth[140:240])) == pytest.approx((40 + 1000) / 1400 * 255, abs=8)
    assert int(np.argmax(smooth[8:100])) + 8 == pytest.approx((-860 + 1000) / 1400 * 255, abs=10)


@pytest.mark.shared
def test_real_chests_pass_the_gate_and_their_masses_hold_a_candidate(task: Task, shared: Path) -> None:
    import pydicom

    folder = shared / "data" / "lung_nodule" / "ct_series"
    boxes = list(csv.DictReader((folder / "annotations.csv").open()))
    for patient in ("Lung_Dx-A0001", "Lung_Dx-A0002"):
        volume = read_series([pydicom.dcmread(file) for file in (folder / patient).glob("*.dcm")])
        assert failed(task, volume) == []
        hits = 0
        for unit in task.units(study(volume)):
            row, col = (o + 31.5 * s for o, s in zip(unit.origin_px, unit.scale_px, strict=True))
            for box in boxes:
                if box["sop_instance_uid"] == unit.sop_instance_uid:
                    hits += float(box["row_min"]) <= row <= float(box["row_max"]) and (
                        float(box["col_min"]) <= col <= float(box["col_max"])
                    )
        assert hits > 0


def read_series(slices: list) -> Volume:  # type: ignore[type-arg]
    """For axial series alone; ingest's own reader is tested elsewhere."""
    slices.sort(key=lambda ds: float(ds.ImagePositionPatient[2]))
    hu = np.stack([ds.pixel_array * float(ds.RescaleSlope) + float(ds.RescaleIntercept) for ds in slices])
    rows, columns = (float(v) for v in slices[0].PixelSpacing)
    x, y, z = (float(v) for v in slices[0].ImagePositionPatient)
    return Volume(
        hu=np.clip(hu, -1024, 3071).astype(np.int16),
        spacing_mm=(float(slices[1].ImagePositionPatient[2]) - z, rows, columns),
        origin_mm=(x, y, z),
        row_direction=(1.0, 0.0, 0.0),
        column_direction=(0.0, 1.0, 0.0),
        normal=(0.0, 0.0, 1.0),
        series_uid=str(slices[0].SeriesInstanceUID),
        sop_instance_uids=tuple(str(ds.SOPInstanceUID) for ds in slices),
    )


def cut(volume: Volume, slices: slice = slice(None), columns: slice = slice(None)) -> Volume:
    """A part of a volume; where it lies is of no account here."""
    return replace(volume, hu=volume.hu[slices, :, columns].copy())


def test_whole_lungs_leave_nothing_unseen(task: Task) -> None:
    assert task.unseen(study(chest(reach=95))) == []


@pytest.mark.parametrize(
    ("slices", "where"),
    [(slice(0, 56), "the last slice"), (slice(16, None), "the first slice")],
    ids=["apices", "recesses"],
)
def test_lungs_that_go_on_beyond_the_series_are_said(task: Task, slices: slice, where: str) -> None:
    half = cut(chest(reach=95), slices)

    (said,) = task.unseen(study(half))

    assert failed(task, half) == []
    assert where in said
    assert ("above" in said) == (where == "the last slice")


def test_which_end_is_above_follows_from_the_normal(task: Task) -> None:
    half = replace(cut(chest(reach=95), slice(0, 56)), normal=(0.0, 0.0, -1.0))

    (said,) = task.unseen(study(half))

    assert "the last slice" in said
    assert "below was not looked at" in said


def test_a_lung_that_the_side_of_the_picture_cuts_off_is_said(task: Task) -> None:
    narrow = cut(chest(reach=95), columns=slice(110, None))  # its middle lay at column 100

    (said,) = task.unseen(study(narrow))

    assert "cut off by the side of the picture" in said


@pytest.mark.shared
def test_a_real_chest_is_whole_until_a_part_of_its_lungs_is_taken_away(task: Task, shared: Path) -> None:
    import pydicom

    folder = shared / "data" / "lung_nodule" / "ct_series"
    for patient in ("Lung_Dx-A0001", "Lung_Dx-A0002"):
        volume = read_series([pydicom.dcmread(file) for file in (folder / patient).glob("*.dcm")])
        count = len(volume.hu)

        assert [text for text in task.unseen(study(volume)) if not text.startswith("a mass")] == []
        assert "last slice" in task.unseen(study(cut(volume, slice(0, count * 16 // 30))))[0]
        assert "first slice" in task.unseen(study(cut(volume, slice(count // 5, None))))[0]
