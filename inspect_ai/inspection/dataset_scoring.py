"""Labelled pictures along the same line as at work: ingest, quality, units, engine, decision. For calibrate and
evaluate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from inspect_ai.calibration.out_of_distribution import Typicality
from inspect_ai.datasets.folder import LabelledFolder, Row
from inspect_ai.datasets.samples import study_of
from inspect_ai.decide import decide
from inspect_ai.domain import Floats, Measure, Verdict
from inspect_ai.errors import UsageError
from inspect_ai.ingest.attributes import as_at_work, attributes_set
from inspect_ai.inspection import out_of_distribution
from inspect_ai.model.engine import Engine
from inspect_ai.operating_point import OperatingPoint
from inspect_ai.plugins import Task
from inspect_ai.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One labelled picture with its score.

    `verdict` is None without an operating point; logits: [K] of its last unit; features: [units, F], or None from a
    graph that tells none; measures: the quality gate, what is typical included where a reference was given.
    """

    row: Row
    sha256: str
    score: float
    verdict: Verdict | None
    logits: Floats = field(compare=False, repr=False)
    measures: tuple[Measure, ...] = ()
    features: Floats | None = field(default=None, compare=False, repr=False)

    @property
    def passed(self) -> bool:
        """The whole gate: what fails is left to a person, so that no positive among it is missed."""
        return all(measure.passed for measure in self.measures)

    @property
    def fit(self) -> bool:
        """The fixed limits alone: good enough to be a reference."""
        return all(measure.passed for measure in self.measures if measure.name != out_of_distribution.NAME)


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
    known: Typicality | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Scored]:
    """Score every row; the quality gate hides no score. Raises UsageError for a picture without units.

    known: what calibration saw; without it the gate is that of the fixed limits.
    """
    wanted = list(rows)
    scored = []
    with folder.unpacked(wanted) as root:
        for done, row in enumerate(wanted, 1):
            scored.append(_score(root, row, task, engine, settings, point, mismatches, known))
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
    known: Typicality | None,
) -> Scored:
    study = study_of(root, row.file, settings)
    units = list(task.units(study))
    if not units:
        raise UsageError(f"{row.file}: task {task.name} finds nothing in it to score.")
    outputs = engine.run(units)
    score = task.aggregate([f for unit, out in zip(units, outputs, strict=True) for f in task.findings(unit, out)])
    measures = tuple(task.quality(study))
    if (likeness := out_of_distribution.measure(known, units, outputs, measures)) is not None:
        measures = (*measures, likeness)
    verdict = None
    if point is not None:
        said = [(name, as_at_work(name, value)) for name, value in row.columns]
        point = point.for_study([*study.ref.attributes, *attributes_set(settings), *said])
        verdict = decide(score, point, mismatches=mismatches, problems=study.problems, measures=measures)
    features = [output.features for output in outputs if output.features is not None]
    return Scored(
        row=row,
        sha256=study.ref.files[0].sha256,
        score=score,
        verdict=verdict,
        logits=outputs[-1].logits,
        measures=measures,
        features=np.stack(features) if len(features) == len(outputs) else None,
    )
