"""Configuration of joint training: configs/joint.yaml, or a file in its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from inspect_ai.config import Strict, checked, laid_over, parse_config, read_yaml
from inspect_ai.plugins import Task, task_named
from inspect_ai.settings import Settings, bundled


class MultitaskConfig(Strict):
    """Tasks that share a trunk, and the changes to each one's own config."""

    common: dict[str, Any] = Field({})  # over every task's config: trunk and schedule are the same for all
    tasks: dict[str, dict[str, Any]]


def read_multitask(file: Path | None = None) -> MultitaskConfig:
    """Read and check `file`, or the bundled one. Raises UsageError naming file and key."""
    path = file or bundled("configs") / "joint.yaml"
    return checked(MultitaskConfig, read_yaml(path), str(path))


def multitask_tasks(joint: MultitaskConfig, settings: Settings, init: str | None) -> list[Task]:
    """Load the tasks with changed configs; init replaces the configs' own. Raises UsageError for unknown settings."""
    tasks = []
    for name, changes in joint.tasks.items():
        task = task_named(name, settings.tasks)
        raw = laid_over(laid_over(task.config.model_dump(mode="json"), joint.common), changes)
        if init is not None:
            raw = laid_over(raw, {"network": {"init": init}})
        tasks.append(task.with_config(parse_config(raw, f"joint config of {name}")))
    return tasks
