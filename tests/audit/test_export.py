"""What leaves the log: a proof that can be checked elsewhere, and a table that no spreadsheet runs."""

import csv
import hashlib
import io
import json
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from inspect_ai.audit import export, export_csv, export_jsonl, open_log, patient_key
from inspect_ai.domain import Rejection
from inspect_ai.errors import AuditError, UsageError
from tests.support.logs import decision, make_log, raw_rows, rejection


def test_an_export_proves_itself_with_nothing_but_sha256(tmp_path: Path) -> None:
    make_log(tmp_path / "log.db", 5)
    text = io.StringIO()
    with open_log(tmp_path / "log.db") as log:
        head = export_jsonl(log, text)

    *entries, last = [json.loads(line) for line in text.getvalue().splitlines()]
    previous = "0" * 64
    for entry in entries:
        assert entry["previous"] == previous
        previous = hashlib.sha256(bytes.fromhex(previous) + entry["document"].encode()).hexdigest()
        assert entry["hash"] == previous
    assert (last["type"], last["rows"], last["head"]) == ("head", 5, previous)
    assert (head.rows, head.hash) == (5, raw_rows(tmp_path / "log.db")[-1][-1])


def test_an_empty_log_has_a_head_too(tmp_path: Path) -> None:
    with open_log(tmp_path / "log.db") as log:
        export(log, tmp_path / "out.jsonl")

    assert json.loads((tmp_path / "out.jsonl").read_text()) == {"type": "head", "rows": 0, "head": "0" * 64}


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\u202e=1", "\n=1"])
def test_a_cell_that_a_spreadsheet_would_run_gets_a_quote(start: str, tmp_path: Path) -> None:
    with open_log(tmp_path / "log.db") as log:
        log.append([Rejection(file="a", reason=start + "|cmd"), decision(1)])
        export(log, tmp_path / "out.csv", as_csv=True)

    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["reason"].startswith("'")
    assert all(cell.lstrip()[:1] not in set("=+-@\t\r") for row in rows for cell in row.values() if cell)
    assert (rows[1]["score"], rows[1]["outcome"], rows[1]["refers"]) == ("0.1", "flag", "")


def test_no_line_of_a_table_is_broken_by_a_text_from_a_header(tmp_path: Path) -> None:
    text = io.StringIO()
    with open_log(tmp_path / "log.db") as log:
        log.append([Rejection(file="a", reason='x\n2,"forged"\x1b[31m\u202e')])
        export_csv(log, text)

    assert len(text.getvalue().splitlines()) == 2
    assert "\x1b" not in text.getvalue()
    assert "\u202e" not in text.getvalue()


def test_a_name_that_no_encoding_holds_is_exported_all_the_same(tmp_path: Path) -> None:
    study = replace(decision(1).study, key="\udcff.png")
    with open_log(tmp_path / "log.db", operator="\udcfe") as log:
        log.append([replace(decision(1), study=study), Rejection(file="\udcff", reason="\udcff")])
        key, *_ = log.names.opened(log.entry(1).sealed)
        assert key == "\udcff.png"
        assert log.entry(1).operator == "\udcfe"
        export(log, tmp_path / "out.jsonl")

    assert len((tmp_path / "out.jsonl").read_bytes().splitlines()) == 3


def test_an_export_is_whole_or_not_there(tmp_path: Path) -> None:
    make_log(tmp_path / "log.db")
    with open_log(tmp_path / "log.db") as log, pytest.raises(UsageError, match="cannot be written"):
        export(log, tmp_path / "no folder" / "out.jsonl")

    assert sorted(file.name for file in tmp_path.iterdir()) == ["log.db", "log.db.key"]


def test_the_patient_key_is_secret_and_stays(tmp_path: Path) -> None:
    key = patient_key(tmp_path / "log.db")

    file = tmp_path / "log.db.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(key) == 32
    assert patient_key(tmp_path / "log.db") == key
    assert patient_key(tmp_path / "other.db") != key
    file.chmod(0o644)
    patient_key(tmp_path / "log.db")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(f.name for f in tmp_path.iterdir()) == ["log.db.key", "other.db.key"]


@pytest.mark.parametrize("content", ["", "zz", "00" * 31, "00" * 33])
def test_a_damaged_patient_key_is_never_replaced_silently(content: str, tmp_path: Path) -> None:
    (tmp_path / "log.db.key").write_text(content)

    with pytest.raises(AuditError, match="is damaged"):
        patient_key(tmp_path / "log.db")
    assert (tmp_path / "log.db.key").read_text() == content


def test_processes_that_start_at_once_agree_on_the_patient_key(tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from inspect_ai.audit import patient_key; import sys; sys.stdin.readline();"
        f"print(patient_key(Path({str(tmp_path / 'log.db')!r})).hex())"
    )
    command = [sys.executable, "-c", program]
    racing = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    for process in racing:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()

    assert len({process.communicate(timeout=60)[0] for process in racing}) == 1


def test_a_spreadsheet_says_of_each_decision_whether_it_is_certified(tmp_path: Path) -> None:
    doubted = decision(1)
    doubted = replace(doubted, verdict=replace(doubted.verdict, certified=False))
    with open_log(tmp_path / "log.db") as log:
        log.append([decision(0), doubted, rejection(2)])
        export(log, tmp_path / "log.csv", as_csv=True)

    with (tmp_path / "log.csv").open(newline="") as file:
        assert [row["certified"] for row in csv.DictReader(file)] == ["yes", "no", ""]
