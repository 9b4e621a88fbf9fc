"""Journey of a plan: the one that stands beside a task, or a new one from its labelled folders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from inspect_ai.config import PLAN
from inspect_ai.errors import UsageError
from inspect_ai.planning import making
from inspect_ai.planning.plan import Plan
from inspect_ai.plugins import task_named
from inspect_ai.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTask:
    """Plan of a task, its files, and sentences on how the folders were read."""

    plan: Plan
    files: tuple[Path, ...]
    said: tuple[str, ...]


def plan_task(
    task_name: str,
    data: Sequence[Path],
    *,
    settings: Settings,
    budget: str,
    out: Path | None = None,
    again: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> PlannedTask:
    """Measure folders and write plan.yaml and fingerprint.json, into the task's folder or into `out`.

    again: write over a plan that is there. Raises UsageError where there is one and this is not asked for.
    """
    task = task_named(task_name, settings.tasks)
    folder = out or task.folder
    if (folder / PLAN).exists() and not again:
        raise UsageError(
            f"{folder / PLAN} is there already, maybe with changes of yours. Write over it with --again, or elsewhere "
            f"with --out."
        )
    made = making.make_plan(task, data, settings, budget=budget, progress=progress)
    files = making.write(made, task, folder)
    return PlannedTask(plan=made.plan, files=tuple(files), said=made.said)
