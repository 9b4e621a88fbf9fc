"""Comparison of models: train every model on every task with every seed, score val, compare, and write the tables.

Everything lies below one folder, a run in OUT/TASK/MODEL-SEED; what is there is not made again.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.accuracy import picture, tables
from benchmarks.accuracy.compare import compare
from benchmarks.accuracy.cost import costs_of
from benchmarks.accuracy.line import line_file, score_line
from benchmarks.accuracy.plan import BenchPlan, Job, chosen, jobs_of, read_plan
from benchmarks.accuracy.results import DataSet, JobOutcome
from benchmarks.accuracy.running import is_finished, noted_code, noted_times, run_jobs
from benchmarks.accuracy.scores import score_run, scores_file
from benchmarks.accuracy.summary import summary
from benchmarks.writing import json_text, write_text
from inspect_ai.errors import InputError
from inspect_ai.model.manifest import read_manifest
from inspect_ai.plugins import task_named
from inspect_ai.settings import Settings

AS_BEFORE = 0.02  # training measures pixels rounded to eight bits: a pair or two of a small val part may change sides


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A plan with its jobs, all of them and those that were asked for."""

    plan: BenchPlan
    jobs: tuple[Job, ...]
    wanted: tuple[Job, ...]
    out: Path
    device: str


def planned(
    config: Path, data: Path, out: Path, *, settings: Settings, only: Sequence[str] = (), device: str = "cpu"
) -> Comparison:
    """Read the plan and lay out its jobs. Raises UsageError for a fault, InputError for missing data."""
    plan = read_plan(config)
    bases = {name: task_named(name, settings.tasks).config for name in plan.tasks}
    jobs = jobs_of(plan, bases, data, out)
    wanted = chosen(jobs, only)
    for folder in dict.fromkeys(data / name for job in wanted for name in job.data):
        if not folder.is_dir():
            raise InputError(f"{folder} is not there. Give the folder that holds all data sets with --data.")
    return Comparison(plan=plan, jobs=tuple(jobs), wanted=tuple(wanted), out=out, device=device)


def states(comparison: Comparison) -> list[tuple[Job, bool]]:
    """Each wanted job, with True if it is finished."""
    return [(job, is_finished(job, comparison.device)) for job in comparison.wanted]


def train_all(
    comparison: Comparison, *, at_once: int, on_end: Callable[[JobOutcome], None] = lambda outcome: None
) -> list[JobOutcome]:
    """Train the wanted jobs that are not finished; one outcome a job."""
    return run_jobs(comparison.wanted, at_once=at_once, device=comparison.device, on_end=on_end)


def score_all(
    comparison: Comparison,
    *,
    settings: Settings,
    at_once: int,
    on_progress: Callable[[str], None] = lambda sentence: None,
) -> None:
    """Score every finished run on every val part of its task, a process a run and data set.

    Where the plan compares at proved lines, the positives of calibration are scored too.
    """
    pairs = [(job, data) for job in _finished(comparison) for data in job.data]
    _score(score_run, [one for one in pairs if not scores_file(*one).is_file()], settings, at_once, on_progress)
    if comparison.plan.line is not None:
        _score(score_line, [one for one in pairs if not line_file(*one).is_file()], settings, at_once, on_progress)


def _score(
    work: Callable[[Job, str, Settings], None],
    waiting: Sequence[tuple[Job, str]],
    settings: Settings,
    at_once: int,
    on_progress: Callable[[str], None],
) -> None:
    if not waiting:
        return
    with ProcessPoolExecutor(at_once, multiprocessing.get_context("spawn"), initializer=_one_thread) as pool:
        try:
            done = pool.map(work, *zip(*waiting, strict=True), [settings] * len(waiting))
            for number, (_, (job, data)) in enumerate(zip(done, waiting, strict=True), 1):
                on_progress(f"{number}/{len(waiting)} scored: {job.name} on {Path(data).name}")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _one_thread() -> None:
    """Initializer of a scoring process. It ignores interrupts from the terminal: the parent ends it."""
    import signal

    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)


def collect(comparison: Comparison, on_progress: Callable[[str], None] = lambda sentence: None) -> list[Path]:
    """Tables and picture of every run that is finished and scored; returns the files written.

    Raises InputError if there is none, SetupError for the picture alone, when matplotlib is missing.
    """
    plan, out = comparison.plan, comparison.out
    finished = _finished(comparison)
    sets = compare(plan, finished, lambda name: on_progress(f"Comparing on {name}"))
    if not sets:
        raise InputError(f"{out} holds no finished training of this comparison, so there is nothing to compare.")
    on_progress("Measuring speeds")
    first = {job.model: job.folder for job in reversed(finished)}
    order = [model.name for model in plan.models if model.name in first]
    against = [model.name for model in plan.models if model.against]
    costs = costs_of({name: first[name] for name in order}, against, out)
    missing = [job.name for job in comparison.jobs if job not in finished]
    written = [out / f"accuracy.{kind}" for kind in ("json", "md", "csv", "png")] + [out / "summary.md"]
    plain = tables.as_plain(plan, sets, costs, [_run(job) for job in finished])
    write_text(written[0], json_text(plain))
    doubts = [*_other_program(finished), *_scored_otherwise(finished, sets)]
    for doubt in doubts:
        on_progress(doubt)
    write_text(written[1], tables.markdown(plan, sets, costs, missing, doubts))
    write_text(written[2], tables.as_csv(sets))
    picture.draw(written[3], plan, sets, costs)
    write_text(written[4], summary(plan, sets))
    return written


def _finished(comparison: Comparison) -> list[Job]:
    return [job for job in comparison.jobs if is_finished(job, comparison.device)]


def _other_program(finished: Sequence[Job]) -> Iterator[str]:
    """A sentence for each task whose runs were not all trained by the same program."""
    for task in dict.fromkeys(job.task for job in finished):
        programs: dict[str, list[str]] = {}
        for job in finished:
            if job.task == task:
                programs.setdefault(noted_code(job.folder), []).append(job.name)
        if len(programs) > 1:
            fewer = sorted(programs.values(), key=len)[:-1]
            names = ", ".join(name for group in fewer for name in group)
            yield f"Runs of {task} come from {len(programs)} states of the program; not from the commonest: {names}."


def _scored_otherwise(finished: Sequence[Job], sets: Sequence[DataSet]) -> Iterator[str]:
    """A sentence for each run that reaches another figure than when its epoch was chosen: the program has changed."""
    found = {(one.task, m.model, one.data): m for one in sets for m in one.models}
    for job in finished:
        metrics = read_manifest(job.folder).metrics
        for data in job.data:
            name = Path(data).name
            m = found[job.task, job.model, name]
            for kind in ("auc", "accuracy"):
                then = metrics.get(f"{name}/{kind}")
                if then is None or kind not in m.figures:
                    continue
                now = m.figures[kind].by_seed[m.seeds.index(job.seed)]
                if abs(now - then) > AS_BEFORE:
                    yield (
                        f"{job.name} on {name}: {kind} was {then:.4f} when its epoch was chosen and is {now:.4f} now. "
                        "The program has changed in between; remove the run's folder to train it again."
                    )


def _run(job: Job) -> dict[str, Any]:
    """One training, for those who want to see each."""
    manifest, (wall_s, cpu_s) = read_manifest(job.folder), noted_times(job.folder)
    return {
        "task": job.task,
        "model": job.model,
        "seed": job.seed,
        "epoch": manifest.epoch,
        "steps": manifest.steps,
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "metrics": manifest.metrics,
        "weights_sha256": manifest.weights_sha256,
        "software": manifest.software,
        "code": noted_code(job.folder),
    }
