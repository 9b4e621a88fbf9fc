"""Time of one part of a watched line, from its appearance to its decision on stdout, alone and beside old files."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.speed.scan import MADE_TASK, MAIN
from tests.support.tasks import make_pictures, make_task

PARTS, WARM_UP, ROUNDS, PAUSE_S = 30, 2, 2, 0.25


def measure_part(task: str, others: int) -> None:
    """Print median, least and longest time in milliseconds, in an empty folder and beside `others` files, in turn."""
    for _ in range(ROUNDS):
        for beside in (0, others):
            times = _times_ms(task, beside)
            shown = f"median {statistics.median(times):.0f}, least {min(times):.0f}, longest {max(times):.0f}"
            print(f"part of {task}, {beside:,} old files: {shown} ms of {len(times)}")


def _times_ms(task: str, others: int) -> list[float]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if task == MADE_TASK:
            make_task(folder / "tasks")
        make_pictures(folder / "camera", PARTS + WARM_UP)
        line = folder / "line"
        line.mkdir()
        for number in range(others):
            (line / f"old{number:06d}.txt").touch()
        command = [*MAIN, "watch", str(line), "--task", task, "--json", "--names"]
        env = os.environ | {"INSPECT_AI_TASKS": str(folder / "tasks")}
        watcher = subprocess.Popen(
            command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        try:
            times = [_one_ms(part, line, watcher) for part in sorted((folder / "camera").iterdir())]
        finally:
            watcher.terminate()
            watcher.communicate()
        return times[WARM_UP:]


def _one_ms(part: Path, line: Path, watcher: subprocess.Popen[str]) -> float:
    """Put a part into the folder and wait for its decision."""
    assert watcher.stdout is not None  # noqa: S101 - for the type checker
    time.sleep(PAUSE_S)
    began = time.perf_counter()
    part.rename(line / part.name)
    for text in watcher.stdout:
        if json.loads(text).get("source") == part.name:
            return 1000.0 * (time.perf_counter() - began)
    raise SystemExit("The watch ended before the part was decided; run it by hand to see why.")
