"""Folders as people, operating systems and annotation tools leave them: each file is read, or counted with a reason."""

import json
from collections import Counter
from pathlib import Path

import pytest

from inspect_ai.config import TaskConfig, parse_config
from inspect_ai.datasets.folder import LabelledFolder, read_folder
from inspect_ai.datasets.prepare import prepare
from inspect_ai.errors import InputError, UsageError
from inspect_ai.settings import Settings
from tests.support.labelled import class_folders, parts_config, texture, write


@pytest.fixture
def config() -> TaskConfig:
    return parts_config()


def reasons(folder: LabelledFolder) -> dict[str, int]:
    return dict(Counter(skipped.reason for skipped in folder.skipped))


def test_what_a_mac_and_windows_leave_is_counted_and_not_read(tmp_path: Path, config: TaskConfig) -> None:
    class_folders(tmp_path, {"Pass": 3, "FLAG": 2})
    for name in ("Pass/.DS_Store", "Pass/._000.png", "__MACOSX/Pass/._000.png", "FLAG/.hidden/a.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"\0\5\26\7")
    (tmp_path / "Pass" / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0" + bytes(4000))
    (tmp_path / "Pass" / "desktop.ini").write_text("[.ShellClassInfo]\n")
    (tmp_path / "FLAG" / "README").write_text("taken on line 3\n")
    (tmp_path / "notes.txt").write_text("hello\n")
    write(tmp_path / "loose.png", texture(77))

    ready = prepare([tmp_path], config, Settings())

    (folder,) = ready.folders
    assert Counter(row.label for row in folder.rows) == {"pass": 3, "flag": 2}
    assert reasons(folder) == {"hidden or temporary names": 4, "no picture": 4, "in no class folder": 1}
    counts = ready.account()
    assert (counts.found, counts.used) == (14, 5)
    assert counts.sentence == (
        "found 14 files: 5 used, 9 skipped (4 hidden or temporary names, 4 no picture, 1 in no class folder)"
    )
    assert "'FLAG' was read as 'flag'" in ready.said


def test_a_picture_that_cannot_be_read_is_skipped_by_name_and_counted(tmp_path: Path, config: TaskConfig) -> None:
    class_folders(tmp_path, {"pass": 3, "flag": 2})
    (tmp_path / "pass" / "000.png").write_bytes((tmp_path / "pass" / "001.png").read_bytes()[:300])
    (tmp_path / "pass" / "anim.gif").write_bytes(b"GIF89a" + bytes(100))

    ready = prepare([tmp_path], config, Settings())

    assert dict(ready.account().skipped) == {"unreadable": 2}
    assert any(line.startswith("not readable: pass/000.png (the PNG is cut") for line in ready.said)
    assert any(line.startswith("not readable: pass/anim.gif (") for line in ready.said)


def test_a_listed_picture_that_is_not_there_is_refused_with_its_line(tmp_path: Path, config: TaskConfig) -> None:
    class_folders(tmp_path, {"img": 1})
    (tmp_path / "labels.csv").write_text("file,label\nimg/000.png,pass\nimg/gone.png,flag\n")

    with pytest.raises(InputError, match=r"labels\.csv lists 1 pictures that are not in .*: img/gone\.png \(line 3\)"):
        prepare([tmp_path], config, Settings())


def test_an_mvtec_export_is_read_and_its_masks_are_left_out(tmp_path: Path, config: TaskConfig) -> None:
    for i, name in enumerate(("train/good/0", "train/good/1", "test/good/0", "test/scratch/0", "test/dent/0")):
        write(tmp_path / f"{name}.png", texture(i))
    write(tmp_path / "ground_truth/scratch/0_mask.png", texture(9))

    folder = read_folder(tmp_path, config)

    assert Counter((row.split, row.label) for row in folder.rows) == {
        ("train", "pass"): 2, ("test", "pass"): 1, ("test", "flag"): 2,
    }  # fmt: skip
    assert {dict(row.columns)["kind"] for row in folder.rows} == {"good", "scratch", "dent"}
    assert reasons(folder) == {"masks": 1}
    assert "'scratch' was read as 'flag'" in folder.understood


def test_folders_of_splits_with_folders_of_classes_are_read(tmp_path: Path, config: TaskConfig) -> None:
    for i, name in enumerate(("train/pass/0", "train/flag/0", "valid/pass/0", "Test/flag/0")):
        write(tmp_path / f"{name}.png", texture(i))

    folder = read_folder(tmp_path, config)

    assert sorted((row.split, row.label) for row in folder.rows) == [
        ("test", "flag"), ("train", "flag"), ("train", "pass"), ("val", "pass"),
    ]  # fmt: skip


def test_a_word_that_is_not_known_is_refused_and_not_guessed(tmp_path: Path, config: TaskConfig) -> None:
    class_folders(tmp_path, {"pass": 2, "scratch": 2})

    with pytest.raises(UsageError, match=r"labels pass, scratch, which task parts does not know \(parts: pass, flag\)"):
        read_folder(tmp_path, config)


def coco(root: Path, place: str, pictures: dict[str, list[int]], categories: dict[int, str]) -> None:
    content = {
        "images": [{"id": i, "file_name": name} for i, name in enumerate(pictures)],
        "categories": [{"id": i, "name": name} for i, name in categories.items()],
        "annotations": [
            {"image_id": i, "category_id": kind, "bbox": [0, 0, 1, 1]}
            for i, kinds in enumerate(pictures.values())
            for kind in kinds
        ],
    }
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (root / place).write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("place", "folder"),
    [
        ("annotations/instances_train2017.json", "train2017"),
        ("train/_annotations.coco.json", "train"),
        ("annotations/train.json", "images"),
        ("result/coco_train.json", "images/train"),
    ],
)
def test_a_coco_export_is_read_by_its_marks(tmp_path: Path, config: TaskConfig, place: str, folder: str) -> None:
    for i in range(3):
        write(tmp_path / folder / f"{i}.jpg", texture(i))
    coco(tmp_path, place, {"0.jpg": [], "1.jpg": [1], "2.jpg": [1, 2]}, {1: "crack", 2: "dent"})

    found = read_folder(tmp_path, config)

    assert sorted((Path(row.file).name, row.label, row.split) for row in found.rows) == [
        ("0.jpg", "pass", "train"), ("1.jpg", "flag", "train"), ("2.jpg", "flag", "train"),
    ]  # fmt: skip
    assert any("1 of 3 pictures have no marks" in line for line in found.understood)
    assert reasons(found) == {"annotations": 1}


def test_a_coco_picture_of_two_classes_has_no_label_and_is_named(tmp_path: Path) -> None:
    steel = [{"name": "steel", "classes": ["dent", "rust", "fine"], "positive": ["dent", "rust"]}]
    for i in range(2):
        write(tmp_path / f"{i}.jpg", texture(i))
    coco(tmp_path, "a.json", {"0.jpg": [1], "1.jpg": [1, 2]}, {1: "dent", 2: "rust"})

    with pytest.raises(UsageError, match=r"the first such row is '1\.jpg'"):
        read_folder(tmp_path, parse_config({"name": "steel", "labels": steel}, "test"))


def test_a_coco_file_that_contradicts_itself_is_named(tmp_path: Path, config: TaskConfig) -> None:
    write(tmp_path / "0.jpg", texture(0))
    coco(tmp_path, "a.json", {"0.jpg": [5]}, {1: "dent"})

    with pytest.raises(UsageError, match=r"a\.json is no COCO export"):
        read_folder(tmp_path, config)


@pytest.mark.parametrize("layout", ["images/train", "train/images"])
def test_a_yolo_export_is_read_by_its_marks(tmp_path: Path, config: TaskConfig, layout: str) -> None:
    for i in range(3):
        write(tmp_path / layout / f"{i}.jpg", texture(i))
    labels = tmp_path / layout.replace("images", "labels")
    labels.mkdir(parents=True)
    (labels / "0.txt").write_text("")
    (labels / "1.txt").write_text("0 0.5 0.5 0.1 0.1\n1 0.2 0.2 0.1 0.1\n")
    (tmp_path / "data.yaml").write_text("train: images/train\nnc: 2\nnames: [crack, dent]\n")

    folder = read_folder(tmp_path, config)

    assert [(Path(row.file).name, row.label, row.split) for row in folder.rows] == [
        ("0.jpg", "pass", "train"), ("1.jpg", "flag", "train"), ("2.jpg", "pass", "train"),
    ]  # fmt: skip
    assert reasons(folder) == {"annotations": 3}


def test_a_yolo_class_that_does_not_exist_is_named_with_its_line(tmp_path: Path, config: TaskConfig) -> None:
    write(tmp_path / "images/0.jpg", texture(0))
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "0.txt").write_text("0 0.5 0.5 0.1 0.1\n7 0.5 0.5 0.1 0.1\n")
    (tmp_path / "data.yaml").write_text("names: {0: crack}\n")

    with pytest.raises(UsageError, match=r"0\.txt line 2: '7' is no class"):
        read_folder(tmp_path, config)
