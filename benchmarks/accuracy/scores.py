"""The scores of one run on one data set's val pictures, as a CSV beside the run: written once, read ever after.

They come from the same code as scores at work, through ONNX.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.plan import Job
from benchmarks.writing import csv_text, write_text
from inspect_ai.config import LabelSet, TaskConfig
from inspect_ai.datasets.folder import read_folder, with_splits
from inspect_ai.errors import InputError
from inspect_ai.inspection.dataset_scoring import Scored, score_rows
from inspect_ai.inspection.loading import load
from inspect_ai.settings import Settings

COLUMNS = ("file", "group", "label", "positive", "score", "answer", "grade", "answered_grade")
SPLIT = "val"  # calibration pictures are for the promise alone, and test pictures for the last word


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """One row a picture, in the order of labels.csv. `answers` is empty for a set without classes."""

    files: tuple[str, ...]
    groups: tuple[str, ...]
    labels: tuple[str, ...]
    positive: NDArray[np.bool_] = field(compare=False, repr=False)
    score: NDArray[np.float64] = field(compare=False, repr=False)
    answers: tuple[str, ...] = ()
    grades: tuple[int | None, ...] = ()  # ordinal truth where it is known, one a picture
    answered_grades: tuple[int | None, ...] = ()


def scores_file(job: Job, data: str) -> Path:
    """File of the scores of a run on one of its data sets."""
    return job.folder / f"scores-{Path(data).name}.csv"


def score_run(job: Job, data: str, settings: Settings) -> None:
    """Score the val part of one data set with a trained run, unless that was done."""
    path = scores_file(job, data)
    if path.is_file():
        return
    inspector = load(job.task, job.folder, settings=settings, points="none")
    task = inspector.task
    # The parts are those of training: all folders are needed to know them where a folder does not name its own.
    folders = with_splits(
        [read_folder(job.root / name, task.config) for name in job.data],
        calibration_share=task.config.train.calibration_share,
    )
    folder = folders[job.data.index(data)]
    scored = score_rows(folder, folder.part(SPLIT), inspector)
    write_text(path, csv_text(COLUMNS, (_row(s, folder.labels, task.config) for s in scored)))


def _row(scored: Scored, labels: LabelSet, config: TaskConfig) -> tuple[object, ...]:
    row, (answer, answered_grade) = scored.row, _answers(scored, labels, config)
    positive, grade = int(row.label in labels.positive), "" if row.grade is None else row.grade
    return (
        *(_cell(row.file), _cell(row.group), row.label, positive),
        *(repr(scored.score), answer, grade, answered_grade),
    )


def _answers(scored: Scored, labels: LabelSet, config: TaskConfig) -> tuple[str, str]:
    """Class with the highest logit, and the number of the grade's steps that are more likely reached than not."""
    name = grade = ""
    if labels.class_outputs:
        first = config.outputs.index(labels.class_outputs[0])
        name = labels.classes[int(scored.logits[first : first + len(labels.classes)].argmax())]
    if labels.grade_outputs:
        first = config.outputs.index(labels.grade_outputs[0])
        grade = str(int((scored.logits[first : first + labels.grades - 1] > 0).sum()))
    return name, grade


def _cell(text: str) -> str:
    """Text that no table program takes for a formula."""
    return "'" + text if text[:1] in "=+-@\t\r" else text


def read_scores(path: Path) -> Scores:
    """Scores that a run left. Raises InputError for a file that is damaged."""
    try:
        with path.open(newline="", encoding="utf-8") as f:
            rows = list(csv.DictReader(f))
        return Scores(
            files=tuple(row["file"] for row in rows),
            groups=tuple(row["group"] for row in rows),
            labels=tuple(row["label"] for row in rows),
            positive=np.array([row["positive"] == "1" for row in rows], np.bool_),
            score=np.array([float(row["score"]) for row in rows]),
            answers=tuple(row["answer"] for row in rows) if any(row["answer"] for row in rows) else (),
            grades=tuple(int(row["grade"]) if row["grade"] else None for row in rows),
            answered_grades=tuple(int(row["answered_grade"]) if row["answered_grade"] else None for row in rows),
        )
    except (OSError, KeyError, ValueError, TypeError) as e:
        raise InputError(f"{path} is damaged ({type(e).__name__}). Remove it; the same command scores again.") from e
