"""Trainings as child processes, a few at a time, one thread each: `inspect-ai train` as a person would start it.

A run is finished by what it left: a manifest of the wanted configuration, and a job.json of the same data, seed and
teacher. So the same command goes on where an earlier one was stopped. A lock that the child inherits keeps two
commands out of one folder, also when the first was killed and its child lives on.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import yaml

import inspect_ai
from benchmarks.accuracy.plan import Job
from benchmarks.accuracy.results import JobOutcome
from benchmarks.writing import json_text, write_text
from inspect_ai.errors import SetupError
from inspect_ai.model.manifest import MANIFEST, TRUNK, file_sha256, read_manifest

MAIN = (sys.executable, "-c", "from inspect_ai.cli import main; main()")
# One thread a job: several jobs at once on one thread each finish sooner than one after another on several.
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")} | {"OPENCV_FOR_THREADS_NUM": "1"}
DEBUG = {"INSPECT_AI_DEBUG": "1"}  # a traceback belongs into the log of the job
JOB, LOG, CONFIG, LOCK = "job.json", "train.log", "config.yaml", "job.lock"
LEARNING = ("datasets", "ingest", "model", "training")  # packages of inspect_ai, beside the modules at its top
POLL_S = 0.2
GRACE_S = 5.0  # between asking a child to stop and stopping it


@dataclass(slots=True, kw_only=True)
class _Running:
    job: Job
    process: subprocess.Popen[bytes]
    lock: IO[str]
    started: float
    code: str
    cpu_s: float = 0.0


def description(job: Job, device: str) -> dict[str, Any]:
    """Identity of a job beside its configuration. Raises SetupError for missing data."""
    return {
        "task": job.task,
        "model": job.model,
        "seed": job.seed,
        "device": device,
        "data": {data: _digest(job.root / data) for data in job.data},
        "teacher": _of_teachers(job),
    } | _start_from(job)


def _of_teachers(job: Job) -> str | list[str] | None:
    """Digests of the teachers; that of one teacher by itself, as runs of earlier versions noted it."""
    digests = [file_sha256(teacher / MANIFEST) for teacher in job.teachers]
    return digests if len(digests) > 1 else next(iter(digests), None)


def _start_from(job: Job) -> dict[str, str]:
    """Digest of the weights that a job takes over, or of the pretrained trunk that it starts from, if any."""
    if job.source is not None:
        return {"weights_of": file_sha256(job.source / MANIFEST)}
    trunk = Path(job.config.network.init) / TRUNK
    return {"start": file_sha256(trunk)} if trunk.is_file() else {}


def _digest(folder: Path) -> str:
    """Digest of labels.csv; a folder with one folder a class is known by its name alone."""
    labels = folder / "labels.csv"
    return file_sha256(labels) if labels.is_file() else ""


def is_finished(job: Job, device: str) -> bool:
    """True if the job's folder holds what this job would make."""
    if _missing(job):
        return False
    try:
        manifest = read_manifest(job.folder)
        noted = json.loads((job.folder / JOB).read_text("utf-8"))
    except (SetupError, OSError, ValueError):
        return False
    return manifest.config == job.config and "wall_s" in noted and noted.get("job") == description(job, device)


def noted_times(folder: Path) -> tuple[float, float]:
    """Wall and CPU seconds that a finished run noted."""
    noted = json.loads((folder / JOB).read_text("utf-8"))
    return float(noted["wall_s"]), float(noted["cpu_s"])


def noted_code(folder: Path) -> str:
    """Digest of the program that trained a finished run; empty where it was not noted."""
    return str(json.loads((folder / JOB).read_text("utf-8")).get("code", ""))


def code_digest() -> str:
    """Digest of everything in the package that can change a training."""
    return hashlib.sha256("".join(file_sha256(f) for f in code_files()).encode()).hexdigest()[:16]


def code_files() -> list[Path]:
    """Modules of inspect_ai that a training runs."""
    package = Path(inspect_ai.__file__).parent
    files = [f for part in LEARNING for f in sorted((package / part).rglob("*.py"))]
    return files + sorted(package.glob("*.py"))


def command_of(job: Job, device: str) -> list[str]:
    """Command line of one training, or of one export of weights that are there."""
    if job.source is not None:
        views = job.config.network.views
        return [*MAIN, "export", str(job.source), "--views", views, "--out", str(job.folder), "--json"]
    train = [*MAIN, "train", job.task]
    for data in job.data:
        train += ["--data", str(job.root / data)]
    train += ["--config", str(job.folder / CONFIG), "--out", str(job.folder)]
    train += ["--seed", str(job.seed), "--device", device, "--threads", "1", "--json"]
    return [*train, *(word for teacher in job.teachers for word in ("--teacher", str(teacher)))]


def _missing(job: Job) -> list[Path]:
    """Runs that a job needs and that are not finished."""
    return [folder for folder in job.needed if not (folder / MANIFEST).is_file()]


