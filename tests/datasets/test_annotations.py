"""Tables of nodules in whole series: LUNA16's columns, boxes, and what is wrong with a table is said with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from inspect_ai.datasets.annotations import read_annotations
from inspect_ai.errors import InputError

LUNA16 = "seriesuid,coordX,coordY,coordZ,diameter_mm\n"
BOXES = "file,series_uid,sop_instance_uid,type,row_min,col_min,row_max,col_max,z_mm\n"


def table(folder: Path, text: str) -> Path:
    path = folder / "annotations.csv"
    path.write_text(text, "utf-8")
    return path


def test_the_columns_of_luna16_give_a_centre_and_a_diameter_each(tmp_path: Path) -> None:
    first, second = read_annotations(
        table(tmp_path, LUNA16 + "1.2,-128.6994211,-175.3192718,-298.3875064,5.65\n3.4,1,2,3,4\n")
    )

    assert first.series_uid == "1.2"
    assert first.centre_mm == (-128.6994211, -175.3192718, -298.3875064)
    assert first.diameter_mm == 5.65
    assert (second.series_uid, second.centre_mm, second.diameter_mm) == ("3.4", (1.0, 2.0, 3.0), 4.0)


def test_the_boxes_of_one_series_are_one_nodule(tmp_path: Path) -> None:
    rows = "a.dcm,1.2,1.2.1,A,10,20,30,40,-5\nb.dcm,1.2,1.2.2,A,11,21,31,41,-10\nc.dcm,9.9,9.9.1,A,1,2,3,4,0\n"

    first, second = read_annotations(table(tmp_path, BOXES + rows))

    assert [box.sop_instance_uid for box in first.boxes] == ["1.2.1", "1.2.2"]
    assert first.boxes[1].rows == (11.0, 31.0)
    assert first.boxes[1].columns == (21.0, 41.0)
    assert (second.series_uid, len(second.boxes)) == ("9.9", 1)


def test_a_column_lesion_parts_the_boxes_of_one_series(tmp_path: Path) -> None:
    head = "series_uid,sop_instance_uid,row_min,col_min,row_max,col_max,lesion\n"

    found = read_annotations(table(tmp_path, head + "1,1.1,0,0,5,5,a\n1,1.2,0,0,5,5,a\n1,1.2,50,50,60,60,b\n"))

    assert [(nodule.name, len(nodule.boxes)) for nodule in found] == [("lesion a", 2), ("lesion b", 1)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,x\n1,2\n", "neither LUNA16's columns"),
        (LUNA16 + "1.2,1,2,three,4\n", "line 2: coordZ is 'three', no number"),
        (LUNA16 + "1.2,1,2,nan,4\n", "line 2: coordZ is 'nan', no number"),
        (LUNA16 + "1.2,1,2,3,4\n1.2,1,2,3,-4\n", "line 3: diameter_mm is -4"),
        (BOXES + "a.dcm,1,1.1,A,10,20,5,40,0\n", "line 2: the box ends before it begins"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_annotations(table(tmp_path, text))


def test_a_table_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Name the CSV file"):
        read_annotations(tmp_path / "annotations.csv")
