"""Own data as people have it, made by small scripts on real tiles: each variant is read, or refused by name."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from inspect_ai.datasets.prepare import Prepared, prepare
from inspect_ai.errors import InputError, UsageError
from inspect_ai.settings import Settings
from inspect_ai.training.corpus import refuse_too_few
from tests.support.labelled import parts_config
from tests.support.tasks import make_task

MAIN = [sys.executable, "-c", "from inspect_ai.cli import main; main()"]


def made(shared: Path, tmp_path: Path, script: str, variant: str) -> Path:
    command = [sys.executable, str(shared / "tools" / "field_cases" / f"{script}.py"), str(tmp_path / "own"), variant]
    subprocess.run(command, check=True, env={**os.environ, "SHARED": str(shared)}, capture_output=True)
    return tmp_path / "own"


def prepared(data: Path) -> Prepared:
    return prepare([data], parts_config(), Settings())


@pytest.mark.parametrize(
    ("variant", "labels", "skipped"),
    [
        ("dsstore", {"pass": 40, "flag": 40}, {"hidden or temporary names": 2}),
        ("appledouble", {"pass": 40, "flag": 40}, {"hidden or temporary names": 1}),
        ("readme", {"pass": 40, "flag": 40}, {"no picture": 1}),
        ("thumbs", {"pass": 40, "flag": 40}, {"no picture": 1}),
        ("jfif", {"pass": 40, "flag": 40}, {}),
        ("case", {"pass": 40, "flag": 40}, {}),
        ("mvtec", {"pass": 40, "flag": 40}, {}),
        ("badone", {"pass": 39, "flag": 40}, {"unreadable": 1}),
    ],
)
def test_class_folders_are_read_and_the_rest_is_counted(
    shared: Path, tmp_path: Path, variant: str, labels: dict[str, int], skipped: dict[str, int]
) -> None:
    ready = prepared(made(shared, tmp_path, "own_folders", variant))

    assert Counter(row.label for row in ready.folders[0].rows) == labels
    assert dict(ready.account().skipped) == skipped


def test_webp_pictures_are_read_or_each_is_counted(shared: Path, tmp_path: Path) -> None:
    counts = prepared(made(shared, tmp_path, "own_folders", "webp")).account()

    assert counts.found == 80
    assert counts.used + dict(counts.skipped).get("unreadable", 0) == 80


@pytest.mark.parametrize(
    ("variant", "has"), [("few", "train has 2 and 24; val has 0 and 8"), ("single", "train has 0")]
)
def test_too_few_pictures_are_told_with_what_is_needed(shared: Path, tmp_path: Path, variant: str, has: str) -> None:
    ready = prepared(made(shared, tmp_path, "own_folders", variant))

    with pytest.raises(UsageError, match=f"Training needs at least 3 positives and 3 negatives in train.*{has}"):
        refuse_too_few(ready)


@pytest.mark.parametrize("variant", ["semicolon", "bom", "backslash", "header", "space", "upper", "utf16", "blank"])
def test_tables_are_read_however_they_were_written(shared: Path, tmp_path: Path, variant: str) -> None:
    ready = prepared(made(shared, tmp_path, "own_tables", variant))

    (folder,) = ready.folders
    assert Counter(row.label for row in folder.rows) == {"pass": 20, "flag": 20}
    assert all((folder.root / row.file).is_file() and row.label in row.file for row in folder.rows)


@pytest.mark.parametrize(
    ("variant", "kind", "said"),
    [
        ("missing", InputError, r"labels\.csv lists 1 pictures that are not in .*img/gone\.jpg \(line 42\)"),
        ("conflict", UsageError, r"labels\.csv line 42 lists 'img/pass0\.jpg' again as 'flag', and in line 2"),
    ],
)
def test_a_table_that_contradicts_is_named_with_its_line(
    shared: Path, tmp_path: Path, variant: str, kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said):
        prepared(made(shared, tmp_path, "own_tables", variant))


@pytest.mark.parametrize("variant", ["copies", "rows"])
def test_one_picture_under_many_names_gets_no_certificate(shared: Path, tmp_path: Path, variant: str) -> None:
    data = made(shared, tmp_path, "own_copies", variant)
    make_task(tmp_path / "tasks")

    done = subprocess.run(
        [*MAIN, "calibrate", "bright", "--data", str(data), "--out", "point.json"],
        cwd=tmp_path, env={**os.environ, "INSPECT_AI_TASKS": str(tmp_path / "tasks")}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip

    assert done.returncode == 2, done.stderr
    assert not (tmp_path / "point.certificate.json").exists()
    assert "there are 1, which prove at most 0.050" in done.stderr
    assert ("229 pictures are copies of others" if variant == "copies" else "229 listed twice") in done.stdout
