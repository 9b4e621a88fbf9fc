"""One content is one unit: across groups, splits and folders, and in what a proof counts."""

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from inspect_ai.config import TaskConfig, parse_config
from inspect_ai.datasets import looks
from inspect_ai.datasets.folder import LabelledFolder
from inspect_ai.datasets.prepare import Prepared, prepare
from inspect_ai.settings import Settings
from tests.support.labelled import LABELS, class_folders, parts_config, table, texture, write


@pytest.fixture
def config() -> TaskConfig:
    return parts_config()


def in_split(folder: LabelledFolder, split: str) -> list[str]:
    return [row.file for row in folder.rows if row.split == split]


def test_identical_bytes_under_many_names_are_one_unit(tmp_path: Path, config: TaskConfig) -> None:
    rows = []
    for i in range(20):
        write(tmp_path / f"f{i}.png", texture(1))
        write(tmp_path / f"p{i}.png", texture(100 + i))
        rows += [(f"f{i}.png", "flag", "calibration"), (f"p{i}.png", "pass", "calibration")]

    ready = prepare([table(tmp_path, rows)], config, Settings())

    units = {row.unit for row in ready.folders[0].rows if row.label == "flag"}
    assert units == {"f0.png"}
    assert ready.copies_within("calibration") == 19
    assert any(
        "19 pictures are copies of others (19 with identical pixels, 0 nearly so)" in line for line in ready.said
    )


def test_the_same_pixels_in_another_file_format_are_one_unit(tmp_path: Path, config: TaskConfig) -> None:
    for name in ("a.png", "b.bmp", "c.tif"):
        write(tmp_path / "flag" / name, texture(1))
    class_folders(tmp_path, {"pass": 3}, first=50)

    ready = prepare([tmp_path], config, Settings())

    assert {row.unit for row in ready.folders[0].rows if row.label == "flag"} == {"flag/a.png"}
    assert [pair.alike for pair in ready.pairs] == [1.0, 1.0]


def test_groups_that_share_a_content_become_one_group(tmp_path: Path, config: TaskConfig) -> None:
    for name, seed in (("a1", 1), ("a2", 2), ("b1", 3), ("b2", 4), ("c1", 5)):
        write(tmp_path / f"{name}.png", texture(seed))
    write(tmp_path / "b3.png", np.ascontiguousarray(texture(2)[::-1]))  # part b shows part a's second picture, turned
    rows = [(f"{name}.png", "flag", "val", name[0]) for name in ("a1", "a2", "b1", "b2", "b3", "c1")]

    ready = prepare([table(tmp_path, rows, "file,label,split,group")], config, Settings())

    assert {row.file[0]: (row.group, row.unit) for row in ready.folders[0].rows} == {
        "a": ("a", "a"), "b": ("a", "a"), "c": ("c", "c"),
    }  # fmt: skip


def test_where_each_picture_is_independent_a_group_does_not_join_them(tmp_path: Path) -> None:
    labels = [{**LABELS[0], "independent": "picture"}]
    for name, seed in (("a", 1), ("b", 2), ("c", 1)):
        write(tmp_path / f"{name}.png", texture(seed))
    rows = [(f"{name}.png", "flag", "val", "one group") for name in "abc"]

    ready = prepare(
        [table(tmp_path, rows, "file,label,split,group")],
        parse_config({"name": "parts", "labels": labels}, "test"),
        Settings(),
    )

    assert [row.unit for row in ready.folders[0].rows] == ["a.png", "b.png", "a.png"]


def split_rows(tmp_path: Path) -> Path:
    """A copy of a training picture in calibration, of a calibration one in test, and five whole pictures."""
    rows = []
    for i, split in enumerate(("train", "train", "val", "calibration", "calibration", "test")):
        write(tmp_path / f"{split}{i}.png", texture(i))
        rows.append((f"{split}{i}.png", "flag" if i % 2 else "pass", split))
    write(tmp_path / "cal_of_train.jpg", texture(1), cv2.IMWRITE_JPEG_QUALITY, 80)
    write(tmp_path / "test_of_cal.png", np.ascontiguousarray(texture(3)[:, ::-1]))
    rows += [("cal_of_train.jpg", "flag", "calibration"), ("test_of_cal.png", "flag", "test")]
    return table(tmp_path, rows)


