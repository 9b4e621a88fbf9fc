"""Cost of a comparison before it starts: processor time of each training, from runs like it or from a few steps.

Steps with their augmentation are timed by the processor's time of this process, so that a busy machine does not count
twice. Trainings that stop early cost less.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.accuracy.plan import Job
from benchmarks.accuracy.running import is_finished, noted_times
from inspect_ai.config import TaskConfig
from inspect_ai.datasets.folder import read_folder, with_splits

SIDE_PX = 224  # where a recipe keeps each picture's own size


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """Processor seconds of one training that is to do; measured: by finished runs of the same model and task."""

    job: Job
    cpu_s: float
    measured: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureCost:
    """Processor seconds for learning from one picture, and for answering one."""

    step_s: float
    answer_s: float


class Estimator:
    """Costs of jobs; each recipe is timed once, each data set counted once."""

    def __init__(self, timed: Callable[[TaskConfig], PictureCost] | None = None) -> None:
        self._timed = timed or picture_cost
        self._costs: dict[str, PictureCost] = {}
        self._counts: dict[tuple[str, ...], tuple[int, int]] = {}

    def __call__(self, job: Job) -> float:
        """Processor seconds of all epochs: each learns from its draws, asks the teachers about them, answers val."""
        if job.source is not None:  # weights that are there: exported, not trained
            return 0.0
        if job.data not in self._counts:
            self._counts[job.data] = pictures(job)
        key = _key(job.config)
        if key not in self._costs:
            self._costs[key] = self._timed(job.config)
        (train, val), cost, schedule = self._counts[job.data], self._costs[key], job.config.train
        draws = schedule.samples_per_epoch or train
        asked = draws if schedule.distil_views == "same" else train / schedule.epochs
        answers = val + len(job.teachers) * asked
        return schedule.epochs * (draws * cost.step_s + answers * cost.answer_s)


def expected(jobs: Sequence[Job], device: str) -> list[Expected]:
    """Cost of each job that is not finished, as if it ran all its epochs."""
    finished = [job for job in jobs if is_finished(job, device)]
    noted = {(job.task, job.model): noted_times(job.folder)[1] for job in finished}
    estimate = Estimator()
    return [
        Expected(job=job, cpu_s=noted[key] if key in noted else estimate(job), measured=key in noted)
        for job in jobs
        if job not in finished
        for key in [(job.task, job.model)]
    ]


def pictures(job: Job) -> tuple[int, int]:
    """Pictures of train and of val, by the tables alone."""
    folders = with_splits(
        [read_folder(job.root / name, job.config) for name in job.data],
        calibration_share=job.config.train.calibration_share,
    )
    splits = [row.split for folder in folders for row in folder.rows]
    return splits.count("train"), splits.count("val")


def picture_cost(config: TaskConfig) -> PictureCost:
    """Time a few steps and answers of an untrained network of this configuration, as plans are timed."""
    from inspect_ai.training.speed import step_times

    side = config.augment.crop or config.input.size or SIDE_PX
    times = step_times(config, wall=time.process_time, cpu=time.process_time)
    return PictureCost(step_s=times.train_s * side**2 / 1e6, answer_s=times.val_s * side**2 / 1e6)


def _key(config: TaskConfig) -> str:
    """Everything that a step's cost depends on."""
    crop, train = config.augment.crop, config.train
    return repr((config.network, config.input, crop, train.batch, train.frozen, config.outputs))
