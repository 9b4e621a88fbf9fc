"""`python -m benchmarks.accuracy`: networks compared under one recipe."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inspect_ai.cli import common, exit_codes, main

if TYPE_CHECKING:
    from benchmarks.accuracy.estimate import Expected
    from benchmarks.accuracy.plan import Job
    from benchmarks.accuracy.results import JobOutcome
    from benchmarks.accuracy.study import Comparison

CONFIG = Path(__file__).with_name("accuracy.yaml")
app = common.app()


@app.command()
def accuracy(
    data: Annotated[Path, typer.Option("--data", help="Folder that holds all data sets.")],
    config: Annotated[
        Path, typer.Option("--config", help="YAML of the comparison.", show_default="the bundled one")
    ] = CONFIG,
    out: Annotated[Path, typer.Option("--out", help="Folder for runs, tables and picture.")] = Path("bench_accuracy"),
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, help="Trainings at a time.", show_default="one a core")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="TASK, TASK/MODEL or TASK/MODEL-SEED, * for any; repeatable.")
    ] = None,
    device: common.Computing = common.Device.CPU,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the trainings and leave.")] = False,
    collect: Annotated[bool, typer.Option("--collect", help="Train nothing; tables from what is there.")] = False,
    as_json: common.Json = False,
) -> None:
    """Compare models under one recipe: train, score val, tables and picture.

    What is finished is not made again, so the same command goes on after an interruption. Leaves with 3 if a training
    failed; the others are done nevertheless. Speeds are measured once; remove OUT/cost.json to measure them again.
    The processor time of what is to do is estimated before it starts. tail.yaml beside the bundled plan compares what
    helps at high sensitivity.

    Example: python -m benchmarks.accuracy --data ./data --out bench --only lung_nodule/tiny
    """
    from benchmarks.accuracy import study
    from benchmarks.accuracy.estimate import expected

    settings = common.settings()
    comparison = study.planned(config, data, out, settings=settings, only=only or (), device=device.value)
    to_come = [] if collect else expected(comparison.wanted, device.value)
    if dry_run:
        _list(study.states(comparison), to_come, as_json)
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a stop from outside ends the children too
    at_once = jobs or len(os.sched_getaffinity(0))
    if to_come:
        _say(f"{_cost(to_come)}, {at_once} at a time.")
    failed = [] if collect else _trained(comparison, at_once)
    study.score_all(comparison, settings=settings, at_once=at_once, on_progress=_say)
    written = study.collect(comparison, on_progress=_say)
    for one in failed:
        _say(f"{one.job.name} failed: {one.error}")
    if as_json:
        common.emit({"written": [str(path) for path in written], "failed": [one.job.name for one in failed]})
    else:
        print("\n".join(str(path) for path in written))
    if failed:
        raise typer.Exit(exit_codes.UNREADABLE)


def _trained(comparison: Comparison, at_once: int) -> list[JobOutcome]:
    """Train with progress on stderr; returns the trainings that failed."""
    from benchmarks.accuracy.study import train_all

    clock = _Clock(comparison.wanted, at_once)
    try:
        return [ran for ran in train_all(comparison, at_once=at_once, on_end=clock.on_end) if ran.error]
    except KeyboardInterrupt:
        _say(
            f"Stopped with {clock.done} of {len(comparison.wanted)} trainings done. The same command goes on; "
            "those that were cut short begin again."
        )
        raise


def _list(states: list[tuple[Job, bool]], to_come: Sequence[Expected], as_json: bool) -> None:
    minutes = {one.job.folder: one.cpu_s / 60 for one in to_come}
    rows = [
        (job.name, "finished" if finished else "to do", minutes.get(job.folder) if not finished else None)
        for job, finished in states
    ]
    if as_json:
        common.emit([{"job": name, "state": state, "cpu_minutes": cost} for name, state, cost in rows])
        return
    shown = [(name, state, None if cost is None else f"{cost:.1f}") for name, state, cost in rows]
    title = f"{len(rows)} trainings, {len(to_come)} to do"
    common.table(title, "job", "state", "minutes of a core", rows=shown)
    if to_come:
        print(f"{_cost(to_come)}.")


def _cost(to_come: Sequence[Expected]) -> str:
    """Sentence without its end on what the trainings will cost, and how that is known."""
    total = sum(one.cpu_s for one in to_come)
    known = sum(one.measured for one in to_come)
    return (
        f"{len(to_come)} trainings to do: at most about {_minutes(total)} of one core ({known} by finished runs like "
        f"them, {len(to_come) - known} by a few timed steps)"
    )


class _Clock:
    """Progress on stderr: the end of each training, and the time left as estimated from trainings like it."""

    def __init__(self, jobs: Sequence[Job], at_once: int) -> None:
        self.jobs, self.at_once = jobs, at_once
        self._ended: list[JobOutcome] = []

    @property
    def done(self) -> int:
        """Trainings that left a model, now or earlier."""
        return sum(ran.error is None for ran in self._ended)

    def on_end(self, ran: JobOutcome) -> None:
        """Note and print the end of one job."""
        self._ended.append(ran)
        how = f"failed: {ran.error}" if ran.error else "was there" if ran.skipped else f"took {_minutes(ran.wall_s)}"
        _say(f"{len(self._ended)}/{len(self.jobs)} {ran.job.name} {how}; {self._left()}")

    def _left(self) -> str:
        there = {ran.job.folder for ran in self._ended}
        to_come = [job for job in self.jobs if job.folder not in there]
        known = [ran for ran in self._ended if ran.error is None]
        if not to_come or not known:
            return "all done" if not to_come else "time left unknown"
        seconds = sum(_expected_s(job, known) for job in to_come) / min(self.at_once, len(to_come))
        return f"about {_minutes(seconds)} left"


def _expected_s(job: Job, known: Sequence[JobOutcome]) -> float:
    """Mean of the same model's trainings of the task, else of the task's, else of all."""
    task = [ran for ran in known if ran.job.task == job.task]
    same = [ran for ran in task if ran.job.model == job.model]
    walls = [ran.wall_s for ran in same or task or known]
    return sum(walls) / len(walls)


def _say(sentence: str) -> None:
    common.progress().print(sentence, soft_wrap=True)


def _minutes(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


if __name__ == "__main__":
    main(app=app, name="python -m benchmarks.accuracy")
