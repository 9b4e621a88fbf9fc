"""Plan of a comparison: a YAML of tasks, changes for an equal budget, and models; and the jobs that it makes.

A job is one training: (task, model, seed). Its configuration is configs/TASK.yaml, under the comparison's changes,
under the model's own network and overrides.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from inspect_ai.config import Strict, TaskConfig, checked, laid_over, parse_config, read_yaml
from inspect_ai.errors import UsageError

FigureKind = Literal["auc", "sensitivity", "false_positives", "accuracy", "kappa"]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]  # it becomes part of a folder's name


class TaskPlan(Strict):
    """Labelled folders of one task, below the root of all data; `figures` are what its tables show, all if empty."""

    data: Annotated[tuple[str, ...], Field(min_length=1)]
    figures: tuple[FigureKind, ...] = ()


class ModelPlan(Strict):
    """One model of the comparison. Tables name every difference beyond the network."""

    name: Name
    title: str = ""
    network: dict[str, Any] = Field({})  # keys of config.Network, laid over the task's
    train: dict[str, Any] = Field({})  # keys of config.Training: a departure from the equal budget
    augment: dict[str, Any] = Field({})  # keys of config.Augment: likewise
    against: bool = False  # the others are compared with it
    seeds: tuple[int, ...] | None = None
    tasks: tuple[str, ...] | None = None
    weights_of: str | None = None  # that model's weights with other `network.views` at work: nothing is trained
    teacher: str | None = None  # distilled from that model's run of the same task and seed
    teacher_seeds: tuple[int, ...] | None = None  # or from its runs of these seeds, all of them
    init_from: str | None = None  # folder of a pretrained trunk, in place of network.init

    @property
    def departures(self) -> tuple[str, ...]:
        """Differences of the model from the common recipe, for the notes under a table."""
        changed = [
            f"{part}.{key} = {value}" for part in ("train", "augment") for key, value in getattr(self, part).items()
        ]
        same = [f"the weights of {self.weights_of}, {self.network.get('views')} views"] if self.weights_of else []
        seeds_of = f"seeds {', '.join(map(str, self.teacher_seeds))}" if self.teacher_seeds else "the same seed"
        taught = [f"taught by {self.teacher} of the same task and {seeds_of}"] if self.teacher else []
        started = [f"starts from {self.init_from}"] if self.init_from else []
        seeds = [f"seeds {', '.join(map(str, self.seeds))}"] if self.seeds is not None else []
        return (*changed, *same, *taught, *started, *seeds)


class BenchPlan(Strict):
    """A whole comparison; the bundled one is accuracy.yaml beside this file."""

    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (0, 1, 2)
    tasks: Annotated[dict[str, TaskPlan], Field(min_length=1)]
    changes: dict[str, dict[str, Any]] = Field({})
    models: Annotated[tuple[ModelPlan, ...], Field(min_length=1)]
    line: float | None = Field(default=None, gt=0, lt=1)  # also compare at the line that calibration proves for this

    @model_validator(mode="after")
    def _names_are_known(self) -> BenchPlan:
        names = [model.name for model in self.models]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two models are called {', '.join(twice)}; each needs a name of its own")
        _known(self.changes, self.tasks, "changes", "task")
        for model in self.models:
            _known(model.tasks or (), self.tasks, f"model {model.name}", "task")
            _known([model.teacher] if model.teacher else [], names, f"model {model.name}", "teacher")
            _known([model.weights_of] if model.weights_of else [], names, f"model {model.name}", "source of weights")
        by_name = {model.name: model for model in self.models}
        for model in self.models:
            if model.weights_of and (by_name[model.weights_of].weights_of or set(model.network) != {"views"}):
                raise ValueError(f"{model.name} takes the weights of a trained model and changes network.views alone")
            teacher = by_name.get(model.teacher or "")
            if teacher is not None and teacher.teacher is not None:
                raise ValueError(f"the teacher of {model.name} has a teacher itself ({teacher.teacher}); one step only")
            self._teacher_seeds_are_planned(model, teacher)
        return self

    def _teacher_seeds_are_planned(self, model: ModelPlan, teacher: ModelPlan | None) -> None:
        if model.teacher_seeds is None:
            return
        there = () if teacher is None else teacher.seeds or self.seeds
        if not model.teacher_seeds or not set(model.teacher_seeds) <= set(there):
            raise ValueError(
                f"teacher_seeds of {model.name} must be seeds of its teacher ({', '.join(map(str, there))})"
            )

    def model(self, name: str) -> ModelPlan:
        """The model of that name."""
        return next(model for model in self.models if model.name == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One training. `data` are folders below `root`; paths in its description stay relative, so that a moved root is
    no new job.
    """

    task: str
    model: str
    seed: int
    root: Path
    data: tuple[str, ...]
    config: TaskConfig
    folder: Path
    teachers: tuple[Path, ...] = ()  # folders of the runs that teach
    source: Path | None = None  # folder of the run whose weights these are

    @property
    def needed(self) -> tuple[Path, ...]:
        """The runs that must be finished before this one."""
        return self.teachers if self.source is None else (self.source,)

    @property
    def name(self) -> str:
        """TASK/MODEL-SEED, as its folder below the output is called."""
        return f"{self.task}/{self.model}-{self.seed}"


