"""Frontier that calibration stored beside an operating point: what else its positives prove, for whoever asks later."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from inspect_ai.calibration import read_point
from inspect_ai.calibration.frontier import Frontier
from inspect_ai.calibration.frontier_file import frontier_path, read_frontier
from inspect_ai.certificates.deployment import POINT_FILE
from inspect_ai.errors import UsageError
from inspect_ai.operating_point import OperatingPoint
from inspect_ai.plugins import task_folder
from inspect_ai.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFrontier:
    """An operating point and its frontier."""

    point: OperatingPoint
    frontier: Frontier


def stored_frontier(what: str, settings: Settings) -> StoredFrontier:
    """Read the frontier of an operating point, given as its file, its folder or the name of a task.

    Certified or not. Raises UsageError where there is no operating point, and none beside it that belongs to it.
    """
    given = Path(what)
    place = given if given.is_file() else (given if given.is_dir() else task_folder(what, settings.tasks)) / POINT_FILE
    point = read_point(place)
    found = read_frontier(point, frontier_path(place))
    if found is None:
        raise UsageError(
            f"There is no frontier of this operating point in {frontier_path(place)}; "
            f"`inspect-ai calibrate` writes one beside the operating point."
        )
    return StoredFrontier(point=point, frontier=found)
