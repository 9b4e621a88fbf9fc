"""Groups that a person vouches for: near copies in different ones are told, identical pixels are one unit still."""

from pathlib import Path

import numpy as np
import pytest

from inspect_ai.config import TaskConfig, parse_config
from inspect_ai.datasets.prepare import prepare
from inspect_ai.datasets.several import apart, named_twice, one_label_set
from inspect_ai.errors import UsageError
from inspect_ai.settings import Settings
from tests.support.labelled import LABELS, class_folders, parts_config, table, texture, write

HEADER = "file,label,split,group"


@pytest.fixture
def vouching() -> TaskConfig:
    return parse_config({"name": "parts", "labels": [{**LABELS[0], "near_copies": "report"}]}, "test")


def five_parts(folder: Path) -> Path:
    """Flagged calibration parts a, b, c, d, of which b shows a and c shows t of train, turned; b has a second picture.

    By look: a and b are one part, c was trained on, d is alone.
    """
    for name, seed in (("t1", 1), ("a1", 2), ("b2", 3), ("d1", 4)):
        write(folder / f"{name}.png", texture(seed))
    write(folder / "c1.png", np.ascontiguousarray(texture(1)[:, ::-1]))
    write(folder / "b1.png", np.ascontiguousarray(np.rot90(texture(2))))
    rows = [("t1.png", "flag", "train", "t")]
    rows += [(f"{name}.png", "flag", "calibration", name[0]) for name in ("a1", "b1", "b2", "c1", "d1")]
    return table(folder, rows, HEADER)


def test_near_copies_in_vouched_groups_count_as_they_are_named_and_are_told(
    tmp_path: Path, vouching: TaskConfig
) -> None:
    ready = prepare([five_parts(tmp_path)], vouching, Settings())

    assert [row.unit for row in ready.folders[0].rows] == ["t", "a", "b", "b", "c", "d"]
    assert ready.pairs == ()
    assert {(pair.first[1].file, pair.second[1].file) for pair in ready.vouched} == {
        ("t1.png", "c1.png"), ("a1.png", "b1.png"),
    }  # fmt: skip
    assert ready.left_if_joined("calibration", positive=True) == (4, 2)
    (said,) = ready.said
    assert "a person vouches for the groups (near_copies: report)" in said
    assert "would leave 3 of 5 units and 5 of 6 pictures" in said


def test_joining_leaves_what_vouching_says_that_it_would(tmp_path: Path, vouching: TaskConfig) -> None:
    five_parts(tmp_path)

    joined = prepare([tmp_path], parts_config(), Settings())
    told = prepare([tmp_path], vouching, Settings()).left_if_joined("calibration")

    (folder,) = joined.folders
    units = {row.unit for row in folder.rows if row.split == "calibration"}
    assert told is not None
    assert (len(units), joined.left_if_joined("calibration")) == (told[1], None)


def test_identical_pixels_are_one_unit_whoever_vouches(tmp_path: Path, vouching: TaskConfig) -> None:
    for name, seed in (("t1", 1), ("a1", 2), ("b1", 2), ("c1", 1)):
        write(tmp_path / f"{name}.png", texture(seed))
    rows = [("t1.png", "flag", "train", "t")]
    rows += [(f"{name}.png", "flag", "calibration", name[0]) for name in ("a1", "b1", "c1")]

    ready = prepare([table(tmp_path, rows, HEADER)], vouching, Settings())

    assert [(row.file, row.unit) for row in ready.folders[0].rows] == [
        ("t1.png", "t"), ("a1.png", "a"), ("b1.png", "a"),
    ]  # fmt: skip
    assert ready.vouched == ()


@pytest.mark.parametrize("group", ["", "mixed"])
def test_where_not_every_picture_names_its_group_nobody_has_vouched(
    group: str, tmp_path: Path, vouching: TaskConfig
) -> None:
    write(tmp_path / "a.png", texture(1))
    write(tmp_path / "b.png", np.ascontiguousarray(texture(1)[::-1]))
    rows = [("a.png", "flag", "val", ""), ("b.png", "flag", "val", group)]

    ready = prepare([table(tmp_path, rows, HEADER)], vouching, Settings())

    assert len({row.unit for row in ready.folders[0].rows}) == 1
    assert ready.vouched == ()


def test_vouching_for_groups_where_each_picture_counts_is_refused() -> None:
    labels = {**LABELS[0], "near_copies": "report", "independent": "picture"}

    with pytest.raises(UsageError, match="label set parts sets near_copies to report, which vouches for groups"):
        parse_config({"name": "parts", "labels": [labels]}, "test")


def test_units_of_two_folders_stay_apart_by_file_name_and_together_by_content(tmp_path: Path) -> None:
    """Both folders hold flag/000.png; the second one also a copy of the first one's flag/001.png."""
    class_folders(tmp_path / "one", {"flag": 2, "pass": 1})
    class_folders(tmp_path / "two", {"flag": 1, "pass": 1}, first=50)
    write(tmp_path / "two" / "flag" / "copy.png", np.ascontiguousarray(texture(1, 64, 80)[::-1]))

    ready = prepare([tmp_path / "one", tmp_path / "two"], parts_config(), Settings(), split=False)

    folders = apart(ready.folders)
    flagged = [row for folder in folders for row in folder.rows if row.label == "flag"]
    assert len(flagged) == 4
    assert len({row.unit for row in flagged}) == 3
    assert {row.group for row in folders[1].rows} == {"two/flag/000.png", "two/flag/copy.png", "two/pass/000.png"}
    assert one_label_set(folders).name == "parts"


def test_groups_of_one_name_in_two_folders_count_once_and_are_told(tmp_path: Path) -> None:
    for place, seed in (("one", 1), ("two", 10)):
        for i in range(2):
            write(tmp_path / place / f"{i}.png", texture(seed + i))
        table(tmp_path / place, [("0.png", "flag", "val", "patient 1"), ("1.png", "flag", "val", place)], HEADER)

    ready = prepare([tmp_path / "one", tmp_path / "two"], parts_config(), Settings())

    folders = apart(ready.folders)
    assert sorted({row.unit for folder in folders for row in folder.rows}) == ["one", "patient 1", "two"]
    (said,) = named_twice(folders, "val")
    assert "1 groups have one name in several folders and count as one each (the first is 'patient 1')" in said
