"""Labelled folders: both layouts, splits that hold, archives that cannot escape."""

import csv
import zipfile
from pathlib import Path

import pytest

from inspect_ai.config import TaskConfig, parse_config
from inspect_ai.datasets.folder import read_folder, with_splits
from inspect_ai.errors import InputError, UsageError

LABELS = [
    {
        "name": "parts",
        "classes": ["good", "bad"],
        "positive": ["bad"],
        "mask_column": "mask",
        "grade_column": "grade",
        "grades": 3,
    },
    {"name": "steel", "classes": ["dent", "rust", "scratch"], "positive": ["dent", "rust", "scratch"]},
]


@pytest.fixture
def config() -> TaskConfig:
    return parse_config({"name": "parts", "labels": LABELS}, "test")


def write_table(root: Path, rows: list[dict[str, str]]) -> Path:
    root.mkdir(exist_ok=True)
    with (root / "labels.csv").open("w", newline="") as f:
        writer = csv.DictWriter(f, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return root


def parts(n: int, **more: str) -> list[dict[str, str]]:
    return [
        {"file": f"{i}.png", "label": "bad" if i % 3 == 0 else "good", "group": f"g{i // 2}", **more} for i in range(n)
    ]


def test_a_table_gives_rows_with_grades_and_masks(tmp_path: Path, config: TaskConfig) -> None:
    row = {"file": "a.png", "label": "bad", "split": "val", "group": "g", "grade": "2", "mask": "m/1.png;m/2.png"}

    folder = read_folder(write_table(tmp_path, [row]), config)

    assert folder.labels.name == "parts"
    assert (folder.rows[0].grade, folder.rows[0].masks) == (2, ("m/1.png", "m/2.png"))


def test_one_folder_a_class_is_a_labelled_folder_too(tmp_path: Path, config: TaskConfig) -> None:
    for name in ("dent", "rust"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(b"x")
    (tmp_path / "rust" / "notes.txt").write_text("no picture")

    folder = read_folder(tmp_path, config)

    assert folder.labels.name == "steel"
    assert [(r.file, r.label) for r in folder.rows] == [("dent/1.png", "dent"), ("rust/1.png", "rust")]
    assert len(folder.part("test")) == 2  # no row names a split: all rows serve


def test_unknown_labels_are_named_with_what_is_known(tmp_path: Path, config: TaskConfig) -> None:
    with pytest.raises(UsageError, match=r"labels crooked, good.*parts: good, bad"):
        read_folder(write_table(tmp_path, [{"file": "a", "label": "good"}, {"file": "b", "label": "crooked"}]), config)


def test_a_missing_split_is_answered_with_those_that_are_there(tmp_path: Path, config: TaskConfig) -> None:
    folder = read_folder(write_table(tmp_path, parts(6, split="train")), config)

    with pytest.raises(UsageError, match="it has: train"):
        folder.part("test")


def test_a_group_in_two_splits_is_refused(tmp_path: Path, config: TaskConfig) -> None:
    rows = [{**row, "split": "train" if i else "val"} for i, row in enumerate(parts(2))]

    with pytest.raises(UsageError, match=r"group 'g0' stands in splits"):
        read_folder(write_table(tmp_path, rows), config)


def test_calibration_groups_are_set_aside_once_and_for_all(tmp_path: Path, config: TaskConfig) -> None:
    rows = [{**row, "split": "val" if i >= 80 else "train"} for i, row in enumerate(parts(100))]
    folder = read_folder(write_table(tmp_path, rows), config)

    (first,) = with_splits([folder], calibration_share=0.25)
    (again,) = with_splits([folder], calibration_share=0.25)

    assert first == again
    held, kept = ({r.group for r in first.part(s)} for s in ("calibration", "train"))
    assert held.isdisjoint(kept)
    assert len(held) == pytest.approx(10, abs=1)
    assert {r.label for r in first.part("calibration")} == {"good", "bad"}
    assert first.part("val") == folder.part("val")


def test_a_mate_with_a_calibration_split_leaves_train_whole(tmp_path: Path, config: TaskConfig) -> None:
    one = read_folder(write_table(tmp_path / "one", [{**r, "split": "train"} for r in parts(20)]), config)
    rows = [{**r, "split": "calibration" if i < 10 else "train"} for i, r in enumerate(parts(20))]
    two = read_folder(write_table(tmp_path / "two", rows), config)

    ready, _ = with_splits([one, two], calibration_share=0.25)

    assert {r.split for r in ready.rows} == {"train", "val"}


def test_without_any_split_there_is_train_val_and_calibration(tmp_path: Path, config: TaskConfig) -> None:
    (ready,) = with_splits([read_folder(write_table(tmp_path, parts(60)), config)], calibration_share=0.25)

    splits: dict[str, set[str]] = {}
    for row in ready.rows:
        splits.setdefault(row.group, set()).add(row.split)
    assert {row.split for row in ready.rows} == {"train", "val", "calibration"}
    assert all(len(s) == 1 for s in splits.values())


def test_pictures_come_out_of_the_archive_and_leave_with_it(tmp_path: Path, config: TaskConfig) -> None:
    write_table(tmp_path, [{"file": "a/1.png", "label": "good"}])
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as z:
        z.writestr("a/1.png", b"pixels")
    folder = read_folder(tmp_path, config)

    with folder.unpacked(folder.rows) as root:
        assert (root / "a" / "1.png").read_bytes() == b"pixels"
    assert not root.exists()


@pytest.mark.parametrize("name", ["../outside.png", "/etc/hostname"])
def test_a_name_that_points_out_of_the_folder_is_refused(tmp_path: Path, config: TaskConfig, name: str) -> None:
    with pytest.raises(UsageError, match="points out of the folder"):
        read_folder(write_table(tmp_path, [{"file": name, "label": "good"}]), config)


def test_a_picture_that_the_archive_lacks_is_named(tmp_path: Path, config: TaskConfig) -> None:
    write_table(tmp_path, [{"file": "gone.png", "label": "good"}])
    zipfile.ZipFile(tmp_path / "images.zip", "w").close()
    folder = read_folder(tmp_path, config)

    with pytest.raises(InputError, match=r"gone\.png"), folder.unpacked(folder.rows):
        pass


@pytest.mark.parametrize(
    ("content", "word"), [(b"name,label\na,good\n", "'file'"), (b"file,label\n\x00\x01\x02,good\n", "UTF-8")]
)
def test_a_broken_table_is_a_sentence(tmp_path: Path, config: TaskConfig, content: bytes, word: str) -> None:
    (tmp_path / "labels.csv").write_bytes(content)

    with pytest.raises(UsageError, match=word):
        read_folder(tmp_path, config)


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path: Path, config: TaskConfig) -> None:
    with pytest.raises(InputError, match="is no folder"):
        read_folder(tmp_path / "nowhere", config)


def test_a_row_keeps_the_columns_that_tell_pictures_apart(tmp_path: Path, config: TaskConfig) -> None:
    row = {
        "file": "a.png", "label": "bad", "split": "val", "group": "g", "grade": "2", "mask": "1.png", "camera": "north",
        "exposure": "",
    }  # fmt: skip

    folder = read_folder(write_table(tmp_path, [row]), config)

    assert folder.rows[0].columns == (("label", "bad"), ("grade", "2"), ("camera", "north"), ("exposure", ""))
