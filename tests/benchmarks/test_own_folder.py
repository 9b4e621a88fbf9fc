"""Own folders: pass and flag are made of any labelled data, failures say where to read, and finished ones stay."""

import csv
import json
from pathlib import Path

import pytest

from benchmarks.own_folder.folders import FOLDERS, Brought, made
from benchmarks.own_folder.study import COLUMNS, RESULT, Ended, Stranger, cells, ended_from, names
from inspect_ai.errors import InputError, UsageError

STEEL = Brought(name="steel", source="plates", flag=("crack",), note="")
FIGURES = {
    "folder": "steel", "network": "trunk", "seed": 0, "threads": 1, "minutes": 21.6, "auc": 0.98,
    "auc_interval": [0.9, 1.0], "proved": 0.9, "units": 29, "false_positive_rate": 0.02,
    "false_positive_rate_interval": [0.0, 0.1], "sensitivity": 1.0, "n": 170,
}  # fmt: skip


def brought(data: Path, *labels: str) -> Path:
    source = data / "plates"
    source.mkdir(parents=True)
    rows = [f"{i}.png,{label},train,g{i},masks/{i}.png" for i, label in enumerate(labels)]
    (source / "labels.csv").write_text("\n".join(["file,label,split,group,mask", *rows]) + "\n")
    (source / "images.zip").write_bytes(b"pictures")
    return data


def stranger(data: Path, out: Path) -> Stranger:
    return Stranger(data=data, out=out, budget="1m", threads=1, seed=0, backbone=None, tell=lambda sentence: None)


def test_a_folder_names_pass_and_flag_alone(tmp_path: Path) -> None:
    folder = made(STEEL, brought(tmp_path, "crack", "rust", "crack"), tmp_path / "own")

    rows = list(csv.DictReader((folder / "labels.csv").open()))
    assert [row["label"] for row in rows] == ["flag", "pass", "flag"]
    assert list(rows[0]) == ["file", "label", "split", "group"]
    assert (folder / "images.zip").read_bytes() == b"pictures"


def test_data_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"plates/labels\.csv is not there"):
        made(STEEL, tmp_path, tmp_path / "own")


def test_a_command_that_fails_says_where_its_reason_stands(tmp_path: Path) -> None:
    one = stranger(brought(tmp_path / "data", "rust", "rust"), tmp_path / "out")

    with pytest.raises(UsageError, match=r"inspect-ai tasks ended with \d; .*log\.txt says why"):
        one.tried(STEEL)

    assert "inspect-ai: " in (tmp_path / "out/steel-trunk-0/log.txt").read_text()


def test_what_is_finished_is_not_run_again(tmp_path: Path) -> None:
    (tmp_path / "steel-trunk-0").mkdir()
    (tmp_path / "steel-trunk-0" / RESULT).write_text(json.dumps(FIGURES))

    found = stranger(tmp_path / "nowhere", tmp_path).tried(STEEL)

    assert cells(found) == (
        "steel", "trunk", "0", "22 on 1 thread", "0.980 (0.900 to 1.000)", "0.9", "29", "1.000",
        "0.020 (0.000 to 0.100)",
    )  # fmt: skip


def test_a_refused_promise_is_a_row_too() -> None:
    nothing = dict.fromkeys(["proved", "units", "false_positive_rate", "false_positive_rate_interval", "sensitivity"])

    found: Ended = ended_from(FIGURES | nothing)

    assert cells(found)[5:] == ("refused", "", "", "")
    assert len(cells(found)) == len(COLUMNS)


def test_folders_are_chosen_by_name() -> None:
    assert [one.name for one in names([], FOLDERS)] == ["impellers", "strip", "tiles", "plate"]
    assert names(["tiles"], FOLDERS) == [FOLDERS[2]]
    with pytest.raises(UsageError, match="there is no folder 'tile'"):
        names(["tile"], FOLDERS)
