"""Positions as they are written: rounding is none of the gaps, and a missing slice is none of the rounding."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from tests.ingest.conftest import Given
from tests.support.dicom_factory import ct_slice, save, save_series

Ingest = Callable[[Path], Given]


def rounded(step: float, count: int, unit: str, start: float = -101.0) -> list[float]:
    """Heights of a regular stack, written to `unit`."""
    return [float(Decimal(str(start + step * k)).quantize(Decimal(unit))) for k in range(count)]


@pytest.mark.parametrize(
    ("step", "count", "unit"),
    [(1.25, 121, "0.1"), (0.625, 60, "0.1"), (0.3, 40, "0.1"), (1.25, 3, "0.1"), (2.7, 30, "1"), (0.4567, 50, "0.01")],
)
def test_steps_that_differ_by_rounding_alone_are_one_step(
    step: float, count: int, unit: str, tmp_path: Path, ingest: Ingest
) -> None:
    heights = rounded(step, count, unit)
    for i, z in enumerate(heights):
        save(ct_slice(z, number=i + 1, side=16, ImagePositionPatient=[-20.123, -10.456, z]), tmp_path / f"{i:03d}")

    given = ingest(tmp_path)

    assert given.problems == []
    (volume,) = given.studies[0].volumes
    found = volume.spacing_mm[0]
    assert found == pytest.approx(step, abs=float(unit) / (count - 1))
    assert volume.position_mm(count - 1, 0, 0)[2] == pytest.approx(heights[-1], abs=1.5 * float(unit))


@pytest.mark.parametrize("unit", ["0.1", "0.01", "1"])
@pytest.mark.parametrize("lost", [1, 5, 10])
def test_a_missing_slice_is_never_taken_for_rounding(unit: str, lost: int, tmp_path: Path, ingest: Ingest) -> None:
    heights = rounded(1.25, 12, unit)
    for i, z in enumerate(heights):
        if i != lost:
            save(ct_slice(z, number=i + 1, side=16), tmp_path / f"{i:03d}")

    assert ingest(tmp_path).studies[0].volumes == ()


def test_heights_of_an_oblique_stack_are_rounded_in_every_coordinate(tmp_path: Path, ingest: Ingest) -> None:
    row, column = np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.8, 0.6])
    normal = np.cross(row, column)
    for i in range(40):
        at = [round(float(value), 1) for value in -90 + 1.27 * i * normal]
        ds = ct_slice(0, number=i + 1, side=16, ImagePositionPatient=at, ImageOrientationPatient=[*row, *column])
        save(ds, tmp_path / f"{i:03d}")

    given = ingest(tmp_path)

    assert given.problems == []
    assert given.studies[0].volumes[0].spacing_mm[0] == pytest.approx(1.27, abs=0.005)


def test_a_slice_that_lies_beside_the_others_makes_no_volume(tmp_path: Path, ingest: Ingest) -> None:
    for i in range(8):
        at = [-20.0 + (15.0 if i == 4 else 0.0), -10.0, 2.5 * i]
        save(ct_slice(0, number=i + 1, ImagePositionPatient=at), tmp_path / f"{i}")

    (problem,) = ingest(tmp_path).problems

    assert "15.0 mm beside each other" in problem


def test_thin_slices_far_apart_say_how_much_of_the_body_they_leave_out(tmp_path: Path, ingest: Ingest) -> None:
    save_series(tmp_path, [10.0 * k for k in range(12)], SliceThickness=1)

    (problem,) = ingest(tmp_path).problems

    assert "slices 1 mm thick" in problem
    assert "10 mm apart" in problem
    assert "90%" in problem


@pytest.mark.parametrize("thickness", [None, 0, 5, 1.3])
def test_a_slice_thickness_that_is_missing_or_only_inexact_changes_nothing(
    thickness: float | None, tmp_path: Path, ingest: Ingest
) -> None:
    save_series(tmp_path, [2.5 * k for k in range(6)], SliceThickness=thickness)

    assert ingest(tmp_path).problems == []


@pytest.mark.parametrize(
    ("numbers", "missing"),
    [([1, 3, 5, 7, 9, 11], 5), ([1, 2, 3, 10, 11, 12], 6), ([4, 5, 6, 7, 8, 9], 0), ([1, 2, 3, 1001, 1002, 1003], 0)],
)
def test_numbers_that_are_missing_among_regular_slices_are_a_remark(
    numbers: list[int], missing: int, tmp_path: Path, ingest: Ingest
) -> None:
    for i, number in enumerate(numbers):
        save(ct_slice(2.5 * i, number=i + 1, InstanceNumber=number), tmp_path / f"{i}")

    (study,) = ingest(tmp_path).studies

    assert study.ref.problems == ()
    found = [note for note in study.ref.notes if "Instance Numbers" in note]
    assert bool(found) == bool(missing)
    assert all(note.startswith(f"{missing} of the Instance Numbers") for note in found)


def test_a_frame_of_reference_of_each_slice_is_read_where_the_stack_is_regular(tmp_path: Path, ingest: Ingest) -> None:
    for i in range(6):
        save(ct_slice(2.5 * i, number=i + 1, FrameOfReferenceUID=f"1.2.3.{i}"), tmp_path / f"{i}")

    (study,) = ingest(tmp_path).studies

    assert study.volumes[0].spacing_mm[0] == 2.5
    assert any("FrameOfReferenceUID (0020,0052)" in note for note in study.ref.notes)


def test_a_frame_of_reference_of_each_slice_is_refused_where_the_stack_is_not_regular(
    tmp_path: Path, ingest: Ingest
) -> None:
    for i, z in enumerate([0.0, 2.5, 5.0, 9.0, 10.0, 12.5]):
        save(ct_slice(z, number=i + 1, FrameOfReferenceUID=f"1.2.3.{i}"), tmp_path / f"{i}")

    given = ingest(tmp_path)

    assert given.studies[0].volumes == ()
    assert any("FrameOfReferenceUID (0020,0052)" in p and "Export" in p for p in given.problems)
