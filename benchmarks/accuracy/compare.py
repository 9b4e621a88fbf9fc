"""Comparison of scored models: figures over seeds, and each model against those that the plan marks `against`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.accuracy.figures import SENSITIVITIES, figures, resampled
from benchmarks.accuracy.line import line_of
from benchmarks.accuracy.plan import BenchPlan, Job
from benchmarks.accuracy.results import Against, DataSet, ModelFigures
from benchmarks.accuracy.scores import Scores, read_scores, scores_file
from benchmarks.statistics import Estimate, Values, difference, ratio, spread
from inspect_ai.errors import InputError

DIFFERENCES = ("auc", "accuracy")
RATIOS = (*(f"false_positives_at_{share}" for share in SENSITIVITIES), "false_positives_at_line", "wrong")


@dataclass(frozen=True, slots=True, kw_only=True)
class _RunFigures:
    figures: dict[str, float]
    draws: dict[str, Values]


def compare(
    plan: BenchPlan, jobs: Sequence[Job], on_progress: Callable[[str], None] = lambda name: None
) -> list[DataSet]:
    """Every data set of which scores are there."""
    sets = []
    for task, of_task in plan.tasks.items():
        for data in of_task.data:
            mine = [job for job in jobs if job.task == task and scores_file(job, data).is_file()]
            if mine:
                on_progress(f"{task} {Path(data).name}")
                sets.append(_data_set(plan, task, data, mine))
    return sets


def _data_set(plan: BenchPlan, task: str, data: str, jobs: Sequence[Job]) -> DataSet:
    first = read_scores(scores_file(jobs[0], data))
    runs: dict[str, dict[int, _RunFigures]] = {}
    promised: set[float | None] = set()  # the same for all: the number of calibration positives alone decides
    for job in jobs:
        scores = read_scores(scores_file(job, data))
        if scores.files != first.files or scores.groups != first.groups:
            raise InputError(
                f"{scores_file(job, data)} lists other pictures than {scores_file(jobs[0], data)}. "
                "Remove both; the same command scores again."
            )
        line = None if plan.line is None else line_of(job, data, plan.line)
        promised.add(None if line is None else line.sensitivity)
        at = None if line is None else line.threshold
        drawn = resampled(scores, line=at)
        runs.setdefault(job.model, {})[job.seed] = _RunFigures(figures=figures(scores, at), draws=drawn)
    names = [model.name for model in plan.models if model.name in runs]
    references = [model.name for model in plan.models if model.against and model.name in runs]
    return DataSet(
        task=task,
        data=Path(data).name,
        pictures=len(first.files),
        positives=_positives(first),
        groups=len(set(first.groups)),
        models=tuple(_model_figures(name, runs, references) for name in names),
        line=promised.pop() if len(promised) == 1 else None,
    )


def _positives(scores: Scores) -> int | None:
    positives = int(scores.positive.sum())
    return positives if 0 < positives < len(scores.files) else None


def _model_figures(name: str, runs: Mapping[str, Mapping[int, _RunFigures]], references: Sequence[str]) -> ModelFigures:
    mine = runs[name]
    kinds = next(iter(mine.values())).figures
    others = [other for other in references if other != name and set(mine) & set(runs[other])]
    return ModelFigures(
        model=name,
        seeds=tuple(mine),
        figures={kind: spread([run.figures[kind] for run in mine.values() if kind in run.figures]) for kind in kinds},
        against=tuple(_against(mine, other, runs[other]) for other in others),
    )


def _against(mine: Mapping[int, _RunFigures], name: str, other: Mapping[int, _RunFigures]) -> Against:
    seeds = [seed for seed in mine if seed in other]

    def compared(kind: str, how: Callable[..., Estimate]) -> Estimate:
        here = [sum(runs[seed].figures[kind] for seed in seeds) / len(seeds) for runs in (mine, other)]
        draws = [{seed: runs[seed].draws[kind] for seed in seeds} for runs in (mine, other)]
        return how(*draws, here=(here[0], here[1]))

    there, theirs = next(iter(mine.values())).figures, next(iter(other.values())).figures
    return Against(
        other=name,
        seeds=tuple(seeds),
        differences={kind: compared(kind, difference) for kind in DIFFERENCES if kind in there},
        ratios={kind: compared(kind, ratio) for kind in RATIOS if kind in there and kind in theirs},
    )
