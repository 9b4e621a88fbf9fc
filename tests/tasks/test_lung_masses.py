"""Masses and axes in whole series, on made chests of known content."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from inspect_ai.domain import Finding
from inspect_ai.plugins import Task, task_named


def _chests() -> ModuleType:
    """The made chests of the tests of the plugin, which are no package."""
    file = Path(__file__).with_name("test_lung_nodule.py")
    spec = importlib.util.spec_from_file_location("made_chests", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


chests = _chests()


@pytest.fixture(scope="module")
def task() -> Task:
    return task_named("lung_nodule")


def plugin(task: Task, name: str) -> ModuleType:
    return sys.modules[f"{type(task).__module__.partition('.')[0]}.{name}"]


def masses(task: Task, volume: object) -> list:  # type: ignore[type-arg]
    found: list = plugin(task, "masses").find_masses(volume, plugin(task, "lungs").find_lungs(volume))  # type: ignore[type-arg]
    return found


def test_a_healthy_chest_has_no_mass(task: Task) -> None:
    assert masses(task, chests.chest(reach=95)) == []


def test_a_nodule_of_24_mm_is_no_mass(task: Task) -> None:
    assert masses(task, chests.chest([(80, 30, 45, 24)], reach=95)) == []


def test_a_ball_of_50_mm_is_said_with_its_place_and_size_and_forbids_clear(task: Task) -> None:
    ball = (-75.0, 10.0, 5.0, 50.0)
    volume = chests.chest([ball], reach=95)

    (mass,) = masses(task, volume)
    (said,) = task.unseen(chests.study(volume))

    place = volume.position_mm(mass.slice_index, mass.row, mass.col)
    assert np.linalg.norm(np.subtract(place, ball[:3])) < 12  # inside, well away from its border
    assert mass.size_mm == pytest.approx((50, 50, 50), abs=8)
    assert f"slice {mass.slice_index + 1}" in said
    assert "outside the range of 3 to 30 mm that is certified" in said


@pytest.mark.parametrize("diameter", [8.0, 12.0, 20.0])
def test_the_axes_of_a_ball_are_its_diameter(task: Task, diameter: float) -> None:
    volume = chests.chest([(-80, 45, 10, diameter)], vessels=False)
    z, r, c = volume.voxel_at((-80.0, 45.0, 10.0))

    axes = plugin(task, "measuring").axes_of(volume, (round(z), r, c), diameter, -850.0)

    assert axes[:2] == pytest.approx((diameter, diameter), abs=2.1)  # pixels of 1 mm
    assert axes[2] == pytest.approx(diameter, abs=5.1)  # slices of 2.5 mm


def test_a_nodule_on_the_wall_that_cannot_be_cut_from_it_is_not_measured(task: Task) -> None:
    volume = chests.chest([(-129.0, 0.0, 0.0, 14.0)], vessels=False)
    z, r, c = volume.voxel_at((-129.0, 0.0, 0.0))

    assert plugin(task, "measuring").axes_of(volume, (round(z), r, c), 14.0, -850.0) is None


def test_a_voxel_is_found_again_from_its_position_whatever_the_directions() -> None:
    volume = chests.chest(flip=True)

    position = volume.position_mm(7, 31, 52)

    assert volume.voxel_at(position) == pytest.approx((7, 31, 52))


def finding(x: float, score: float, diameter: float, axes: tuple[float, float, float] | None = None) -> Finding:
    return Finding(
        name="nodule", score=score, position_mm=(x, 0.0, 0.0), diameter_mm=diameter, axes_mm=axes, series_uid="1"
    )


def test_findings_of_one_nodule_are_one_with_the_highest_score(task: Task) -> None:
    merged = task.merged([finding(0, 0.3, 10), finding(4, 0.9, 10), finding(9, 0.5, 8)])

    assert [(one.position_mm[0], one.score) for one in merged if one.position_mm] == [(4.0, 0.9), (9.0, 0.5)]


def test_a_long_axis_reaches_further_than_a_diameter(task: Task) -> None:
    assert len(task.merged([finding(0, 0.9, 10, (22.0, 8.0, 10.0)), finding(9, 0.5, 8)])) == 1


def test_findings_without_a_place_in_millimetres_stay_as_they_are(task: Task) -> None:
    plain = [Finding(name="nodule", score=0.5), Finding(name="nodule", score=0.4)]

    assert task.merged(plain) == plain


@pytest.mark.shared
@pytest.mark.parametrize("patient", ["Lung_Dx-A0001", "Lung_Dx-A0002"])
def test_of_a_real_chest_the_boxed_tumour_is_said_and_nothing_else(task: Task, shared: Path, patient: str) -> None:
    import csv

    import pydicom

    folder = shared / "data" / "lung_nodule" / "ct_series"
    volume = chests.read_series([pydicom.dcmread(file) for file in (folder / patient).glob("*.dcm")])

    (mass,) = masses(task, volume)

    uid = volume.sop_instance_uids[mass.slice_index]
    (box,) = (row for row in csv.DictReader((folder / "annotations.csv").open()) if row["sop_instance_uid"] == uid)
    assert float(box["row_min"]) <= mass.row <= float(box["row_max"])
    assert float(box["col_min"]) <= mass.col <= float(box["col_max"])
