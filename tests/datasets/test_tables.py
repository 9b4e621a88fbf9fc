"""labels.csv as spreadsheets and other systems write it is read, or a sentence names the table and the line."""

from pathlib import Path

import pytest

from inspect_ai.config import TaskConfig
from inspect_ai.datasets.folder import read_folder
from inspect_ai.datasets.table import read_table
from inspect_ai.errors import InspectError, UsageError
from tests.support.labelled import parts_config

PLAIN = "file,label\r\nimg/a.png,pass\r\nimg/b.png,flag\r\n"
WANTED = [("img/a.png", "pass"), ("img/b.png", "flag")]


@pytest.fixture
def config() -> TaskConfig:
    return parts_config()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "img").mkdir()
    for name in ("a.png", "b.png"):
        (tmp_path / "img" / name).write_bytes(b"x")
    return tmp_path


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.replace(",", ";").encode(),
        PLAIN.replace(",", "\t").encode(),
        PLAIN.replace(",", "|").encode(),
        ("sep=;\r\n" + PLAIN.replace(",", ";")).encode(),
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        b"\xfe\xff" + PLAIN.encode("utf-16-be"),
        PLAIN.encode("utf-16-le"),
        PLAIN.encode("utf-16-be"),
        PLAIN.replace("file,label", " File , LABEL ").encode(),
        PLAIN.replace("file,label", "filename,class").encode(),
        PLAIN.replace("img/", "img\\").encode(),
        PLAIN.replace("img/", "C:\\Users\\me\\parts\\img\\").encode(),
        PLAIN.replace("img/", "./img/").encode(),
        PLAIN.replace("a.png", "A.PNG").encode(),
        PLAIN.replace("pass\r", " Pass \r").replace("flag\r", "FLAG\r").encode(),
        PLAIN.replace("pass\r", "good\r").encode(),
        (PLAIN + "\r\n,\r\n , \r\n").encode(),
        (PLAIN + "img/a.png,pass\r\n").encode(),
        PLAIN.replace("img/a.png,pass", '"img/a.png","pass"').encode(),
        PLAIN.replace("\r\n", "\n").encode(),
        "file,label,note\r\nimg/a.png,pass,Stück\r\nimg/b.png,flag,\r\n".encode("latin-1"),
    ],
)
def test_a_table_is_read_however_it_was_written(root: Path, config: TaskConfig, content: bytes) -> None:
    (root / "labels.csv").write_bytes(content)

    folder = read_folder(root, config)

    assert [(row.file, row.label) for row in folder.rows] == WANTED


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("img/a.png,flag\n", r"labels\.csv line 4 lists 'img/a\.png' again as 'flag', and in line 2 as 'pass'"),
        ("img/A.PNG,flag\n", r"labels\.csv line 4 lists 'img/a\.png' again"),
        (",flag\n", r"labels\.csv line 4 names no file"),
        ("img/a.png,flag,12,13\n", r"labels\.csv line 4 has 4 cells, but line 1 names 2 columns"),
        ('"img/a.png,flag\n', r"labels\.csv line 4 cannot be read as CSV"),
        ("img/c.png,scratched\n", r"the first such row is line 4, 'img/c\.png'"),
        ("../c.png,flag\n", r"line 4: '\.\./c\.png' points out of the folder"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(root: Path, config: TaskConfig, more: str, said: str) -> None:
    (root / "labels.csv").write_text(PLAIN.replace("\r", "") + more)

    with pytest.raises(UsageError, match=said):
        read_folder(root, config)


@pytest.mark.parametrize(
    ("header", "said"),
    [("name,label", "line 1 needs a header with a column 'file'"), ("file,File,label", "names a column twice: file")],
)
def test_a_header_that_cannot_serve_is_named(root: Path, config: TaskConfig, header: str, said: str) -> None:
    (root / "labels.csv").write_text(f"{header}\nimg/a.png,pass,flag\n")

    with pytest.raises(UsageError, match=said):
        read_folder(root, config)


def test_a_name_that_may_be_two_files_is_not_guessed(root: Path, config: TaskConfig) -> None:
    (root / "img" / "A.png").write_bytes(b"x")
    (root / "labels.csv").write_text("file,label\nimg/A.PNG,pass\nimg/b.png,flag\n")

    with pytest.raises(UsageError, match=r"line 2: 'img/A\.PNG' may be img/A\.png and img/a\.png"):
        read_folder(root, config)


def test_accents_match_in_the_form_in_which_a_mac_stores_them(root: Path, config: TaskConfig) -> None:
    (root / "img" / "stu\u0308ck.png").write_bytes(b"x")
    (root / "labels.csv").write_text("file,label\nimg/st\u00fcck.png,pass\nimg/b.png,flag\n", "utf-8")

    assert read_folder(root, config).rows[0].file == "img/stu\u0308ck.png"


def test_blank_lines_repeats_and_files_that_are_not_listed_are_counted(root: Path, config: TaskConfig) -> None:
    (root / "labels.csv").write_text(PLAIN.replace("\r", "") + "\n,\nimg/a.png,pass\n")
    for name in ("img/c.png", "notes.txt", "img/.DS_Store"):
        (root / name).write_text("text")

    folder = read_folder(root, config)

    assert sorted((s.file, s.reason) for s in folder.skipped) == [
        ("", "blank lines"),
        ("", "blank lines"),
        ("img/.DS_Store", "hidden or temporary names"),
        ("img/a.png", "listed twice"),
        ("img/c.png", "not listed"),
        ("notes.txt", "no picture"),
    ]


def test_what_was_read_otherwise_than_written_is_said(root: Path, config: TaskConfig) -> None:
    (root / "Labels.CSV").write_bytes(
        PLAIN.replace(",", ";").replace("pass", "Good").replace("/", "\\").encode("utf-16")
    )

    said = " ".join(read_folder(root, config).understood)

    assert "utf-16" in said
    assert "columns by ';'" in said
    assert "'Good' was read as 'pass'" in said
    assert "was read as 'img/a.png', and 1 more names like it" in said


def test_columns_keep_their_names_and_those_of_the_program_may_be_capital(root: Path, config: TaskConfig) -> None:
    (root / "labels.csv").write_text("File,Label,Split,GROUP,Camera,Melt No\nimg/a.png,pass,Validation,g1,north,7\n")

    (row,) = read_folder(root, config).rows

    assert (row.split, row.group) == ("val", "g1")
    assert row.columns == (("label", "pass"), ("camera", "north"), ("Melt No", "7"))


def test_hostile_cells_reach_no_message_as_control_characters(root: Path, config: TaskConfig) -> None:
    (root / "labels.csv").write_text("file,label\n\x1b[2Ja.png,\x1b[31mred\n")

    with pytest.raises(InspectError) as refused:
        read_folder(root, config)

    assert "\x1b" not in str(refused.value)


def test_a_long_table_keeps_its_line_numbers(tmp_path: Path) -> None:
    lines = [f"{i}.png,pass" if i % 7 else "" for i in range(5000)]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label", *lines]) + "\n")

    read = read_table(tmp_path / "labels.csv")

    assert all(row.values["file"] == f"{row.line - 2}.png" for row in read.rows)
    assert read.blank + len(read.rows) == 5000
