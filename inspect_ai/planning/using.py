"""Choice of the configuration that a training uses: one that is named, the task's plan, or a plan made now."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from inspect_ai.config import PLAN, TaskConfig, read_config, read_yaml_plan
from inspect_ai.planning import making
from inspect_ai.planning.budget import budget_seconds
from inspect_ai.planning.plan import Plan
from inspect_ai.planning.recipe import DEFAULT_BUDGET
from inspect_ai.plugins import Task
from inspect_ai.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Configuration of a training, its budget (None: none was asked for and no plan says one), and where it came from.

    plan: where it was made now; file: plan.yaml, where one counts.
    """

    config: TaskConfig
    budget: str | None
    file: Path | None
    plan: Plan | None = None


def recipe_of(
    task: Task,
    data: Sequence[Path],
    settings: Settings,
    *,
    config_file_named: Path | None = None,
    plan_file: Path | None = None,
    budget: str | None = None,
    threads: int | None = None,
    run_folder: Path,
    tell: Callable[[str], None] = lambda sentence: None,
) -> Recipe:
    """Find or make what a training follows.

    A plan that is named lies over the config that is named, or over the task's. Without either: the task's own
    plan.yaml; else, for a task whose config leaves the training open, a new one, written beside that config, or into
    the run folder where that cannot be; else the config alone. Raises UsageError, also for a budget that is no time.
    """
    if budget is not None:
        budget_seconds(budget)
    if plan_file is not None:
        below = config_file_named or making.config_path(task)
        return _of_file(below, plan_file, budget)
    if config_file_named is not None:
        return Recipe(config=read_config(config_file_named), budget=budget, file=None)
    own = task.folder / PLAN
    if own.is_file():
        return _of_file(making.config_path(task), own, budget)
    if not making.is_planned(task):
        return Recipe(config=task.config, budget=budget, file=None)
    tell(f"{task.name} has no plan yet: measuring the pictures")
    made = making.make_plan(task, data, settings, budget=budget or DEFAULT_BUDGET, threads=threads)
    folder = task.folder if os.access(task.folder, os.W_OK) else run_folder
    path, _ = making.write(made, task, folder)
    config = read_config(making.config_path(task), path)
    return Recipe(config=config, budget=made.plan.budget, file=path, plan=made.plan)


def _of_file(config: Path, plan: Path, budget: str | None) -> Recipe:
    raw = read_yaml_plan(plan)
    said = str(raw["budget"]) if raw.get("budget") else None
    if said is not None:
        budget_seconds(said)
    return Recipe(config=read_config(config, plan), budget=budget or said, file=plan)
