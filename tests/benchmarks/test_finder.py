"""The finder benchmark: Hounsfield units from two landmarks, and shares counted by hand."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.finder import tables
from benchmarks.finder.contexts import COLUMNS, hounsfield, read_contexts
from benchmarks.finder.searching import Ranked, ranked, search
from inspect_ai.errors import InputError

SIDE = 128


def slice_hu(*, room: bool, bone: bool, nodule: bool = True) -> np.ndarray:  # type: ignore[type-arg]
    """Lung with a wall to the right, a nodule of 10 px in the middle and, where asked for, room and bone."""
    random = np.random.default_rng(4)
    y, x = np.mgrid[:SIDE, :SIDE]
    hu = np.where(x < 88, -850.0, 40.0)
    if nodule:
        hu[np.hypot(y - 64, x - 64) < 5] = 30
    if room:
        hu[x > 112] = -1000
    if bone:
        hu[(abs(y - 40) < 8) & (abs(x - 96) < 4)] = 900
    return np.asarray(hu + random.normal(0, 25, hu.shape))


def stretched(hu: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    return np.asarray(np.rint((hu - hu.min()) / (hu.max() - hu.min()) * 255), np.uint8)


@pytest.mark.parametrize(("room", "bone"), [(False, False), (True, False), (False, True), (True, True)])
def test_hounsfield_units_come_back_from_a_slice_stretched_by_its_own_range(room: bool, bone: bool) -> None:
    hu = slice_hu(room=room, bone=bone)

    found = hounsfield(stretched(hu))

    for region in (hu > -100) & (hu < 200), (hu > -950) & (hu < -750):
        assert np.median(found[region]) == pytest.approx(np.median(hu[region]), abs=30)


def folder(path: Path, contexts: int = 3) -> Path:
    """A folder like lidc_nodules with made contexts of one nodule each, a patient each."""
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS)
    writer.writeheader()
    y, x = np.mgrid[:SIDE, :SIDE]
    votes = np.where(np.hypot(y - 64, x - 64) < 5, 4, 0).astype(np.uint8)
    with zipfile.ZipFile(path / "images.zip", "w") as archive:
        for number in range(contexts):
            stack = [f"p{number}_{k}.jpg" for k in range(3)]
            marks = [f"votes/p{number}_{k}.png" for k in range(3)]
            for name, mark in zip(stack, marks, strict=True):
                picture = stretched(slice_hu(room=False, bone=False))
                archive.writestr(name, cv2.imencode(".jpg", picture)[1].tobytes())
                archive.writestr(mark, cv2.imencode(".png", votes)[1].tobytes())
            row = {"file": stack[1], "label": "nodule", "split": "val", "group": f"p{number}", "readers": 4}
            writer.writerow(row | {"diameter_px": 10, "stack": ";".join(stack), "votes": ";".join(marks)})
    (path / "labels.csv").write_text(table.getvalue())
    return path


def test_a_made_nodule_is_the_strongest_candidate_of_its_context(tmp_path: Path) -> None:
    searched = search(read_contexts(folder(tmp_path, 1), "val"))
    (one,) = searched
    from benchmarks.finder.searching import plugin

    strengths = [plugin("ranking").likeness(one.blobs.features)]
    (found,) = ranked(searched, strengths, 5.0, 50)

    assert one.context.centre_px == pytest.approx((64, 64), abs=0.5)
    assert found.best > max(found.beside, default=-np.inf)


def test_a_folder_without_the_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Give the folder lidc_nodules"):
        list(read_contexts(tmp_path, "val"))


def context(diameter: float, best: float, beside: list[float]) -> Ranked:
    patient = f"p{diameter}"
    return Ranked(diameter_px=diameter, readers=4, patient=patient, best=best, beside=np.array(beside), litres=0.05)


FOUND = [context(9, 3.0, [2.5, 0.5]), context(10, 1.0, [2.0]), context(4, -np.inf, [1.5, 0.2, 0.1])]


def test_recall_counts_the_nodules_of_a_band_from_the_limit_on() -> None:
    assert tables.recall(FOUND, 1.0, (8, np.inf)).value == 1.0
    assert tables.recall(FOUND, 1.5, (8, np.inf)).value == 0.5
    assert tables.recall(FOUND, -np.inf, (0, 6)).value == 0.0


def test_a_cost_names_the_strength_from_which_no_more_candidates_come() -> None:
    limit = tables.weakest_at(FOUND, 1.0)  # three of the six: 2.5, 2.0, 1.5

    assert tables.beside(FOUND, limit) == 1.0
    assert 0.5 < limit <= 1.5


def test_the_limit_for_all_nodules_is_the_weakest_of_them() -> None:
    assert tables.weakest_for(FOUND, 1.0) == 1.0
    assert tables.weakest_for(FOUND, 0.5) == 3.0
