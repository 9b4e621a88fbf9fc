"""A scan that is killed anywhere loses nothing and doubles nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from inspect_ai.audit import open_log, verify
from tests.support.tasks import make_pictures, make_task

STUDIES = 40


def interruptible() -> None:
    """A suite that runs in the background ignores SIGINT, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Scanner:
    """`inspect-ai scan` in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.db = folder / "log.db"
        self.environment = os.environ | {"INSPECT_AI_TASKS": str(folder / "tasks")}
        self.command = [
            sys.executable,
            "-c",
            "from inspect_ai.cli import main; main()",
            "scan",
            str(folder / "studies"),
        ]
        self.command += ["--task", "bright", "--db", str(self.db), "--out", str(folder / "out"), "--json", "--names"]

    def start(self, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=interruptible,
        )

    def finish(self) -> list[dict[str, object]]:
        """Run to the end; what it said."""
        process = self.start()
        out, err = process.communicate(timeout=120)
        assert process.returncode == 3, err  # one file of the folder is no picture
        assert "Traceback" not in err
        return [json.loads(line) for line in out.splitlines()]

    def committed(self) -> dict[str, int]:
        """Study -> row."""
        if not self.db.exists():
            return {}
        with open_log(self.db) as log:
            rows = [(log.names.opened(entry.sealed)[0], entry.id) for entry in log.entries(kind="decision")]
        assert len({key for key, _ in rows}) == len(rows)  # none doubled
        return dict(rows)


@pytest.fixture
def scanner(tmp_path: Path) -> Scanner:
    make_task(tmp_path / "tasks")
    make_pictures(tmp_path / "studies", STUDIES)
    (tmp_path / "studies" / "note.txt").write_text("no picture")
    return Scanner(tmp_path)


def check_shown(out: str, committed: dict[str, int]) -> None:
    """Whatever was shown before the kill stands in the log under the number that was shown."""
    for line in out.splitlines():
        if line.endswith("}"):
            event = json.loads(line)
            if event["type"] == "study":
                assert committed[event["study"]] == event["entry"]


def check_whole(scanner: Scanner) -> None:
    """A last run ends with every study once, every file counted, and a sound chain."""
    events = scanner.finish()
    committed = scanner.committed()
    assert sorted(committed) == [f"part{i:04d}.png" for i in range(STUDIES)]
    shown = {event["study"]: event["entry"] for event in events if event["type"] == "study"}
    assert shown == committed
    assert (events[-1]["files"], events[-1]["consumed"], events[-1]["rejected"]) == (STUDIES + 1, STUDIES, 1)
    with open_log(scanner.db) as log:
        assert len(list(log.entries(kind="rejection"))) == 1
    assert verify(scanner.db).ok


@pytest.mark.parametrize("point", ["after_decode", "after_score", "inside_transaction", "after_commit"])
def test_killed_at_a_named_point_the_next_scan_completes_the_log(point: str, scanner: Scanner) -> None:
    process = scanner.start(INSPECT_AI_FAILPOINT=point)
    out, _ = process.communicate(timeout=120)

    assert process.returncode == -signal.SIGKILL
    check_shown(out, scanner.committed())
    check_whole(scanner)


def test_killed_at_random_moments_the_log_ends_with_every_study_once(scanner: Scanner) -> None:
    random = np.random.default_rng(3)
    for _ in range(20):
        process = scanner.start()
        time.sleep(float(random.uniform(0.3, 1.3)))
        process.kill()
        out, _ = process.communicate(timeout=60)
        check_shown(out, scanner.committed())

    check_whole(scanner)


def test_an_interrupt_ends_a_scan_with_130_and_no_traceback(scanner: Scanner) -> None:
    make_pictures(scanner.db.parent / "studies", 400, first=1000)
    process = scanner.start()
    assert process.stdout is not None
    while json.loads(process.stdout.readline())["type"] != "study":
        pass

    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "Traceback" not in err
    assert 0 < len(scanner.committed()) < STUDIES + 400
