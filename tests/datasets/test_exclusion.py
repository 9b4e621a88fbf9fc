"""A list leaves pictures out of train alone, and only those that a person has marked."""

from pathlib import Path

import pytest

from inspect_ai.datasets.exclusion import Excluded, excluded
from inspect_ai.datasets.folder import LabelledFolder, Row
from inspect_ai.errors import UsageError
from tests.support.labelled import parts_config

SPLITS = {"a.png": "train", "b.png": "train", "=c.png": "calibration", "d.png": "val"}


def folder(name: str = "caps") -> LabelledFolder:
    rows = tuple(Row(file=file, label="flag", split=split, group=file) for file, split in SPLITS.items())
    return LabelledFolder(root=Path(name), labels=parts_config().labels[0], rows=rows)


def listed(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "list.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_plain_list_of_files_leaves_all_of_them_out_of_train(tmp_path: Path) -> None:
    found = excluded(listed(tmp_path, "file", "a.png", "b.png"), [folder()])

    assert (found.files, found.count) == ((frozenset({"a.png", "b.png"}),), 2)


def test_a_sheet_counts_where_a_person_has_marked_it(tmp_path: Path) -> None:
    found = excluded(listed(tmp_path, "exclude,file,why", "x,b.png,blurred", ",a.png,hard", "no,a.png,"), [folder()])

    assert found.files == (frozenset({"b.png"}),)


def test_calibration_and_val_keep_what_is_listed_and_it_is_said_why(tmp_path: Path) -> None:
    found = excluded(listed(tmp_path, "file", "a.png", "'=c.png", "d.png"), [folder()])

    assert found.files == (frozenset({"a.png"}),)
    (first, second) = found.said
    assert first.startswith("1 picture of train is left out")
    assert second.startswith("1 of calibration, 1 of val on that list stay: a part without its hardest positives")


def test_a_name_that_two_folders_share_is_left_out_of_the_one_that_the_list_names(tmp_path: Path) -> None:
    path = listed(tmp_path, "data,file", "nuts,a.png", ",b.png")

    assert excluded(path, [folder("caps"), folder("nuts")]).files == (
        frozenset({"b.png"}),
        frozenset({"a.png", "b.png"}),
    )


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("exclude,file", ",a.png"), "marks no picture. Look at each one"),
        (("file", "z.png"), r"line 2 lists 'z.png', which is in none of the folders"),
        (("data,file", "nuts,a.png"), "in none of the folders"),
    ],
)
def test_a_list_that_can_leave_nothing_out_is_refused(tmp_path: Path, lines: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        excluded(listed(tmp_path, *lines), [folder()])


def test_without_a_list_nothing_is_left_out() -> None:
    assert excluded(None, [folder()]) == Excluded(files=(frozenset(),))
