"""`tasks` lists what is there, the broken too, and `tasks new` writes what works at once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from inspect_ai.cli.template import write_task
from inspect_ai.errors import UsageError
from inspect_ai.plugins import find_tasks, task_named


def run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from inspect_ai.cli import main; main()", *args]
    return subprocess.run(command, cwd=folder, env=os.environ, capture_output=True, text=True, timeout=120, check=False)


def test_a_new_task_is_found_and_its_own_test_passes(tmp_path: Path) -> None:
    made = run(tmp_path, "tasks", "new", "weld_seam", "--json")
    unasked = run(tmp_path, "tasks", "list", "--json")
    listed = run(tmp_path, "tasks", "list", "--tasks", "./tasks", "--json")

    assert made.returncode == 0, made.stderr
    assert {Path(file).name for file in json.loads(made.stdout)["files"]} == {
        "task.py", "config.yaml", "DATA_CARD.md", "test_weld_seam.py",
    }  # fmt: skip
    rows = {row["task"]: row for row in map(json.loads, listed.stdout.splitlines())}
    assert "weld_seam" not in unasked.stdout
    assert rows["weld_seam"]["origin"] == "--tasks"
    assert rows["weld_seam"]["error"] is None
    assert rows["weld_seam"]["ready"] is False
    own = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tasks/weld_seam"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert own.returncode == 0, own.stdout
    assert "2 passed" in own.stdout


def test_the_plugin_of_a_new_task_has_at_most_40_lines(tmp_path: Path) -> None:
    write_task("small", tmp_path)

    assert len((tmp_path / "small" / "task.py").read_text().splitlines()) <= 40


def test_a_new_task_overwrites_nothing_and_needs_a_plain_name(tmp_path: Path) -> None:
    write_task("mine", tmp_path)

    with pytest.raises(UsageError, match="there already"):
        write_task("mine", tmp_path)
    for name in ("../out", "Big", "7up", "", "a b"):
        with pytest.raises(UsageError, match="no name for a task"):
            write_task(name, tmp_path)


def test_a_broken_task_is_listed_with_its_error_and_breaks_nobody_else(tmp_path: Path) -> None:
    write_task("sound", tmp_path / "tasks")
    write_task("broken", tmp_path / "tasks")
    (tmp_path / "tasks" / "broken" / "task.py").write_text("import a_package_that_nobody_has\n")

    (tmp_path / "inspect_ai.toml").write_text('tasks = "tasks"\n')

    result = run(tmp_path, "tasks", "--json")

    rows = {row["task"]: row for row in map(json.loads, result.stdout.splitlines())}
    assert "a_package_that_nobody_has" in rows["broken"]["error"]
    assert (rows["sound"]["error"], rows["sound"]["origin"]) == (None, "./inspect_ai.toml")
    assert result.returncode == 0


def test_two_tasks_of_one_name_are_an_error_that_names_both(tmp_path: Path) -> None:
    write_task("twin", tmp_path / "a")
    write_task("twin", tmp_path / "b")
    extra = os.pathsep.join([str(tmp_path / "a"), str(tmp_path / "b")])

    with pytest.raises(UsageError) as caught:
        task_named("twin", extra)

    assert str(tmp_path / "a" / "twin") in str(caught.value)
    assert str(tmp_path / "b" / "twin") in str(caught.value)
    assert len([found for found in find_tasks(extra) if found.name == "twin"]) == 2


def test_doctor_names_decoders_sqlite_and_tasks(tmp_path: Path) -> None:
    result = run(tmp_path, "doctor", "--json")

    checks = {check["check"]: check for check in json.loads(result.stdout)}
    assert result.returncode == 0, result.stderr
    assert {"Python", "SQLite", "free disk", "GPU", "DICOM JPEG 2000", "onnxruntime", "distribution"} <= set(checks)
    assert all(check["state"] in {"ok", "note"} for check in checks.values())
