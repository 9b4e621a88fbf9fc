"""The proved line of a run: its threshold from the positives of calibration, as `calibrate` proves it, and its price.

Only the positives are scored, since they alone set the line. The figure of a comparison is what that line costs on val.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from benchmarks.accuracy.plan import Job
from benchmarks.writing import csv_text, write_text
from inspect_ai.calibration.bounds import misses_allowed
from inspect_ai.calibration.groups import GroupScore, Units, reduced
from inspect_ai.calibration.threshold import prove
from inspect_ai.datasets.folder import unit_of
from inspect_ai.datasets.prepare import prepare
from inspect_ai.errors import CalibrationRefused, InputError
from inspect_ai.inspection.dataset_scoring import score_rows
from inspect_ai.inspection.loading import load
from inspect_ai.settings import Settings

COLUMNS = ("unit", "score", "passed")
CONFIDENCE = 0.95
LADDER = (0.987, 0.98, 0.97, 0.95, 0.90)  # the next one below what was asked is proved where n does not suffice
PART = "calibration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A proved threshold and the sensitivity that it promises, which n alone has chosen."""

    sensitivity: float
    threshold: float


def line_file(job: Job, data: str) -> Path:
    """File of the calibration positives' scores of a run on one data set."""
    return job.folder / f"line-{Path(data).name}.csv"


def score_line(job: Job, data: str, settings: Settings) -> None:
    """Score the calibration positives of one data set with a trained run, unless that was done."""
    path = line_file(job, data)
    if path.is_file():
        return
    inspector = load(job.task, job.folder, settings=settings, points="none")
    ready = prepare([job.root / name for name in job.data], inspector.task.config, settings)
    folder = ready.folders[job.data.index(data)]
    wanted = [row for row in folder.rows if row.split == PART and row.label in folder.labels.positive]
    scored = score_rows(folder, wanted, inspector) if folder.labels.decides else []
    rows = [(unit_of(s.row, folder.labels), repr(s.score), int(s.passed)) for s in scored]
    write_text(path, csv_text(COLUMNS, rows))


def line_of(job: Job, data: str, sensitivity: float) -> Line | None:
    """The line of a run: at `sensitivity`, else at the best of the ladder below it that so many positives prove.

    None where there are no scores, or too few for any. Raises InputError for a file that is damaged.
    """
    path = line_file(job, data)
    if not path.is_file():
        return None
    try:
        with path.open(newline="", encoding="utf-8") as f:
            rows = list(csv.DictReader(f))
        scores, passed = [float(row["score"]) for row in rows], [row["passed"] == "1" for row in rows]
        units = [row["unit"] for row in rows]
    except (OSError, KeyError, ValueError, TypeError) as e:
        raise InputError(f"{path} is damaged ({type(e).__name__}). Remove it; the same command scores again.") from e
    return proved_line(reduced(scores, units, [True] * len(rows), passed, GroupScore.LOWEST), sensitivity)


def proved_line(units: Units, sensitivity: float) -> Line | None:
    """Prove the best promise that the number of positives allows; the choice looks at no score."""
    for promise in (sensitivity, *(step for step in LADDER if step < sensitivity)):
        if units.scores and misses_allowed(units.n, promise, CONFIDENCE) >= 0:
            try:
                proof = prove(units.scores, sensitivity=promise, confidence=CONFIDENCE, abstained=units.abstained)
            except CalibrationRefused:
                return None
            return Line(sensitivity=promise, threshold=proof.threshold)
    return None