def test_a_copy_of_an_earlier_split_does_not_count_and_is_told(tmp_path: Path, config: TaskConfig) -> None:
    ready = prepare([split_rows(tmp_path)], config, Settings())

    (folder,) = ready.folders
    assert in_split(folder, "calibration") == ["calibration3.png", "calibration4.png"]
    assert in_split(folder, "test") == ["test5.png"]
    assert dict(ready.account().skipped) == {"copies of pictures in another split": 2}
    assert any(line.startswith("2 pictures of calibration, test do not count") for line in ready.said)
    counts = ready.account(["calibration"])
    assert (counts.found, counts.used) == (8, 2)
    assert dict(counts.skipped) == {"of other splits": 4, "copies of pictures in another split": 2}


def test_splits_that_the_program_makes_never_part_copies(tmp_path: Path, config: TaskConfig) -> None:
    class_folders(tmp_path, {"pass": 30, "flag": 30})
    for i in range(30):
        picture = cv2.imread(str(tmp_path / "flag" / f"{i:03d}.png"), cv2.IMREAD_GRAYSCALE)
        write(tmp_path / "flag" / f"copy{i:03d}.png", np.ascontiguousarray(np.rot90(picture)))

    ready = prepare([tmp_path], config, Settings())

    split = {row.file: row.split for row in ready.folders[0].rows}
    assert len(split) == 90
    assert all(split[f"flag/{i:03d}.png"] == split[f"flag/copy{i:03d}.png"] for i in range(30))
    assert set(split.values()) == {"train", "val", "calibration"}
    assert any("a fifth of its groups became val, and 25 % of the others" in s for s in ready.said)


def test_a_copy_in_another_folder_of_the_same_training_is_found(tmp_path: Path, config: TaskConfig) -> None:
    for name, seeds in (("one", (1, 2)), ("two", (3, 1))):
        for i, seed in enumerate(seeds):
            write(tmp_path / name / f"{i}.png", texture(seed))
    one = table(tmp_path / "one", [("0.png", "flag", "train"), ("1.png", "pass", "train")])
    two = table(tmp_path / "two", [("0.png", "pass", "val"), ("1.png", "flag", "val")])

    ready = prepare([one, two], config, Settings())

    assert [row.file for row in ready.folders[1].rows] == ["0.png"]


def test_one_content_under_both_labels_is_told(tmp_path: Path, config: TaskConfig) -> None:
    class_folders(tmp_path, {"pass": 4, "flag": 4})
    (tmp_path / "flag" / "000.png").write_bytes((tmp_path / "pass" / "001.png").read_bytes())

    ready = prepare([tmp_path], config, Settings())

    assert any("1 copies stand under two labels" in line and "pass/001.png (pass)" in line for line in ready.said)


def test_looks_are_kept_and_made_again_when_a_picture_changes(
    tmp_path: Path, config: TaskConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    class_folders(tmp_path / "data", {"pass": 3, "flag": 3})
    settings = Settings(cache=str(tmp_path / "cache"))
    read: list[str] = []
    of_file = looks._look_of_file
    monkeypatch.setattr(looks, "_look_of_file", lambda root, row, s: (read.append(row.file), of_file(root, row, s))[1])

    def units() -> Counter[str]:
        ready: Prepared = prepare([tmp_path / "data"], config, settings)
        return Counter(row.unit for row in ready.folders[0].rows)

    first = units()
    assert len(read) == 6
    assert units() == first
    assert len(read) == 6
    write(tmp_path / "data" / "pass" / "000.png", texture(4, 64, 80))  # what flag/001.png shows

    assert len(units()) == 5
    (kept,) = [p for p in (tmp_path / "cache").iterdir() if p.stat().st_mtime_ns == max(
        q.stat().st_mtime_ns for q in (tmp_path / "cache").iterdir())]  # fmt: skip
    kept.write_bytes(kept.read_bytes()[:100])
    assert len(units()) == 5
