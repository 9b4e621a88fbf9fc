"""Making of a plan for a task and its folders: read, measure, time a few steps, choose."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inspect_ai.config import PLAN, Promise, TaskConfig, read_config, read_yaml
from inspect_ai.datasets.folder import read_folder
from inspect_ai.datasets.prepare import prepared
from inspect_ai.model.starts import GENERAL, general_sizes
from inspect_ai.planning import recipe
from inspect_ai.planning.budget import Speed, budget_seconds
from inspect_ai.planning.fingerprint import Fingerprint
from inspect_ai.planning.measuring import fingerprint_of
from inspect_ai.planning.plan import Plan, write_plan
from inspect_ai.planning.rules import Means, frozen_blocks, planned, start_of
from inspect_ai.planning.starts import installed_starts, met_in_calibration
from inspect_ai.plugins import Task, config_file
from inspect_ai.settings import Settings

FINGERPRINT = "fingerprint.json"
SECTIONS = ("input", "network", "augment", "train", "promise")  # of a config, which a plan chooses


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A fingerprint and the plan that follows from it, with sentences on how the folders were read."""

    data: Fingerprint
    plan: Plan
    said: tuple[str, ...]


def make_plan(
    task: Task,
    data: Sequence[Path],
    settings: Settings,
    *,
    budget: str = recipe.DEFAULT_BUDGET,
    threads: int | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Made:
    """Measure labelled folders and plan the task's training. Settings that its config names stay as they are.

    Raises UsageError or InputError as `read_folder` does, and for a budget that is no time.
    """
    seconds = budget_seconds(budget)
    config = own_config(task)
    folders = [read_folder(root, config) for root in data]
    given = any(row.split for folder in folders for row in folder.rows)
    ready = prepared(folders, config, settings, progress=progress)
    found = fingerprint_of(ready, settings, given_splits=given)
    said = said_by_config(task)

    def plan_from(starts: tuple[str, ...], met: int = 0) -> Plan:
        by_size = {size: start_of(size, starts, general_sizes()) for size in (recipe.SMALL, recipe.TINY)}
        speed = measured_speed(config, threads or cores(), by_size)
        means = Means(budget=budget, budget_s=seconds, speed=speed, starts=starts, general=general_sizes(), met=met)
        return planned(task.name, found, means, said)

    starts = installed_starts()
    plan = plan_from(starts)
    chosen = plan.over(config)
    if chosen.network.init == GENERAL:
        promise = chosen.promise or Promise(most_taken=0.0)
        met = met_in_calibration(ready.folders, promise, chosen.network.size, given_splits=given)
        if met:
            plan = plan_from(tuple(start for start in starts if start != GENERAL), met)
    return Made(data=found, plan=plan, said=ready.said)


def write(made: Made, task: Task, folder: Path) -> list[Path]:
    """Write plan.yaml and fingerprint.json into a folder; returns both paths."""
    folder.mkdir(parents=True, exist_ok=True)
    write_plan(made.plan, folder / PLAN, config_path(task).name)
    (folder / FINGERPRINT).write_text(made.data.as_json(), "utf-8")
    return [folder / PLAN, folder / FINGERPRINT]


def own_config(task: Task) -> TaskConfig:
    """The task's configuration without its plan."""
    return read_config(config_path(task))


def is_planned(task: Task) -> bool:
    """True for a task whose config leaves all that a plan chooses open."""
    return not set(SECTIONS) & set(read_yaml(config_path(task)))


def said_by_config(task: Task) -> dict[str, Any]:
    """Settings that the task's own config names, by dotted name."""
    raw = read_yaml(config_path(task))
    return {
        f"{section}.{name}": value
        for section in SECTIONS
        if isinstance(raw.get(section), dict)
        for name, value in raw[section].items()
    }


def cores() -> int:
    """Threads to compute with where nobody says how many: OMP_NUM_THREADS, else the cores that this process may use."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdigit() and int(asked) > 0 else len(os.sched_getaffinity(0))


def measured_speed(config: TaskConfig, threads: int, starts: Mapping[str, str]) -> Speed:
    """Time trunks on this machine, each from its start. starts: by trunk size. Leaves torch with so many threads."""
    import torch

    from inspect_ai.training.speed import step_times

    torch.set_num_threads(threads)
    train, val = {}, {}
    for size, start in starts.items():
        values = config.model_dump(mode="json")
        values["network"] |= {"size": size, "init": start, "backbone": "trunk"}
        values["train"] |= {"frozen": frozen_blocks(start)}
        values["augment"] |= {"crop": None, "rotate_degrees": 10.0, "gamma": 0.1}
        times = step_times(TaskConfig.model_validate(values))
        train[size], val[size] = times.train_s, times.val_s
    return Speed(train=train, val=val, threads=threads)


def config_path(task: Task) -> Path:
    """Path of the task's config."""
    found = config_file(task.name, task.folder)
    if found is None:  # a task that was loaded has one
        raise FileNotFoundError(task.folder / "config.yaml")
    return found
