import csv
import io
import json
import math
from pathlib import Path

import pytest

from benchmarks.writing import csv_text, json_text, markdown_table, write_files, write_text
from inspect_ai.errors import UsageError


def test_a_file_that_fails_half_way_leaves_the_old_one_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "table.md").write_text("of yesterday")

    with pytest.raises(UnicodeEncodeError):
        write_text(tmp_path / "table.md", "of today \ud800")

    assert (tmp_path / "table.md").read_text() == "of yesterday"


def test_all_files_are_written_below_a_folder_that_is_made(tmp_path: Path) -> None:
    written = write_files(tmp_path / "deep" / "out", {"a.md": "ä\n", "b.csv": "x\n"})

    assert [path.read_text("utf-8") for path in written] == ["ä\n", "x\n"]
    assert sorted(path.name for path in (tmp_path / "deep" / "out").iterdir()) == ["a.md", "b.csv"]


def test_a_folder_that_cannot_be_written_ends_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(UsageError, match=r"file cannot be written .* Choose another folder with --out\."):
        write_files(tmp_path / "file", {"a.md": ""})


def test_json_has_null_for_what_is_not_finite() -> None:
    found = json.loads(json_text({"a": [1.5, math.nan], "b": (math.inf, -math.inf), "c": {"d": math.nan}}))

    assert found == {"a": [1.5, None], "b": [None, None], "c": {"d": None}}


def test_csv_takes_rows_in_order_and_rows_by_name_and_quotes_commas() -> None:
    text = csv_text(("name", "n", "low"), [["a, b", 1, 0.25], {"low": 0.5, "name": "c"}])

    assert list(csv.reader(io.StringIO(text))) == [["name", "n", "low"], ["a, b", "1", "0.25"], ["c", "", "0.5"]]


def test_a_table_sets_names_left_and_numbers_right() -> None:
    assert markdown_table(["name", "n"], [["a", "1"]], left=1) == "| name | n |\n| --- | ---: |\n| a | 1 |\n"
    assert markdown_table(["name", "n"], []).splitlines()[1] == "| --- | --- |"
