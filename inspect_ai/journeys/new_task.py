"""Journey of a new task: labels are read off a folder, a plugin is written, and its training is planned."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from inspect_ai.config import LabelSet
from inspect_ai.planning import making
from inspect_ai.planning.budget import budget_seconds
from inspect_ai.planning.labels import labels_of
from inspect_ai.planning.plan import Plan
from inspect_ai.plugins import task_named
from inspect_ai.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask:
    """Files of the task, sentences on what was read, and the plan."""

    files: tuple[Path, ...]
    said: tuple[str, ...]
    plan: Plan


def new_task(
    name: str,
    into: Path,
    data: Path,
    *,
    write: Callable[[LabelSet, str], Sequence[Path]],
    settings: Settings,
    positive: tuple[str, ...] = (),
    column: str = "label",
    budget: str,
    progress: Callable[[int], None] = lambda done: None,
) -> NewTask:
    """Write INTO/NAME for the pictures of `data`: plugin, config, data card, test, fingerprint and plan.

    write: writes the plugin for a label set, with a sentence on how its sides were told apart, and returns its files.
    Nothing stays written where labels or pictures cannot be read. Raises UsageError or InputError.
    """
    budget_seconds(budget)
    found = labels_of(data, name, positive=positive, column=column)
    files = write(found.labels, found.because)
    try:
        task = task_named(name, str(into))
        made = making.make_plan(task, [data], settings, budget=budget, progress=progress)
    except BaseException:
        shutil.rmtree(into / name)  # of this call alone: `write` refuses a folder that is there
        raise
    said = (f"classes {', '.join(found.labels.classes)}: {found.because}", *made.said)
    return NewTask(files=(*files, *making.write(made, task, task.folder)), said=said, plan=made.plan)
