"""What `datasets check`, `evaluate` and a fault of the program say and write, as a person sees it."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support.labelled import table, texture, write
from tests.support.tasks import make_pictures, make_task

MAIN = [sys.executable, "-c", "from inspect_ai.cli import main; main()"]


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "INSPECT_AI_TASKS": str(folder / "tasks")}
    return subprocess.run([*MAIN, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A task, and eight pictures: one of them turned in another split, one file that is no picture."""
    make_task(tmp_path / "tasks")
    rows = []
    for i in range(8):
        write(tmp_path / "data" / f"{i}.png", texture(i))
        rows.append((f"{i}.png", "flag" if i % 2 else "pass", "train" if i < 4 else "calibration"))
    write(tmp_path / "data" / "again <b>.png", np.ascontiguousarray(np.rot90(texture(1))))
    (tmp_path / "data" / "notes.txt").write_text("hello\n")
    table(tmp_path / "data", [*rows, ("again <b>.png", "flag", "calibration")])
    return tmp_path


def test_the_check_counts_splits_and_reasons_and_shows_copies_on_a_page(site: Path) -> None:
    done = run(site, "datasets", "check", "data", "--task", "bright")

    assert done.returncode == 0, done.stderr
    flat = " ".join(done.stdout.split())
    assert "calibration flag 2 2 2 calibration pass 2 2 2 train flag 2 2 2 train pass 2 2 2" in flat
    assert "Found 10 files: 8 used, 2 skipped (1 no picture, 1 copy of pictures in another split)." in flat
    place = site / "inspect_ai_out" / "copies.html"
    page = place.read_text("utf-8")
    assert stat.S_IMODE(place.stat().st_mode) == 0o600  # it shows pictures
    assert "again &lt;b&gt;.png" in page
    assert "<b>.png" not in page
    assert page.count("data:image/jpeg;base64,") == 2
    assert "in several splits" in page


def test_the_check_as_json_says_the_same(site: Path) -> None:
    said = json.loads(run(site, "datasets", "check", "data", "--task", "bright", "--json").stdout)

    assert said["files"] == {
        "found": 10,
        "used": 8,
        "skipped": {"no picture": 1, "copies of pictures in another split": 1},
    }
    assert (said["copies"], said["across_splits"]) == (1, 1)
    assert {"split": "train", "label": "flag", "pictures": 2, "groups": 2, "units": 2} in said["counted"]


def test_evaluate_counts_each_content_once_and_says_so(tmp_path: Path) -> None:
    make_task(tmp_path / "tasks")
    bright = make_pictures(tmp_path / "data", 8)
    picture = cv2.imread(str(tmp_path / "data" / "part0001.png"))
    for i in range(5):
        write(tmp_path / "data" / f"copy{i}.png", picture)
    rows = [(name, "flag" if is_bright else "pass", "test") for name, is_bright in bright.items()]
    table(tmp_path / "data", [*rows, *((f"copy{i}.png", "flag", "test") for i in range(5))])

    done = run(tmp_path, "evaluate", "bright", "--data", "data", "--json")

    said = json.loads(done.stdout)
    assert (said["n"], said["n_positive"]) == (8, 4)
    assert said["files"] == {"found": 13, "used": 8, "skipped": {"copies of counted pictures": 5}}
    assert any("5 pictures are copies of others" in line for line in said["said"])


def test_a_fault_of_the_program_leaves_details_for_its_owner_and_quotes_no_data(tmp_path: Path) -> None:
    program = (
        "from inspect_ai import cli; from inspect_ai.cli import commands\n"
        "class Root:\n    def main(self, **k):\n        try:\n            open({}['x'])\n"
        "        except KeyError as e:\n            raise ValueError('a name ' + 'of ' + 'DOE^JOHN') from e\n"
        "commands.root = Root; cli.main(['scan', '.'])"
    )
    (tmp_path / "inspect_ai_error.log").write_text("older\n")

    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)

    log = tmp_path / "inspect_ai_error.log"
    assert done.returncode == 70
    assert done.stderr.count("\n") == 1
    assert str(log) in done.stderr
    assert "Nothing committed was lost" in done.stderr
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert "builtins.ValueError" in log.read_text()
    assert "builtins.KeyError" in log.read_text()
    assert "DOE^JOHN" not in log.read_text() + done.stderr


def test_details_of_a_fault_follow_no_link(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("untouched")
    (tmp_path / "inspect_ai_error.log").symlink_to(tmp_path / "target")
    program = (
        "from inspect_ai import cli; from inspect_ai.cli import commands\n"
        "class Root:\n    def main(self, **k): raise ValueError('x')\n"
        "commands.root = Root; cli.main(['scan', '.'])"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    assert (tmp_path / "target").read_text() == "untouched"
    (other,) = tmp_path.glob("inspect_ai_error_*.log")
    assert str(other) in done.stderr


def test_labels_that_a_model_doubts_are_shown_and_listed_and_nothing_is_changed(site: Path) -> None:
    make_pictures(site / "lot", 12)
    rows = [(f"part{i:04d}.png", "flag" if (i % 2 == 1) != (i == 6) else "pass", "calibration") for i in range(12)]
    table(site / "lot", rows)
    before = (site / "lot" / "labels.csv").read_bytes()

    done = run(site, "datasets", "check", "lot", "--task", "bright", "--model", "tasks/bright", "--json")

    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert [one["file"] for one in said["suspects"]][:1] == ["part0006.png"]
    assert said["judged"]["never met the picture"] == 12
    page = Path(site / said["suspects_page"]).read_text("utf-8")
    assert page.count("data:image/jpeg;base64,") == len(said["suspects"])
    assert "flag, or pass?" in page
    lines = (site / said["suspects_table"]).read_text().splitlines()
    assert lines[0].startswith("exclude,data,file,label,likely,score")
    assert lines[1].startswith(",lot,part0006.png,flag,pass,0.")
    assert (site / "lot" / "labels.csv").read_bytes() == before
    assert stat.S_IMODE((site / said["suspects_page"]).stat().st_mode) == 0o600
