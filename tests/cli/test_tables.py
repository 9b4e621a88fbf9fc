"""Tables of decisions as people see them: on real terminals of several widths, and in pipes."""

import csv
import io
import json
import re
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from inspect_ai.audit import Action, CertificateNote, Entry, open_log
from inspect_ai.cli.tables.decisions import COLUMNS, DecisionTable
from inspect_ai.cli.tables.layout import GAP, shortened, widths
from inspect_ai.domain import Decision, Outcome, Rejection, Verdict
from tests.support.logs import PROVENANCE, decision
from tests.support.tasks import certify, make_pictures, make_task
from tests.support.terminal import PROGRAM, in_pipe, on_terminal

PROMISE = "proved: at least 98.7 % of positives reach 0.09000 (95 % confidence)"
LONG = "folder with a long name/" * 4 + "last part of the name.png"
CJK = "肺結節検査/" * 8 + "画像.png"
FILE = "肺結節検査 " * 5 + "a file with a long name.png"
NAMES = ("part1.png", LONG, CJK, "a\x1b[2J\u202e\tb\n.png")
WIDTHS = (40, 60, 80, 97, 120, 200)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a log: certified decisions under awkward names, with remarks, and a rejected file."""
    folder = tmp_path_factory.mktemp("log")
    with open_log(folder / "inspect_ai.db") as opened:
        opened.append([*(made(number, name) for number, name in enumerate(NAMES)), Rejection(file=CJK, reason=CJK)])
    return folder


def made(number: int, name: str) -> Decision:
    plain = decision(number, score=0.5, provenance=replace(PROVENANCE, certificate_sha256="d" * 64))
    notes = tuple(f"remark {n} of {number}" for n in range(number + 2))
    study = replace(plain.study, key=name, source=name, notes=notes, problems=("left out: a slice",))
    return replace(plain, study=study, verdict=Verdict(outcome=Outcome.FLAG, reason=f"score 0.50000 is at or above 0.09000; {PROMISE}", certified=True))  # fmt: skip # noqa: E501


@pytest.mark.parametrize("words", [("audit", "list"), ("review", "list")])
@pytest.mark.parametrize("columns", [80, 200])
def test_a_list_has_one_line_a_row_and_fits_the_terminal(words: tuple[str, ...], columns: int, log: Path) -> None:
    lines = on_terminal(columns, *words, cwd=log)

    rows = [line.split()[0].rstrip("*") for line in lines if re.match(r"\d+\* .* flag ", line)]
    assert sorted(rows) == ["1", "2", "3", "4"]
    assert all(cell_len(line) <= columns for line in lines)
    assert sum(PROMISE[:20] in line for line in lines) == 1  # once, not in every row
    assert "remark 0 of 3" in "\n".join(lines)
    assert "+3 more: inspect-ai audit show 4" in "\n".join(lines)
    assert not any(hidden in "".join(lines) for hidden in "\x1b\u202e\t")


@pytest.mark.parametrize("words", [("audit", "list"), ("review", "list")])
def test_in_a_pipe_each_row_is_one_line_of_tabs_with_full_texts(words: tuple[str, ...], log: Path) -> None:
    said = in_pipe(*words, cwd=log).stdout
    lines = said.splitlines()

    assert not set(said) & set("─│┃━┏\x1b\u202e…")
    table = list(csv.DictReader(lines[: lines.index("")], delimiter="\t", quoting=csv.QUOTE_NONE))
    flags = [row for row in table if "flag" in (row.get("decision"), row.get("outcome"))]
    assert sorted(int(row["entry"]) for row in flags) == [1, 2, 3, 4]
    assert all(row["reason"] == "score 0.50000 is at or above 0.09000" for row in flags)
    assert all(row["remarks"].startswith("left out: a slice | remark 0 of ") for row in flags)
    assert sum(PROMISE in line for line in lines) == 1
    assert len({row.get("study", row["entry"]) for row in flags}) == 4


def test_show_has_the_full_text_of_names_remarks_and_reason(log: Path) -> None:
    for words in (("audit", "show", "2"), ("review", "show", "2")):
        said = in_pipe(*words, cwd=log).stdout
        assert f"score 0.50000 is at or above 0.09000; {PROMISE}" in said
        assert "remark 2 of 1" in said


def test_a_watch_hears_of_a_sentence_about_the_certificate_when_it_changes() -> None:
    table = DecisionTable(timed=True)
    suspended = "not certified: auto-clear is suspended since entry 4: the lamp flickers"
    verdicts = [
        ("score 0.1 is below 0.2; " + PROMISE, PROMISE),
        ("score 0.1 is below 0.2; " + PROMISE, ""),
        ("focus is 0.001, less than 0.01: clean the lens; darkness is 3, less than 4", ""),
        ("score 0.1 is below 0.2; " + PROMISE, ""),
        ("score 0.1 is below 0.2, but a person must look; " + suspended, suspended),
    ]
    for number, (reason, said) in enumerate(verdicts):
        made = replace(decision(number), verdict=Verdict(outcome=Outcome.ABSTAIN, reason=reason, certified=False))
        assert table.decided(made, number) == said


def test_without_any_stdout_nothing_fails(log: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f"exec {shlex.join([*PROGRAM, 'audit', 'list'])} >&-"], cwd=log, check=False
    )

    assert done.returncode == 0


def test_a_reader_that_goes_away_is_told_apart_from_findings(log: Path) -> None:
    for words in (["audit", "list", "--limit", "0"], ["audit", "export", "--csv"]):
        with subprocess.Popen([*PROGRAM, *words], cwd=log, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.close()
        assert process.returncode == 141


@given(st.text(max_size=60), st.integers(0, 50), st.booleans())
def test_a_shortened_text_fits_and_keeps_its_ends(text: str, width: int, middle: bool) -> None:
    short = shortened(text, width, middle=middle)

    assert cell_len(short) <= width
    if cell_len(text) <= width:
        assert short == text
    elif width > 4 and text.isascii():
        assert short[0] == text[0]
        assert (short[-1] == text[-1]) if middle else short[-1] == "…"


@pytest.mark.parametrize("total", WIDTHS)
def test_the_columns_of_each_width_fill_the_line_and_no_more(total: int) -> None:
    shown = [column for column in COLUMNS if total >= column.since]

    found = widths(shown, total)

    assert sum(found) + GAP * (len(found) - 1) <= total
    assert all(cells >= column.width for cells, column in zip(found, shown, strict=True))


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with certified decisions of a scan, whose certificate was revoked after them."""
    folder = tmp_path_factory.mktemp("line")
    trusted = certify(make_task(folder / "tasks2"), folder / "workshop")
    make_pictures(folder / "studies", 3)
    (folder / "studies" / "part0002.png").rename(folder / "studies" / FILE)
    (folder / "inspect_ai.toml").write_text('tasks = "tasks2"\ntask = "bright"\nworkers = 1\n')
    before = studies(in_pipe("scan", "studies", "--json", cwd=folder, INSPECT_AI_TRUSTED_KEYS=str(trusted)))
    assert [row["certified_now"] for row in before] == [True] * 3
    revoke(folder / "inspect_ai.db")
    return folder


