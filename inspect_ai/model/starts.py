"""Starts of training (`network.init`): nothing, ImageNet's weights, or the trunk of a folder."""

from __future__ import annotations

from pathlib import Path

from inspect_ai.config import TaskConfig

SCRATCH, IMAGENET = "scratch", "imagenet"


def trunk_folder(config: TaskConfig) -> Path | None:
    """Folder of the trunk that training starts from; None for a start without one."""
    init = config.network.init
    return None if init in (SCRATCH, IMAGENET) else Path(init)
