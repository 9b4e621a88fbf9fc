"""A CSV file of scores is read whole and exactly, or refused in a sentence that names the row."""

import hashlib
from pathlib import Path

import pytest

from inspect_ai.datasets.score_file import quoted, read_score_file, unquoted
from inspect_ai.errors import InputError, UsageError


def written(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def test_rows_come_back_with_their_group_label_and_further_columns(tmp_path: Path) -> None:
    text = "unit,group,positive,score,camera,label\r\na,pat1,1,0.1,north,crack\r\nb,,False,-3e2,south,\r\n\r\n"

    file = read_score_file(written(tmp_path / "s.csv", text))

    a, b = file.rows
    assert (a.unit, a.group, a.label, a.positive, a.score) == ("a", "pat1", "crack", True, 0.1)
    assert a.columns == (("camera", "north"), ("label", "crack"))
    assert (b.unit, b.group, b.label, b.positive, b.score) == ("b", "b", "", False, -300.0)
    assert file.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert not file.grouped


def test_the_columns_of_evaluate_are_read_with_the_file_as_unit(tmp_path: Path) -> None:
    text = "\ufefffile,group,label,positive,score\na.png,p,flag,1,0.5\nb.png,p,pass,0,0.25\n"

    file = read_score_file(written(tmp_path / "s.csv", text))

    assert [(row.unit, row.group, row.label) for row in file.rows] == [("a.png", "p", "flag"), ("b.png", "p", "pass")]
    assert file.grouped


def test_what_was_quoted_against_formulas_is_read_as_it_was(tmp_path: Path) -> None:
    names = ["=1+1", "+x", "-x", "@x", "'plain", "x", "''"]
    rows = "".join(f'"{quoted(name)}",1,0.5\n' for name in names)

    file = read_score_file(written(tmp_path / "s.csv", "unit,positive,score\n" + rows))

    assert [row.unit for row in file.rows] == names
    assert [quoted(name)[0] for name in names[:4]] == ["'"] * 4
    assert unquoted("") == quoted("") == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("\n", "is empty"),
        ("unit,positive,score\n", "holds no scores"),
        ("unit,score\na,0.5\n", "lacks columns: positive"),
        ("positive,score\n1,0.5\n", r"lacks columns: unit \(or file\)"),
        ("unit;positive;score\na;1;0.5\n", "Separate columns by commas"),
        ("unit,positive,score,score\na,1,0.5,0.5\n", "names a column twice: score"),
        ("unit,positive,score\na,1\n", "row 2: 2 cells, but the first line names 3"),
        ("unit,positive,score\na,1,0.5\n,1,0.5\n", "row 3: unit is empty"),
        ("unit,positive,score\na,1,0.5\nb,0,0.5\na,0,0.1\n", "row 4: unit 'a' is there already, in row 2"),
        ("unit,positive,score\na,yes,0.5\n", "row 2: positive is 'yes'; write 1 or 0"),
        ("unit,positive,score\na,,0.5\n", "positive is ''"),
        ("unit,positive,score\na,1,nan\n", "row 2: the score is not a number"),
        ("unit,positive,score\na,1,-inf\n", "not a number"),
        ("unit,positive,score\na,1,\n", "not a number"),
        ('unit,positive,score\na,1,"0,5"\n', "digits with a point"),
        ("unit,positive,score\na,1,1_0\n", "not a number"),
        ("unit,positive,score\na\x1b[2J,x,1\n", "positive"),
    ],
)
def test_whatever_is_wrong_is_said_with_its_row(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        read_score_file(written(tmp_path / "s.csv", text))

    assert str(tmp_path / "s.csv") in str(refused.value)
    assert "\x1b" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"unit,positive,score\n\xe4,1,0.5\n", "no UTF-8 text"),
        ("unit,positive,score\na,1,0.5\n".encode("utf-16"), "no UTF-8 text"),
        (b'unit,positive,score\na,1,"0.5\n', "cannot be read as CSV"),
    ],
)
def test_a_file_that_is_no_text_table_is_an_unreadable_input(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_bytes(content)

    with pytest.raises(InputError, match=said):
        read_score_file(tmp_path / "s.csv")
    with pytest.raises(InputError, match="cannot be read"):
        read_score_file(tmp_path / "nowhere.csv")


def test_thousands_of_rows_keep_every_digit(tmp_path: Path) -> None:
    scores = [i / 7919 for i in range(20_000)]
    rows = "".join(f"u{i},{i % 2},{score!r}\n" for i, score in enumerate(scores))

    file = read_score_file(written(tmp_path / "s.csv", "unit,positive,score\n" + rows))

    assert [row.score for row in file.rows] == scores