def studies(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """Decisions among the objects of a scan."""
    return [row for row in map(json.loads, done.stdout.splitlines()) if row["type"] == "study"]


def revoke(db: Path) -> Entry:
    with open_log(db) as opened:
        first = next(iter(opened.entries(kind="decision"))).decision().provenance
        note = CertificateNote(
            task="bright", operating_point_sha256=first.operating_point_sha256, certified=False, action=Action.REVOKED,
            statement="two labels were wrong", certificate_sha256=first.certificate_sha256,
        )  # fmt: skip
        return opened.append([note])[0]


def test_a_scan_after_a_revocation_says_how_the_old_rows_stand_now(line: Path) -> None:
    rows = studies(in_pipe("scan", "studies", "--json", cwd=line))
    narrow, piped = on_terminal(80, "scan", "studies", cwd=line), in_pipe("scan", "studies", cwd=line).stdout

    assert [(row["certified"], row["certified_now"]) for row in rows] == [(True, False)] * 3
    assert all("revoked by entry 5" in row["standing"] for row in rows)
    flat = " ".join(" ".join(narrow).split())
    assert sum(re.match(r"(clear|flag) +\d+= .* ended ", text) is not None for text in narrow) == 3
    assert all(cell_len(text) <= 80 for text in narrow if re.match("decision|clear|flag", text))
    assert re.search(r"no longer certified \(\d, \d, \d\): revoked by entry 5: two labels were wrong", flat)
    assert flat.count("Research software, not a medical device") == 1
    assert piped.count("already in the log | no longer certified: revoked by entry 5") == 3


def test_names_are_whole_in_a_pipe_and_shortened_on_a_terminal(line: Path) -> None:
    narrow = on_terminal(80, "scan", "studies", "--names", cwd=line)
    piped = in_pipe("scan", "studies", "--names", cwd=line).stdout
    latin = in_pipe("scan", "studies", "--names", cwd=line, PYTHONIOENCODING="latin-1", PYTHONUTF8="0")

    assert FILE in piped
    assert FILE not in "".join(narrow)
    assert sum("肺結節" in text and "ame.png" in text for text in narrow) == 1
    assert "Traceback" not in latin.stderr
    assert r"\u80ba\u7d50" in latin.stdout  # a terminal that lacks the characters gets escapes, and no fault


def test_log_queue_table_and_page_say_it_too(line: Path) -> None:
    page = (line / "inspect_ai_out" / "report.html").read_text("utf-8")
    listed = [json.loads(row) for row in in_pipe("audit", "list", "--json", cwd=line).stdout.splitlines()]
    waiting = [json.loads(row) for row in in_pipe("review", "--json", cwd=line).stdout.splitlines()]
    exported = list(csv.DictReader(io.StringIO(in_pipe("audit", "export", "--csv", cwd=line).stdout)))
    shown = in_pipe("audit", "show", waiting[0]["entry"], cwd=line).stdout

    decided = [row for row in listed if row["kind"] == "decision"]
    for row in (*decided, *waiting):
        assert (row["certified"], row["certified_now"]) == (True, False)
        assert "revoked by entry 5" in row["standing"]
    assert {row["certified_now"] for row in listed if row["kind"] != "decision"} == {None}
    cells = [row for row in exported if row["kind"] == "decision"]
    assert [(row["certified"], row["certified_now"]) for row in cells] == [("yes", "no")] * 3
    assert all("revoked by entry 5" in row["standing"] for row in cells)
    assert "certified now\tno: revoked by entry 5: two labels were wrong" in shown
    assert page.count("revoked by entry 5") >= 3
