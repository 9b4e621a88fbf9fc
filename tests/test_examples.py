"""The scripts in examples/ and the Python blocks of README and docs/python.md run as a person would run them."""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import inspect_ai
from inspect_ai.audit import verify
from inspect_ai.phantom.metal import make_surface

ROOT = Path(__file__).resolve().parents[1]


def run(*words: str | Path, cwd: Path) -> str:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *words], cwd=cwd, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_is_run_here() -> None:
    source = Path(__file__).read_text("utf-8")

    assert [path.name for path in (ROOT / "examples").glob("*.py") if f'"{path.name}"' not in source] == []


def test_an_array_is_decided_and_logged_once(tmp_path: Path) -> None:
    first = run(ROOT / "examples" / "decide_one_array.py", cwd=tmp_path)
    again = run(ROOT / "examples" / "decide_one_array.py", cwd=tmp_path)

    assert again == first
    with inspect_ai.open_log(tmp_path / "example.db", create=False) as log:
        (decision,) = [entry.decision() for entry in log.entries(kind="decision")]
    assert decision.verdict.outcome is inspect_ai.Outcome.ABSTAIN  # no camera took it
    assert "unlike those that the threshold was set on" in decision.verdict.reason
    assert f"{decision.verdict.outcome}: {decision.verdict.reason}" in first


def test_a_task_of_ones_own_is_calibrated_and_decides_certified(tmp_path: Path) -> None:
    out = run(ROOT / "examples" / "own_task.py", cwd=tmp_path)

    assert "proved: at least 95 % of positives" in out
    lines = [line for line in out.splitlines() if ".png: " in line]
    assert len(lines) == 6
    for line in lines:
        wanted = "flag" if "_flag.png" in line else "clear"
        assert line.endswith(f": {wanted}, certified: True")
    assert verify(tmp_path / "example.db").ok


def test_scores_of_another_program_get_a_proved_threshold(tmp_path: Path) -> None:
    out = run(ROOT / "examples" / "calibrate_other_scores.py", cwd=tmp_path)

    assert "proved: at least 98.7 % of positives reach" in out
    with (tmp_path / "scores.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    positive = sorted(float(row["score"]) for row in rows if row["positive"] == "1")
    negative = [float(row["score"]) for row in rows if row["positive"] == "0"]
    line = positive[1]  # 400 positives prove 98.7 % at 95 % with one miss: 364 are enough for one, 483 for two
    flagged = sum(score >= line for score in negative) / len(negative)
    assert f"sensitivity 0.987: {100 * flagged:.1f} % of good parts are not cleared" in out
    assert inspect_ai.read_point(tmp_path / "operating_point.json").thresholds.clear_below == line
    assert out.splitlines()[-1].startswith("flag: ")


def python_blocks() -> list[str]:
    pages = [(ROOT / name).read_text("utf-8") for name in ("README.md", "docs/python.md")]
    return [block for page in pages for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL)]


@pytest.mark.parametrize("block", python_blocks())
def test_python_blocks_run_and_print(block: str, tmp_path: Path) -> None:
    (tmp_path / "studies").mkdir()
    surface = make_surface(np.random.default_rng(0), (256, 256), defect=None, exposure=90.0)
    for name in ("part.png", "studies/part.png"):
        cv2.imwrite(str(tmp_path / name), surface.picture)

    (tmp_path / "script.py").write_text(block, "utf-8")

    out = run("script.py", cwd=tmp_path)

    assert out.strip()
    with inspect_ai.open_log(tmp_path / "inspect_ai.db", create=False) as log:
        assert len(list(log.entries(kind="decision"))) == 1