def run_jobs(
    jobs: Sequence[Job],
    *,
    at_once: int,
    device: str = "cpu",
    on_end: Callable[[JobOutcome], None] = lambda outcome: None,
    command: Callable[[Job, str], list[str]] = command_of,
) -> list[JobOutcome]:
    """Run what is not finished, `at_once` processes at a time; a failure stops only what it teaches.

    Children end with this call, however it ends.
    """
    waiting, running, ended = deque(jobs), list[_Running](), list[JobOutcome]()

    def end(outcome: JobOutcome) -> None:
        ended.append(outcome)
        on_end(outcome)

    try:
        while waiting or running:
            while len(running) < at_once and (job := _next(waiting, running)) is not None:
                started = _start(job, device, command)
                if isinstance(started, JobOutcome):
                    end(started)
                else:
                    running.append(started)
            for one in [r for r in running if _has_ended(r)]:
                running.remove(one)
                end(_finish(one, device))
            if running:
                time.sleep(POLL_S)
    finally:
        _stop(running)
    return ended


def _next(waiting: deque[Job], running: Iterable[_Running]) -> Job | None:
    """Take the first job that waits for no other."""
    to_come = {job.folder for job in waiting} | {one.job.folder for one in running}
    job = next((job for job in waiting if to_come.isdisjoint(job.needed)), None)
    if job is not None:
        waiting.remove(job)
    return job


def _start(job: Job, device: str, command: Callable[[Job, str], list[str]]) -> _Running | JobOutcome:
    """Start a child; or the outcome of a job that needs none."""
    if missing := _missing(job):
        return JobOutcome(
            job=job, skipped=True, wall_s=0.0, cpu_s=0.0, error=f"{missing[0]} is not trained, which it needs"
        )
    job.folder.mkdir(parents=True, exist_ok=True)
    lock = (job.folder / LOCK).open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return JobOutcome(
            job=job, skipped=True, wall_s=0.0, cpu_s=0.0, error="another process is at work in its folder"
        )
    if is_finished(job, device):
        lock.close()
        wall_s, cpu_s = noted_times(job.folder)
        return JobOutcome(job=job, skipped=True, wall_s=wall_s, cpu_s=cpu_s)
    _clear(job.folder)
    (job.folder / CONFIG).write_text(yaml.safe_dump(job.config.model_dump(mode="json"), sort_keys=False), "utf-8")
    with (job.folder / LOG).open("wb") as log:
        # A session of its own: an interrupt at the terminal reaches the parent alone, which then stops its children.
        process = subprocess.Popen(
            command(job, device),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=os.environ | ONE_THREAD | DEBUG,
            start_new_session=True,
            pass_fds=(lock.fileno(),),
        )
    return _Running(job=job, process=process, lock=lock, started=time.monotonic(), code=code_digest())


def _clear(folder: Path) -> None:
    """Remove what an earlier attempt or another job left; a training starts afresh."""
    for old in folder.iterdir():
        if old.is_dir():
            shutil.rmtree(old)
        elif old.name != LOCK:
            old.unlink()


def _has_ended(one: _Running) -> bool:
    """Poll a child, and note the CPU seconds of one that has ended: only its parent learns them."""
    pid, status, usage = os.wait4(one.process.pid, os.WNOHANG)
    if pid != 0:
        one.process.returncode = os.waitstatus_to_exitcode(status)
        one.cpu_s = usage.ru_utime + usage.ru_stime
    return pid != 0


def _finish(one: _Running, device: str) -> JobOutcome:
    """Note the child's times; the error of a failed one is the last line of its log."""
    wall_s = time.monotonic() - one.started
    error = None
    if one.process.returncode != 0:
        error = _last_line(one.job.folder / LOG) or f"ended with {one.process.returncode}"
    elif not (one.job.folder / MANIFEST).is_file():
        error = f"left no {MANIFEST}; see {one.job.folder / LOG}"
    if error is None:
        times = {"wall_s": round(wall_s, 1), "cpu_s": round(one.cpu_s, 1)}
        noted = {"job": description(one.job, device), **times, "code": one.code}
        write_text(one.job.folder / JOB, json_text(noted))
        shutil.rmtree(one.job.folder / "checkpoints", ignore_errors=True)  # optimiser states: many times the weights
    one.lock.close()
    return JobOutcome(job=one.job, skipped=False, wall_s=wall_s, cpu_s=one.cpu_s, error=error)


def _last_line(log: Path) -> str:
    """Last line of a log; after a fault of the program the traceback's last line, which says more."""
    lines = [line.strip() for line in log.read_text("utf-8", errors="replace").splitlines()]
    said = (line for line in reversed(lines) if line and not line.startswith("inspect-ai: A fault"))
    return next(said, "").removeprefix("inspect-ai: ")


def _stop(running: Sequence[_Running]) -> None:
    """Terminate the children, and kill those that do not end in time."""
    for one in running:
        os.killpg(one.process.pid, signal.SIGTERM)
    last = time.monotonic() + GRACE_S
    for one in running:
        try:
            one.process.wait(max(0.0, last - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(one.process.pid, signal.SIGKILL)
            one.process.wait()
        one.lock.close()
