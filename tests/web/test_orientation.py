"""Sides of the patient that the desk names at the ends of a volume's axes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inspect_ai.ingest import load
from inspect_ai.settings import Settings
from inspect_ai.web.cases.orientation import PlacedReader, directions_of, orientation, sides
from inspect_ai.web.cases.spool import DONE, META, spool
from tests.support.dicom_factory import enhanced_ct, save, save_series
from tests.support.dicom_studies import study_of

HEIGHTS = [0.0, 2.5, 5.0, 7.5]


def spooled(folder: Path) -> Any:
    out = folder / "spool"
    out.mkdir()
    spool(folder, study_of(folder, "series"), Settings(), out, 0)
    assert (out / DONE).is_file()
    return json.loads((out / META).read_text("utf-8"))["orientation"]


@pytest.mark.parametrize(
    ("cosines", "position", "expected"),
    [
        ([1, 0, 0, 0, 1, 0], "HFS", {"slice": ["F", "H"], "row": ["A", "P"], "col": ["R", "L"]}),
        ([1, 0, 0, 0, 1, 0], "FFS", {"slice": ["F", "H"], "row": ["A", "P"], "col": ["R", "L"]}),
        ([-1, 0, 0, 0, -1, 0], "HFP", {"slice": ["F", "H"], "row": ["P", "A"], "col": ["L", "R"]}),
        ([-1, 0, 0, 0, 1, 0], "FFS", {"slice": ["H", "F"], "row": ["A", "P"], "col": ["L", "R"]}),
        ([1, 0, 0, 0, -1, 0], "HFP", {"slice": ["H", "F"], "row": ["P", "A"], "col": ["R", "L"]}),
        ([0, 1, 0, -1, 0, 0], "HFDR", {"slice": ["F", "H"], "row": ["L", "R"], "col": ["A", "P"]}),
    ],
    ids=["head first", "feet first", "prone, turned", "rows mirrored", "columns mirrored", "lying on the side"],
)
def test_letters_follow_the_header_and_not_the_way_a_patient_lies(
    tmp_path: Path, cosines: list[float], position: str, expected: dict[str, list[str]]
) -> None:
    save_series(tmp_path / "series", HEIGHTS, ImageOrientationPatient=cosines, PatientPosition=position)

    assert spooled(tmp_path) == expected


def test_the_order_of_file_names_and_numbers_does_not_turn_a_series_over(tmp_path: Path) -> None:
    save_series(tmp_path / "series", HEIGHTS[::-1])

    assert spooled(tmp_path)["slice"] == ["F", "H"]


def test_a_multi_frame_series_has_letters_too(tmp_path: Path) -> None:
    save(enhanced_ct(HEIGHTS), tmp_path / "series" / "all")

    assert spooled(tmp_path) == {"slice": ["F", "H"], "row": ["A", "P"], "col": ["R", "L"]}


def test_both_ways_to_read_a_series_agree_where_it_lies(tmp_path: Path) -> None:
    save_series(tmp_path / "series", HEIGHTS, ImageOrientationPatient=[-1, 0, 0, 0, 1, 0])
    ref = study_of(tmp_path, "series")

    (volume,) = load(tmp_path, ref, Settings()).volumes
    by_slice = PlacedReader(tmp_path, ref, Settings()).directions()
    assert by_slice == pytest.approx(np.array(directions_of(volume)))
    assert orientation(tmp_path, ref, by_slice) == {"slice": ["H", "F"], "row": ["A", "P"], "col": ["L", "R"]}


def test_an_animal_on_four_legs_gets_no_letters_of_a_person(tmp_path: Path) -> None:
    save_series(tmp_path / "series", HEIGHTS, AnatomicalOrientationType="QUADRUPED")

    assert spooled(tmp_path) is None


def test_an_oblique_axis_names_each_side_that_it_leans_to_and_a_tremble_none() -> None:
    assert sides((0.0, 0.97, -0.24)) == "PF"
    assert sides((0.7, -0.6, 0.39)) == "LAH"
    assert sides((0.999, 0.03, -0.03)) == "L"
