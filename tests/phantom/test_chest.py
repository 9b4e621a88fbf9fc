from functools import cache
from pathlib import Path

import numpy as np
import pydicom
import pytest

from inspect_ai.phantom.chest import make_chest
from inspect_ai.phantom.lung_tree import TIP_MM, grow_tree
from tests.phantom.conftest import Made


@cache
def _series(folder: Path) -> tuple[list[pydicom.Dataset], np.ndarray]:
    """Slices from the feet up, and their Hounsfield units [D, H, W]."""
    items = sorted((pydicom.dcmread(p) for p in folder.iterdir()), key=lambda item: float(item.ImagePositionPatient[2]))
    hu = [item.pixel_array * float(item.RescaleSlope) + float(item.RescaleIntercept) for item in items]
    return items, np.stack(hu).astype(np.int16)


@pytest.fixture(params=["chest_nodules", "chest_clear"])
def series(request: pytest.FixtureRequest, made: Made) -> tuple[list[pydicom.Dataset], np.ndarray]:
    return _series(made.folder / made.one(request.param).folder_or_file)


def test_headers_describe_one_axial_ct_series_of_even_steps(series: tuple[list[pydicom.Dataset], np.ndarray]) -> None:
    items, _ = series
    heights = np.diff([float(item.ImagePositionPatient[2]) for item in items])
    assert len(items) >= 60
    assert np.allclose(heights, float(items[0].SliceThickness))
    assert len({item.SOPInstanceUID for item in items}) == len(items)
    for item in items:
        assert item.file_meta.MediaStorageSOPInstanceUID == item.SOPInstanceUID
        assert item.SOPClassUID == "1.2.840.10008.5.1.4.1.1.2"
        assert (item.Modality, item.BodyPartExamined, str(item.PatientName)) == ("CT", "CHEST", "Made^Phantom")
        assert [float(v) for v in item.ImageOrientationPatient] == [1, 0, 0, 0, 1, 0]
        assert all(str(uid).startswith("2.25.") for uid in (item.StudyInstanceUID, item.SeriesInstanceUID))
        assert len(item.SOPInstanceUID) <= 64
    assert len({(item.StudyInstanceUID, item.SeriesInstanceUID) for item in items}) == 1


def test_the_two_series_are_two_patients(made: Made) -> None:
    first, second = (_series(made.folder / made.one(n).folder_or_file)[0][0] for n in ("chest_nodules", "chest_clear"))
    assert (first.PatientID, second.PatientID) == ("MADE-0001", "MADE-0002")
    assert first.StudyInstanceUID != second.StudyInstanceUID


def test_tissues_have_their_hounsfield_units(series: tuple[list[pydicom.Dataset], np.ndarray]) -> None:
    _, hu = series
    middle = hu[25:45]
    litres = ((middle > -930) & (middle < -780)).sum() * 0.76 * 0.76 * 3 / 1e6
    assert 0.8 < litres < 3  # of a 60 mm slab of lungs
    lung = middle[(middle > -980) & (middle < -700)]
    assert -890 < np.median(lung) < -840
    soft = middle[(middle > -20) & (middle < 110)]
    assert 35 < np.median(soft) < 65
    assert (middle[(middle > -140) & (middle < -60)]).size > 0.02 * middle.size  # fat
    assert 0.002 < (middle > 300).mean() < 0.05  # bone
    assert np.median(hu[:, :20, :20]) < -980  # air around


def test_nodules_are_dense_and_round_where_the_truth_says(made: Made) -> None:
    study = made.one("chest_nodules")
    items, hu = _series(made.folder / study.folder_or_file)
    assert len(study.places) == 3
    for place in study.places:
        item = pydicom.dcmread(made.folder / place.file)
        assert item.SOPInstanceUID == place.sop_instance_uid
        index = next(i for i, other in enumerate(items) if other.SOPInstanceUID == place.sop_instance_uid)
        # The stated millimetres, by the header's own geometry, are the stated pixels.
        x, y, z = place.position_mm
        origin, step = item.ImagePositionPatient, float(item.PixelSpacing[0])
        assert (x - float(origin[0])) / step == pytest.approx(place.col, abs=0.01)
        assert (y - float(origin[1])) / step == pytest.approx(place.row, abs=0.01)
        assert z == pytest.approx(float(origin[2]), abs=1.5)
        rows, cols = np.mgrid[: hu.shape[1], : hu.shape[2]]
        away = np.hypot(rows - place.row, cols - place.col) * step
        assert hu[index][away < 0.3 * place.diameter_mm].mean() > -60
        around = hu[index][(away > 0.75 * place.diameter_mm) & (away < 1.2 * place.diameter_mm)]
        assert np.percentile(around, 30) < -700  # lung on at least a third of the ring, a wall or vessel may touch it
        assert 6 <= place.diameter_mm <= 20


def test_ribs_cross_each_slice_several_times_on_both_sides(series: tuple[list[pydicom.Dataset], np.ndarray]) -> None:
    import cv2

    _, hu = series
    for index in range(15, 55, 8):
        bone = (hu[index] > 250).astype(np.uint8)
        for half in (bone[:, :170], bone[:, -170:]):  # clear of spine and breastbone
            count, _, stats, _ = cv2.connectedComponentsWithStats(half)
            assert sum(stats[i, cv2.CC_STAT_AREA] > 12 for i in range(1, count)) >= 2


def test_a_tree_reaches_every_tip_and_tapers_towards_it() -> None:
    rng = np.random.default_rng(1)
    tips = rng.uniform(-40, 40, (200, 3))
    tree = grow_tree(rng, np.array([60.0, 0, 0]), np.array([-1.0, 0, 0]), tips)
    nearest = np.linalg.norm(tree.end[:, None] - tips[None], axis=2).min(0)
    assert nearest.max() < 1e-6
    assert tree.radius[0] > 6 * TIP_MM
    assert (tree.end_radius <= tree.radius + 1e-9).all()
    assert tree.radius.min() > 0.5 * TIP_MM


def test_a_chest_made_again_from_its_stream_of_the_seed_is_the_same_voxel_by_voxel(made: Made) -> None:
    _, hu = _series(made.folder / made.one("chest_clear").folder_or_file)
    assert (make_chest(np.random.default_rng([7, 101]), nodules=False).hu == hu).all()