def read_plan(path: Path) -> BenchPlan:
    """Read and check the YAML. Raises UsageError with one sentence for each fault."""
    return checked(BenchPlan, read_yaml(path), str(path))


def jobs_of(plan: BenchPlan, bases: Mapping[str, TaskConfig], root: Path, out: Path) -> list[Job]:
    """Every training of a comparison; all models of one seed come before the next seed, so that a comparison that was
    stopped early compares. `bases`: each task's own configuration. Raises UsageError for settings that are none.
    """
    return [
        Job(
            task=task,
            model=model.name,
            seed=seed,
            root=root,
            data=plan.tasks[task].data,
            config=config_of(plan, model, bases[task]),
            folder=out / task / f"{model.name}-{seed}",
            teachers=tuple(out / task / f"{model.teacher}-{one}" for one in model.teacher_seeds or (seed,))
            if model.teacher
            else (),
            source=out / task / f"{model.weights_of}-{seed}" if model.weights_of else None,
        )
        for seed, task, model in _grid(plan)
    ]


def _grid(plan: BenchPlan) -> Iterator[tuple[int, str, ModelPlan]]:
    """Teachers before their students, weights before their copies."""
    seeds = dict.fromkeys([*plan.seeds, *(seed for model in plan.models for seed in model.seeds or ())])
    for seed in seeds:
        for task in plan.tasks:
            for model in sorted(plan.models, key=lambda m: bool(m.teacher or m.weights_of)):
                if seed in (plan.seeds if model.seeds is None else model.seeds) and task in (model.tasks or plan.tasks):
                    yield seed, task, model


def config_of(plan: BenchPlan, model: ModelPlan, base: TaskConfig) -> TaskConfig:
    """The task's configuration, then the comparison's changes, then the model's."""
    if model.weights_of:
        source = config_of(plan, plan.model(model.weights_of), base).model_dump(mode="json")
        return parse_config(laid_over(source, {"network": model.network}), f"model {model.name}")
    network = model.network | ({"init": model.init_from} if model.init_from else {})
    own = {"network": network, "train": model.train, "augment": model.augment}
    raw = laid_over(laid_over(base.model_dump(mode="json"), plan.changes.get(base.name, {})), own)
    return parse_config(raw, f"model {model.name} for task {base.name}")


def chosen(jobs: Sequence[Job], patterns: Sequence[str]) -> list[Job]:
    """Jobs that one of the patterns names: TASK, TASK/MODEL or TASK/MODEL-SEED, with * for any. All without patterns.

    Raises UsageError for a pattern that names none.
    """
    if not patterns:
        return list(jobs)
    for pattern in patterns:
        if not any(_named(job, pattern) for job in jobs):
            there = ", ".join(dict.fromkeys(f"{job.task}/{job.model}" for job in jobs))
            raise UsageError(f"--only {pattern} names no training of this comparison. There are: {there}.")
    return [job for job in jobs if any(_named(job, pattern) for pattern in patterns)]


def _named(job: Job, pattern: str) -> bool:
    return any(fnmatchcase(name, pattern) for name in (job.task, f"{job.task}/{job.model}", job.name))


def _known(names: Any, known: Any, where: str, what: str) -> None:
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, list(known), n=1)
            hint = f" did you mean {near[0]!r}?" if near else f" known: {', '.join(known)}"
            raise ValueError(f"{where} names the {what} {name!r}, which is not among the {what}s;{hint}")
