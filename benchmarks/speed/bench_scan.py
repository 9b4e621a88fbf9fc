"""Figures of scanning: start-up, one study, a thousand, and memory. `make bench` runs it and prints.

Nothing here fails for being slow, except where the machine is idle and BENCH_STRICT=1 says so.

BENCH_TASK names the task (default: the first ready one, else a network written by hand); BENCH_PICTURES the folder.
"""

import os
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from inspect_ai import ingest
from inspect_ai.domain import StudyRef
from inspect_ai.inspection.inspector import Inspector
from inspect_ai.inspection.loading import load_all
from inspect_ai.inspection.preprocess import PreprocessedStudy, preprocess
from inspect_ai.journeys.scan import Summary, scan
from inspect_ai.settings import Settings
from tests.support.tasks import make_pictures, make_task

STUDIES = int(os.environ.get("BENCH_STUDIES", "1000"))
MAIN = [sys.executable, "-c", "from inspect_ai.cli import main; main()"]


def say(what: str, value: str) -> None:
    print(f"{what:<60} {value}")


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("bench")
    name = os.environ.get("BENCH_TASK", "bright")
    if name == "bright":
        make_task(folder / "tasks")
    return Settings(db=folder / "log.db", out=folder / "out", tasks=str(folder / "tasks"), task=name)


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    given = os.environ.get("BENCH_PICTURES")
    if given:
        return Path(given)
    folder = tmp_path_factory.mktemp("pictures")
    make_pictures(folder, STUDIES, suffix=".jpg")
    return folder


def test_help_starts_in_a_blink() -> None:
    runs = [seconds(lambda: subprocess.run([*MAIN, "--help"], capture_output=True, check=True)) for _ in range(7)]
    say("inspect-ai --help, s (best, median of 7)", f"{min(runs):.3f}, {statistics.median(runs):.3f}")


def test_one_study_after_start_up(settings: Settings, studies: Path) -> None:
    """Decode, score, decide, commit, one at a time: the line's own latency without waiting for company."""
    inspector = load_all(settings)[0][0]
    with ingest.DecoderPool(1, settings.decode_memory_gib) as pool:
        refs = [r for r in ingest.discover(studies, settings=settings, pool=pool) if isinstance(r, StudyRef)][:50]
        times = []
        for ref in refs:
            start = time.perf_counter()
            jobs = pool.submit(preprocess, studies, ref, (inspector.task.name,), settings, timeout_s=60.0)
            preprocessed = jobs.result()
            inspector.decide_preprocessed(ref, preprocessed)
            times.append((time.perf_counter() - start) * 1000)
    say(
        "one study after start-up, ms (median, worst of the last 40)",
        f"{statistics.median(times[10:]):.1f}, {max(times[10:]):.1f}",
    )


def test_a_thousand_studies_against_decode_and_inference_alone(settings: Settings, studies: Path) -> None:
    inspector = load_all(settings)[0][0]
    with ingest.DecoderPool(settings.workers, settings.decode_memory_gib) as pool:
        refs = [r for r in ingest.discover(studies, settings=settings, pool=pool) if isinstance(r, StudyRef)][:STUDIES]
        start = time.perf_counter()
        preprocessed = _decode(pool, studies, refs, inspector.task.name, settings)
        decode_s = time.perf_counter() - start
    inference_s = seconds(lambda: _infer(inspector, refs, preprocessed, settings.workers))
    peak = _Peak()
    with peak:
        summary = list(scan(studies, settings))[-1]
    assert isinstance(summary, Summary)
    slower = max(decode_s, inference_s)
    say("studies", str(len(refs)))
    say("decode alone, inference alone, s", f"{decode_s:.2f}, {inference_s:.2f}")
    say("scan, s; ratio to the slower of the two", f"{summary.seconds:.2f}; {summary.seconds / slower:.2f}")
    say("resident memory of the scanning process at a tenth, at the end, MB", peak.told())
    if os.environ.get("BENCH_STRICT"):
        assert summary.seconds <= 1.2 * slower


def test_scanning_again_what_the_log_knows(settings: Settings, studies: Path) -> None:
    again = replace(settings)
    list(scan(studies, again))
    say("the same scan again, s", f"{seconds(lambda: list(scan(studies, again))):.2f}")


def _decode(
    pool: ingest.DecoderPool, root: Path, refs: list[StudyRef], name: str, settings: Settings
) -> list[PreprocessedStudy]:
    futures = [pool.submit(preprocess, root, ref, (name,), settings, timeout_s=60.0) for ref in refs]
    return [future.result() for future in futures]


def _infer(inspector: Inspector, refs: list[StudyRef], preprocessed: list[PreprocessedStudy], threads: int) -> None:
    with ThreadPoolExecutor(threads) as executor:
        list(executor.map(lambda pair: inspector.decide_preprocessed(*pair), zip(refs, preprocessed, strict=True)))


class _Peak:
    """Resident memory of this process, sampled."""

    def __enter__(self) -> None:
        self.samples: list[int] = []
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._sample, daemon=True)
        self.thread.start()

    def __exit__(self, *error: object) -> None:
        self.stop.set()
        self.thread.join()

    def _sample(self) -> None:
        while not self.stop.wait(0.1):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.samples.append(pages * resource.getpagesize() // 2**20)

    def told(self) -> str:
        tenth = self.samples[len(self.samples) // 10] if self.samples else 0
        return f"{tenth}, {self.samples[-1] if self.samples else 0}"
