"""The long run itself: a watch that is killed and started again while everything around it fails for a time."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.line_soak.camera import Camera
from inspect_ai.audit import open_log, verify
from tests.support.tasks import make_pictures, make_task

PICTURE_DISK = "256k"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Size of a run. lock_s, away_s: seconds for which the log is locked and the folder is away."""

    parts: int
    rate: float
    others: int
    kills: int
    lock_s: float
    away_s: float
    seed: int


@dataclass(frozen=True, kw_only=True)
class Found:
    """Result of a run. ended: exit codes of watches that nobody killed; cycles_ms: of the parts that were shown."""

    dropped: int
    links: int
    decided: int
    told: int
    doubled: int
    missing: int
    foreign: int
    shown_twice: int
    chain: str
    kills: int
    ended: dict[int, int]
    notices: dict[str, int]
    full_disk: bool
    cycles_ms: tuple[float, ...]

    @property
    def holds(self) -> bool:
        """True if found = decided + told, none is doubled and the chain is intact."""
        faults = (self.doubled, self.missing, self.foreign, self.shown_twice)
        return not any(faults) and self.chain == "intact" and self.dropped + self.links == self.decided + self.told


class Line:
    """Folders and commands of one run below FOLDER."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder, self.plan = folder, plan
        self.line, self.db, self.out = folder / "line", folder / "log.db", folder / "out"
        self.shown, self.said = folder / "shown.jsonl", folder / "said.txt"
        self.kills = 0
        self.ended: Counter[int] = Counter()
        self._away = threading.Event()
        make_task(folder / "tasks")
        make_pictures(folder / "camera", plan.parts)
        self.line.mkdir()
        for number in range(plan.others):
            (self.line / f"old{number:06d}.json").write_text("{}")

    def watch(self, *options: str) -> subprocess.Popen[bytes]:
        """Start a watch; what it shows and says is kept."""
        code = "from inspect_ai.cli import main; main()"
        command = [sys.executable, "-c", code, "watch", str(self.line), "--task", "bright", "--json"]
        command += ["--db", str(self.db), "--out", str(self.out), *options]
        with self.shown.open("a") as shown, self.said.open("a") as said:
            return subprocess.Popen(
                command, env=os.environ | {"INSPECT_AI_TASKS": str(self.folder / "tasks")}, stdout=shown, stderr=said
            )

    def run(self) -> None:
        """Let the camera drop all parts while the watch is killed, the log locked and the folder away."""
        plan, camera = self.plan, Camera(self.folder / "camera", self.line, self.plan.rate)
        self.camera = camera
        seconds = plan.parts / plan.rate
        random = np.random.default_rng(plan.seed)
        kills = sorted(seconds * random.uniform(0.05, 1.0, plan.kills))
        watcher = self.watch()
        troubles = [
            threading.Timer(0.3 * seconds, self._lock),
            threading.Timer(0.6 * seconds, self._take_away),
        ]
        began = time.monotonic()
        for thread in (camera, *troubles):
            thread.start()
        for due in kills:
            watcher = self._until(began + due, watcher)
            while self._away.is_set():
                time.sleep(0.1)
            watcher.kill()
            watcher.wait()
            self.kills += 1
            watcher = self.watch()
        camera.join()
        for trouble in troubles:
            trouble.join()
        watcher = self._until(time.monotonic() + 2.0, watcher)
        watcher.kill()
        watcher.wait()
        self.ended[self.watch("--once").wait()] += 1

    def _until(self, due: float, watcher: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
        """Wait; start again a watch that ended by itself, which counts against the run."""
        while (left := due - time.monotonic()) > 0:
            try:
                self.ended[watcher.wait(timeout=left)] += 1
            except subprocess.TimeoutExpired:
                break
            watcher = self.watch()
        return watcher

    def _lock(self) -> None:
        with closing(sqlite3.connect(self.db, timeout=60, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            time.sleep(self.plan.lock_s)
            other.execute("ROLLBACK")

    def _take_away(self) -> None:
        self._away.set()
        elsewhere = self.folder / "elsewhere"
        self.line.rename(elsewhere)
        time.sleep(self.plan.away_s)
        elsewhere.rename(self.line)
        self._away.clear()


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Give the folder a disk of 256 KiB; yields False where this user may mount none."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={PICTURE_DISK}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    try:
        yield mounted.returncode == 0
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", str(folder)], check=False)


def soak(folder: Path, plan: Plan) -> Found:
    """Run in an empty folder and compare what the camera dropped with what the log holds."""
    with small_disk(folder / "out") as full_disk:
        line = Line(folder, plan)
        line.run()
        return _compared(line, full_disk)


def _compared(line: Line, full_disk: bool) -> Found:
    with open_log(line.db) as log:
        decided = Counter(entry.decision().study.files[0].sha256 for entry in log.entries(kind="decision"))
        told = sum(1 for _ in log.entries(kind="rejection"))
    events = [json.loads(text) for text in line.shown.read_text().splitlines() if text.endswith("}")]
    shown = Counter(event["sha256"] for event in events if event["type"] == "study")
    dropped = Counter(line.camera.dropped)
    said = line.said.read_text()
    return Found(
        dropped=dropped.total(),
        links=line.camera.links,
        decided=decided.total(),
        told=told,
        doubled=sum(times > 1 for times in decided.values()),
        missing=(dropped - decided).total(),
        foreign=len(set(decided) - set(dropped)),
        shown_twice=sum(times > 1 for times in shown.values()),
        chain="intact" if verify(line.db).ok else "broken",
        kills=line.kills,
        ended=dict(line.ended),
        notices={word: said.count(f"warning  {word}") for word in ("The audit log", "The folder", "Pictures")},
        full_disk=full_disk,
        cycles_ms=tuple(event["cycle_ms"] for event in events if event["type"] == "study"),
    )
