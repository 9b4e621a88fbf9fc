"""Dry runs in a process of their own, with the memory of the whole process tree."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.index.made_files import SLICES, make_files
from benchmarks.writing import csv_text, json_text, markdown_table, write_files
from inspect_ai.errors import InputError

NAME = "index"
LOOK_S = 0.2  # between two looks at the memory
MIB = 1 << 20
MAIN = [sys.executable, "-c", "from inspect_ai.cli import main; main()"]
COLUMNS = ("files", "series", "folders", "seconds", "processor_seconds", "processor_seconds_per_1000", "peak_mib")


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """Figures of one dry run. peak_mib: largest sum of resident memory of its processes; shared pages count twice."""

    files: int
    series: int
    folders: int
    seconds: float
    processor_seconds: float  # of all its processes; unlike the seconds, the same on a machine that others use too
    peak_mib: float

    @property
    def processor_seconds_per_1000(self) -> float:
        """Processor time for 1,000 files."""
        return 1000 * self.processor_seconds / self.files


def bench_index(out: Path, sizes: Sequence[int], *, seed: int, on_progress: Callable[[str], None]) -> list[DryRun]:
    """Measure dry runs over so many files each, and write index.md, index.csv and index.json below OUT."""
    found = []
    for files in sizes:
        with tempfile.TemporaryDirectory(prefix="bench_index_") as temporary:
            folder = Path(temporary)
            on_progress(f"writing {files:,} files")
            folders = make_files(folder / "in", files, seed)
            on_progress(f"planning a scan of {files:,} files")
            found.append(_dry_run(folder, files, folders))
        _write(out, found)  # after each size, since the last ones take long
    return found


def _write(out: Path, found: Sequence[DryRun]) -> None:
    rows = [tuple(getattr(run, column) for column in COLUMNS) for run in found]
    texts = {
        f"{NAME}.md": table(found),
        f"{NAME}.csv": csv_text(COLUMNS, rows),
        f"{NAME}.json": json_text([dict(zip(COLUMNS, row, strict=True)) for row in rows]),
    }
    write_files(out, texts)


def table(runs: Sequence[DryRun]) -> str:
    """Markdown table of the runs."""
    head = ("files", "series", "folders", "seconds", "processor seconds", "the same a 1,000 files", "peak memory, MiB")
    rows = [
        (
            f"{run.files:,}",
            f"{run.series:,}",
            f"{run.folders:,}",
            f"{run.seconds:.0f}",
            f"{run.processor_seconds:.0f}",
            f"{run.processor_seconds_per_1000:.2f}",
            f"{run.peak_mib:.0f}",
        )
        for run in runs
    ]
    return markdown_table(head, rows, left=0)


def _dry_run(folder: Path, files: int, folders: int) -> DryRun:
    command = [*MAIN, "scan", str(folder / "in"), "--dry-run", "--json", "--db", str(folder / "log.db")]
    started, used = time.monotonic(), _processor_seconds()
    lines, notes = folder / "lines", folder / "notes"
    with lines.open("wb") as stdout, notes.open("wb") as stderr:
        child = subprocess.Popen(command, stdout=stdout, stderr=stderr)
        peak = max(_memory_until_end(child), default=0)
    seconds = time.monotonic() - started
    planned = {}
    with lines.open() as f:
        for line in f:
            planned = json.loads(line)
    series = -(-files // SLICES)
    there = tuple(planned.get(key) for key in ("files", "series", "volumes", "rejected"))
    if there != (files, series, series, 0):
        said = notes.read_text("utf-8", "replace")[-300:]
        raise InputError(f"The dry run of {files} files counted {there} instead of all in {series} volumes. {said}")
    return DryRun(
        files=files,
        series=series,
        folders=folders,
        seconds=seconds,
        processor_seconds=_processor_seconds() - used,
        peak_mib=peak / MIB,
    )


def _processor_seconds() -> float:
    """Processor time of the processes that were started here and have ended, with their own children."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _memory_until_end(child: subprocess.Popen[bytes]) -> Iterator[int]:
    """Yield the resident memory in bytes of a process and its descendants until it has ended."""
    while child.poll() is None:
        yield sum(_resident(process) for process in _tree(child.pid))
        time.sleep(LOOK_S)


def _tree(process: int) -> Iterator[int]:
    yield process
    try:
        threads = list(Path(f"/proc/{process}/task").iterdir())
        children = " ".join((thread / "children").read_text() for thread in threads)
    except OSError:  # it has ended
        return
    for child in children.split():
        yield from _tree(int(child))


def _resident(process: int) -> int:
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
