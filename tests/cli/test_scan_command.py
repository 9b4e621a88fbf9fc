"""What `inspect-ai scan` prints, and how it leaves."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from inspect_ai.cli import common
from tests.support.dicom_factory import ct_slice, save, save_series
from tests.support.tasks import make_pictures, make_task

STUDY = {
    "type", "study", "source", "task", "outcome", "certified", "certified_now", "standing", "score", "threshold",
    "reason", "remarks", "findings", "entry",
}  # fmt: skip
FINDING = {
    "axes_mm",
    "name",
    "score",
    "position_mm",
    "series_uid",
    "sop_instance_uid",
    "row",
    "col",
    "diameter_mm",
    "laterality",
}
SUMMARY = {
    "type", "files", "consumed", "set_aside", "rejected", "studies", "clear", "flag", "abstain", "seconds", "head",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_task(tmp_path / "tasks2")
    make_pictures(tmp_path / "studies", 4)
    return tmp_path


def scan(folder: Path, *args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from inspect_ai.cli import main; main()", "scan", "studies", *args]
    variables = os.environ | {"INSPECT_AI_TASKS": "tasks2", "INSPECT_AI_TASK": "bright"} | environment
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=120, check=False)


def test_json_is_one_object_a_line_with_the_promised_fields(folder: Path) -> None:
    (folder / "studies" / "note.txt").write_text("no picture")

    result = scan(folder, "--json")

    lines = [json.loads(line) for line in result.stdout.splitlines()]
    studies = [line for line in lines if line["type"] == "study"]
    assert len(studies) == 4
    assert all(set(study) == STUDY for study in studies)
    assert all(set(finding) == FINDING for study in studies for finding in study["findings"])
    assert {study["outcome"] for study in studies} == {"clear", "flag"}
    (rejection,) = [line for line in lines if line["type"] == "rejection"]
    assert set(rejection) == {"type", "file", "reason", "expected"}
    assert re.fullmatch(r"[0-9a-f]{12}\.txt", rejection["file"])
    assert set(lines[-1]) == SUMMARY
    assert lines[-1]["type"] == "summary"
    assert result.returncode == 3


def test_all_well_leaves_with_0_and_a_flag_with_1_only_if_asked(folder: Path) -> None:
    assert scan(folder).returncode == 0
    assert scan(folder, "--fail-on-flag").returncode == 1


def test_a_flag_outranks_an_unreadable_file(folder: Path) -> None:
    (folder / "studies" / "note.txt").write_text("no picture")

    assert scan(folder).returncode == 3
    assert scan(folder, "--fail-on-flag").returncode == 1


def test_the_text_names_log_and_report_and_adds_up(folder: Path) -> None:
    result = scan(folder)

    text = " ".join(result.stdout.split())
    assert "Files: 4 consumed + 0 rejected = 4 found." in text
    assert "Audit log: inspect_ai.db" in text
    assert (folder / "inspect_ai_out" / "report.html").is_file()
    assert "Traceback" not in result.stderr


def test_a_name_with_control_codes_reaches_neither_terminal_nor_json_as_such(folder: Path) -> None:
    (folder / "studies" / "part0000.png").rename(folder / "studies" / "a\x1b[2J\u202eb.png")

    text, lines = scan(folder), scan(folder, "--json", "--db", "other.db")

    assert "\x1b[2J" not in text.stdout
    assert "\u202e" not in text.stdout
    assert lines.stdout.isascii()
    assert "\x1b" not in lines.stdout


def test_flag_beats_variable_beats_file_beats_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("INSPECT_AI_DB", raising=False)
    assert common.settings(db=None).db == Path("inspect_ai.db")
    (tmp_path / "inspect_ai.toml").write_text('db = "file.db"\n')
    assert common.settings(db=None).db == Path("file.db")
    monkeypatch.setenv("INSPECT_AI_DB", "variable.db")
    assert common.settings(db=None).db == Path("variable.db")
    assert common.settings(db=Path("flag.db")).db == Path("flag.db")


def test_the_flag_reaches_the_scan(folder: Path) -> None:
    scan(folder, "--db", "flag.db", INSPECT_AI_DB="variable.db")

    assert (folder / "flag.db").is_file()
    assert not (folder / "variable.db").exists()


def test_a_dry_run_says_who_would_decide_and_writes_nothing(folder: Path) -> None:
    before = sorted(p.name for p in folder.iterdir())

    result = scan(folder, "--dry-run", "--json")

    *plans, summary = [json.loads(line) for line in result.stdout.splitlines()]
    counts = {"files": 4, "series": 0, "volumes": 4, "set_aside": 0, "rejected": 0}
    assert {key: summary[key] for key in counts} == counts
    assert [(plan["type"], plan["tasks"], plan["known"]) for plan in plans] == [("plan", ["bright"], None)] * 4
    assert sorted(p.name for p in folder.iterdir()) == before


def test_a_folder_without_files_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "nothing" / "below").mkdir(parents=True)
    command = [sys.executable, "-c", "from inspect_ai.cli import main; main()", "scan", "nothing", "--json"]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 3
    assert json.loads(done.stdout.splitlines()[-1])["files"] == 0
    assert "holds no file" in done.stderr


def test_the_head_of_the_log_is_kept_elsewhere_printed_and_reported(folder: Path) -> None:
    (folder / "heads").mkdir()

    result = scan(folder, INSPECT_AI_HEADS="heads")

    (file,) = (folder / "heads").iterdir()
    head = json.loads(file.read_text())["head"]
    assert f"Head of the log: 4 entries, {head} (kept in heads, not signed)." in result.stdout
    assert f"{head} (4 entries)" in (folder / "inspect_ai_out" / "report.html").read_text()


def test_the_text_counts_files_that_are_set_aside_by_themselves(folder: Path) -> None:
    save_series(folder / "studies" / "ct", [10.0, 12.0, 14.0])
    report = ct_slice(0.0, SOPClassUID="1.2.840.10008.5.1.4.1.1.88.67", Modality="SR")
    del report.PixelData
    save(report, folder / "studies" / "ct" / "report")

    result = scan(folder)

    assert "set aside\t" in result.stdout
    assert "Files: 7 consumed + 1 set aside + 0 rejected = 8 found." in result.stdout
