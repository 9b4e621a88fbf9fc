"""The demo, as a person starts it: made studies, decided offline; the second run makes and decides nothing again."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from inspect_ai.errors import InspectError
from inspect_ai.inspection.loading import load_all
from inspect_ai.settings import Settings

COMMAND = [sys.executable, "-c", "from inspect_ai.cli import main; main()", "demo", "--dir", "demo"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        load_all(Settings())
    except InspectError as e:
        pytest.skip(f"no task is trained yet: {e}")
    return tmp_path_factory.mktemp("demo")


def demo(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *args], cwd=folder, env=os.environ, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.mark.slow
def test_the_demo_decides_made_studies_and_says_what_to_do_next(folder: Path) -> None:
    first = demo(folder)
    second = demo(folder, "--json")

    assert first.returncode == second.returncode == 0, first.stderr
    text = " ".join(first.stdout.split())
    assert "made by a program" in text
    assert "trained on real data" in text
    assert "inspect-ai audit verify --db demo/inspect_ai.db" in text
    assert (folder / "demo" / "report" / "report.html").is_file()
    lines = [json.loads(line) for line in second.stdout.splitlines()]
    summary = lines[-1]
    files = [path for path in (folder / "demo" / "studies").rglob("*") if path.is_file()]
    assert summary["files"] == summary["consumed"] + summary["rejected"] == len(files)
    assert f"{summary['consumed']} consumed + {summary['rejected']} rejected = {len(files)} found" in text
    studies = [line for line in lines if line["type"] == "study"]
    assert {line["outcome"] for line in studies} >= {"flag", "clear"}  # made pictures are decided, and certified none
    assert not any(line["certified"] for line in studies)
    entries = {line["entry"] for line in studies}
    assert len(entries) == summary["studies"] - 1  # the copy of one picture shares its row
    assert {path.name for path in folder.iterdir()} == {"demo"}
