"""Figures of scanning: start-up, one study, many studies against decoding and inference alone, and memory.

The made task and pictures come from tests/support, so it runs in the checkout.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from inspect_ai import ingest
from inspect_ai.domain import StudyRef
from inspect_ai.inspection.inspector import Inspector
from inspect_ai.inspection.loading import load
from inspect_ai.inspection.preprocess import PreprocessedStudy, preprocess
from inspect_ai.journeys.scan import Summary, scan
from inspect_ai.settings import Settings
from tests.support.tasks import make_pictures, make_task

MADE_TASK = "bright"  # its network is written by hand
MAIN = [sys.executable, "-c", "from inspect_ai.cli import main; main()"]
DECODE_TIMEOUT_S = 60.0
SINGLE_STUDIES, WARM_UP = 50, 10


def measure_scan(task: str = MADE_TASK, pictures: Path | None = None, studies: int = 1000) -> float:
    """Print the figures; returns the seconds of a scan over those of the slower of decoding and inference."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if task == MADE_TASK:
            make_task(folder / "tasks")
        if pictures is None:
            pictures = folder / "pictures"
            pictures.mkdir()
            make_pictures(pictures, studies, suffix=".jpg")
        settings = Settings(db=folder / "log.db", out=folder / "out", tasks=str(folder / "tasks"), task=task)
        measure_start_up()
        measure_single_studies(pictures, settings)
        ratio = measure_many_studies(pictures, settings, studies)
        _print("the same scan again, s", f"{_seconds(lambda: list(scan(pictures, settings))):.2f}")
    return ratio


def measure_start_up() -> None:
    """Print the seconds until help is shown."""
    runs = [_seconds(lambda: subprocess.run([*MAIN, "--help"], capture_output=True, check=True)) for _ in range(7)]
    _print("inspect-ai --help, s (best, median of 7)", f"{min(runs):.3f}, {statistics.median(runs):.3f}")


def measure_single_studies(pictures: Path, settings: Settings) -> None:
    """Print the latency of decoding and scoring one study at a time, without a batch to wait for."""
    inspector = load(settings.task, settings=settings)
    with ingest.DecoderPool(1, settings.decode_memory_gib) as pool:
        times = []
        for ref in _refs(pictures, settings, pool)[:SINGLE_STUDIES]:
            start = time.perf_counter()
            (preprocessed,) = _decode(pool, pictures, [ref], inspector.task.name, settings)
            inspector.decide_preprocessed(ref, preprocessed)
            times.append((time.perf_counter() - start) * 1000)
    warm = times[WARM_UP:] or times
    _print(
        f"one study after start-up, ms (median, worst of the last {len(warm)})",
        f"{statistics.median(warm):.1f}, {max(warm):.1f}",
    )


def measure_many_studies(pictures: Path, settings: Settings, most: int) -> float:
    """Print a scan's time and memory; returns its seconds over those of the slower of decoding and inference."""
    inspector = load(settings.task, settings=settings)
    with ingest.DecoderPool(settings.workers, settings.decode_memory_gib) as pool:
        refs = _refs(pictures, settings, pool)[:most]
        start = time.perf_counter()
        preprocessed = _decode(pool, pictures, refs, inspector.task.name, settings)
        decode_s = time.perf_counter() - start
    inference_s = _seconds(lambda: _infer(inspector, refs, preprocessed, settings.workers))
    with _ResidentMemory() as memory:
        summary = list(scan(pictures, settings))[-1]
    if not isinstance(summary, Summary):
        raise TypeError("a scan ends with its summary")
    ratio = summary.seconds / max(decode_s, inference_s)
    _print("studies", str(len(refs)))
    _print("decode alone, inference alone, s", f"{decode_s:.2f}, {inference_s:.2f}")
    _print("scan, s; ratio to the slower of the two", f"{summary.seconds:.2f}; {ratio:.2f}")
    _print("resident memory of the scanning process at a tenth, at the end, MB", memory.at_a_tenth_and_at_the_end())
    return ratio


def _refs(pictures: Path, settings: Settings, pool: ingest.DecoderPool) -> list[StudyRef]:
    return [r for r in ingest.discover(pictures, settings=settings, pool=pool) if isinstance(r, StudyRef)]


def _decode(
    pool: ingest.DecoderPool, root: Path, refs: Sequence[StudyRef], name: str, settings: Settings
) -> list[PreprocessedStudy]:
    futures = [pool.submit(preprocess, root, ref, (name,), settings, timeout_s=DECODE_TIMEOUT_S) for ref in refs]
    return [future.result() for future in futures]


def _infer(
    inspector: Inspector, refs: Sequence[StudyRef], preprocessed: Sequence[PreprocessedStudy], threads: int
) -> None:
    with ThreadPoolExecutor(threads) as executor:
        list(executor.map(lambda pair: inspector.decide_preprocessed(*pair), zip(refs, preprocessed, strict=True)))


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _print(name: str, value: str) -> None:
    print(f"{name:<60} {value}")


class _ResidentMemory:
    """Resident memory of this process, sampled while the body runs."""

    def __enter__(self) -> _ResidentMemory:
        self.samples_mb: list[int] = []
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._sample, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop.set()
        self.thread.join()

    def _sample(self) -> None:
        while not self.stop.wait(0.1):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.samples_mb.append(pages * resource.getpagesize() // 2**20)

    def at_a_tenth_and_at_the_end(self) -> str:
        """Both in MB; zeros for a body that ended before the first sample."""
        tenth = self.samples_mb[len(self.samples_mb) // 10] if self.samples_mb else 0
        return f"{tenth}, {self.samples_mb[-1] if self.samples_mb else 0}"
