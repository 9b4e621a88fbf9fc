"""Labelled pictures along the same line as at work: ingest, quality, units, engine, decision. For calibrate and
evaluate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from inspect_ai.decide import decide
from inspect_ai.domain import Floats, OperatingPoint, Verdict
from inspect_ai.errors import UsageError
from inspect_ai.model.engine import Engine
from inspect_ai.plugins import Task
from inspect_ai.settings import Settings
from inspect_ai.training.folder import LabelledFolder, Row
from inspect_ai.training.samples import study_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One labelled picture with its score.

    `verdict` is None without an operating point; logits: [K] of its last unit.
    """

    row: Row
    sha256: str
    score: float
    verdict: Verdict | None
    logits: Floats = field(compare=False, repr=False)


def model_folder(model: Path | None, task: Task) -> Path:
    """The folder of a model given as folder or as one of its files; the task's own without one."""
    if model is None:
        return task.folder
    return model if model.is_dir() else model.parent


def score_rows(
    folder: LabelledFolder,
    rows: Iterable[Row],
    task: Task,
    engine: Engine,
    settings: Settings,
    *,
    point: OperatingPoint | None = None,
    mismatches: tuple[str, ...] = (),
    progress: Callable[[int], None] = lambda done: None,
) -> list[Scored]:
    """Score every row; the quality gate hides no score. Raises UsageError for a picture without units."""
    wanted = list(rows)
    scored = []
    with folder.unpacked(wanted) as root:
        for done, row in enumerate(wanted, 1):
            scored.append(_score(root, row, task, engine, settings, point, mismatches))
            progress(done)
    return scored


def _score(
    root: Path,
    row: Row,
    task: Task,
    engine: Engine,
    settings: Settings,
    point: OperatingPoint | None,
    mismatches: tuple[str, ...],
) -> Scored:
    study = study_of(root, row.file, settings)
    units = list(task.units(study))
    if not units:
        raise UsageError(f"{row.file}: task {task.name} finds nothing in it to score.")
    outputs = engine.run(units)
    score = task.aggregate([f for unit, out in zip(units, outputs, strict=True) for f in task.findings(unit, out)])
    verdict = None
    if point is not None:
        verdict = decide(score, point, mismatches=mismatches, problems=study.problems, measures=task.quality(study))
    digest = study.ref.files[0].sha256
    return Scored(row=row, sha256=digest, score=score, verdict=verdict, logits=outputs[-1].logits)
