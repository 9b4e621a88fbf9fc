"""Hounsfield units by two landmarks: made slices, and real ones whose units are known."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from inspect_ai.domain import Image, Study, StudyRef
from inspect_ai.plugins import task_named
from inspect_ai.stacks import STACK
from tasks.lung_nodule.landmarks import hounsfield, landmarks, one_scale

KNOWN = (-1024.0, 700.0)


def stretched(hu: NDArray[np.float32], low: float, high: float) -> NDArray[np.uint8]:
    """[D, H, W] Hounsfield units in 8 bits, as sets without units store them."""
    return np.clip(np.rint((hu - low) / (high - low) * 255), 0, 255).astype(np.uint8)


def made_hu(seed: int = 0, *, fat: bool = False) -> NDArray[np.float32]:
    """[3, 96, 96] lung with a wall of muscle, of fat beside it, and a nodule."""
    hu = np.full((3, 96, 96), -850.0, np.float32)
    hu[:, :, :30] = 40.0
    if fat:
        hu[:, :, 12:24] = -100.0
    rows, cols = np.mgrid[:96, :96]
    hu[:, np.hypot(rows - 48, cols - 60) < 5] = 20.0
    return hu + np.random.default_rng(seed).normal(0, 25, hu.shape).astype(np.float32)


@pytest.mark.parametrize(("low", "high"), [(-1024.0, 700.0), (-1100.0, 1500.0), (-1000.0, 300.0)])
def test_the_scale_comes_back_whatever_the_range_that_a_slice_was_stretched_by(low: float, high: float) -> None:
    hu = made_hu()

    back = hounsfield(stretched(hu, low, high), 1)

    assert back is not None
    assert float(np.median(np.abs(back - hu))) < 20


def test_muscle_counts_and_not_the_fat_beside_it() -> None:
    found = landmarks(stretched(made_hu(fat=True), *KNOWN).astype(np.float32))

    assert found is not None
    assert found.tissue == pytest.approx((40 - KNOWN[0]) / (KNOWN[1] - KNOWN[0]) * 255, abs=4)


def test_slices_stretched_each_by_its_own_range_come_to_one_scale() -> None:
    hu = made_hu()
    grey = np.concatenate(
        [stretched(hu[:1], -1024, 400), stretched(hu[1:2], -1024, 1200), stretched(hu[2:], -900, 800)]
    )

    same = one_scale(grey, 1)

    expected = stretched(hu, -1024, 1200).astype(np.float32)
    assert float(np.median(np.abs(same - expected))) < 4


def test_a_slice_of_one_grey_has_no_landmarks() -> None:
    assert hounsfield(np.full((3, 64, 64), 90, np.uint8), 1) is None


def test_without_soft_tissue_the_vessels_stand_in_and_it_is_told() -> None:
    hu = np.full((3, 96, 96), -850.0, np.float32) + np.random.default_rng(0).normal(0, 25, (3, 96, 96))
    hu[:, 40:45, 40:45] = 40.0

    found = landmarks(stretched(hu.astype(np.float32), *KNOWN).astype(np.float32))

    assert found is not None
    assert not found.tissue_seen


def test_a_stack_enters_in_the_window_of_the_candidate_pictures() -> None:
    task = task_named("lung_nodule")
    grey = stretched(made_hu(), -1100.0, 1500.0)
    ref = StudyRef(key="1", source="1", kind=STACK, digest="0", files=())
    study = Study(ref=ref, images=tuple(Image(pixels=one, file=str(z)) for z, one in enumerate(grey)))

    slices = task.slices(study)
    (unit,) = task.units(study)

    assert float(np.median(slices[:, :, 5:10])) == pytest.approx((40 + 1000) / 1400, abs=0.03)
    assert float(np.median(slices[:, :10, 70:])) == pytest.approx((-850 + 1000) / 1400, abs=0.03)
    assert unit.pixels.shape == (1, 64, 64)  # as shipped: the middle slice alone


@pytest.mark.shared
def test_real_chests_give_their_units_back(shared: Path) -> None:
    """Windows of 128 px around the lungs, each slice stretched by its own range; vessels lie between -500 and 200."""
    from benchmarks.landmarks import errors_hu

    found = errors_hu(shared / "data" / "lung_nodule" / "ct_series", windows=24, seed=1)

    assert len(found) == 2
    for errors in found.values():
        assert float(np.median(np.abs(errors.between))) < 60
        assert float(np.quantile(np.abs(errors.between), 0.9)) < 200
