"""Weights of training pictures by the task's own quality gate: what nobody may decide at work teaches less."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from inspect_ai.datasets.folder import LabelledFolder, Row
from inspect_ai.datasets.samples import study_of
from inspect_ai.domain import Measure
from inspect_ai.plugins import Task
from inspect_ai.settings import Settings

AMPLE = 1.25  # times its limit: a measure that is as good weighs nothing down


def quality_weights(
    folder: LabelledFolder, rows: Iterable[Row], task: Task, settings: Settings, least: float
) -> list[float]:
    """Weight of each picture, from `least` at the gate's limits (and below them) to 1 well above all of them."""
    wanted = list(rows)
    with folder.unpacked(wanted) as root:
        return [quality_weight(task.quality(study_of(root, row.file, settings)), least) for row in wanted]


def quality_weight(measures: Sequence[Measure], least: float) -> float:
    """Weight of one picture by its weakest measure: `least` up to its limit, then in proportion, 1 from AMPLE times."""
    ratios = [measure.value / measure.limit for measure in measures if measure.limit > 0]
    weakest = min(ratios, default=AMPLE)
    if not weakest > 1.0:  # false for NaN too
        return least
    return least + (1.0 - least) * min(1.0, (weakest - 1.0) / (AMPLE - 1.0))
