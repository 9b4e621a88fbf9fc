"""The evaluation journey: a labelled folder through the line, and what came out, with exact intervals."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inspect_ai.calibration import clopper_pearson, matches, read_point
from inspect_ai.certificates.deployment import POINT_FILE, certificate_for
from inspect_ai.config import LabelSet, TaskConfig, config_sha256
from inspect_ai.datasets.folder import LabelledFolder, read_folder
from inspect_ai.decide import GRID
from inspect_ai.domain import Outcome
from inspect_ai.errors import UsageError
from inspect_ai.evaluation.assembly import cases_of, positions_of, sheets_of, study_of_agreement
from inspect_ai.evaluation.localization import Line
from inspect_ai.evaluation.results import Subject
from inspect_ai.inspection import out_of_distribution
from inspect_ai.inspection.dataset_scoring import Scored, model_folder, score_rows
from inspect_ai.model.engine import open_engine
from inspect_ai.operating_point import OperatingPoint
from inspect_ai.plugins import task_named
from inspect_ai.report.evaluation.page import write_evaluation
from inspect_ai.settings import Settings

RESAMPLES = 1000  # of groups, for the interval of the AUC
CONFIDENCE = 0.95
AGREEMENT_OPTION = "agreement"  # of a task's config: the column that tells repeated looks at one part apart

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What a task reaches on a labelled folder. Figures that are not defined are None."""

    task: str
    data: str
    split: str
    labels: str
    n: int
    n_positive: int
    groups: int
    auc: float | None
    auc_interval: Interval | None  # bootstrap over groups
    threshold: float | None
    sensitivity: float | None  # positives whose score reaches clear_below: not cleared
    sensitivity_interval: Interval | None
    false_positive_rate: float | None  # negatives whose score reaches flag_from
    false_positive_rate_interval: Interval | None
    counts: dict[str, int]  # outcome -> pictures, quality gate included
    certified: bool
    uncertified_because: str | None
    accuracy: float | None
    accuracy_interval: Interval | None
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]  # rows: truth; columns: answer
    scored: tuple[Scored, ...]


def evaluate_task(
    task_name: str,
    data: Path,
    *,
    settings: Settings,
    split: str = "test",
    model: Path | None = None,
    operating_point: Path | None = None,
    scores: Path | None = None,
    report: Path | None = None,
    agreement: str | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Evaluation:
    """Score a labelled folder and measure; with `report`, write a page that a person reads.

    agreement: the column of labels.csv that tells repeated looks at one part apart; default: the config's option of
    that name. Raises UsageError for unknown labels, columns or splits.
    """
    task = task_named(task_name, settings.tasks)
    folder_of_model = model_folder(model, task)
    engine = open_engine(folder_of_model, kind=settings.engine)
    task = type(task)(engine.manifest.config, task.folder)
    path = operating_point or folder_of_model / POINT_FILE
    point = read_point(path) if operating_point or path.is_file() else None
    mismatches: tuple[str, ...] = ()
    if point is not None:
        found = matches(
            point,
            task=task.name,
            model_sha256=engine.model_sha256,
            config_sha256=config_sha256(task.config),
            engine=engine.name,
        )
        _, doubts = certificate_for(point, path, task=task, engine=engine, model=folder_of_model, settings=settings)
        mismatches = (*found, *engine.problems, *doubts)
    folder = read_folder(data, task.config)
    rows = folder.part(split)
    known = out_of_distribution.load(path.parent) if point is not None else None
    scored = score_rows(
        folder, rows, task, engine, settings, point=point, mismatches=mismatches, known=known, progress=progress
    )
    if scores is not None:
        write_scores(scores, scored, folder.labels)
    result = measure(scored, folder.labels, task.config, task.name, str(data), split, point, mismatches)
    if report is not None:
        column = agreement or str(task.config.options.get(AGREEMENT_OPTION, ""))
        line = Line(task=task, engine=engine, settings=settings, known=known)
        _write_page(report, result, folder, line, point, column, progress)
    return result


def _write_page(
    path: Path,
    result: Evaluation,
    folder: LabelledFolder,
    line: Line,
    point: OperatingPoint | None,
    column: str,
    progress: Callable[[int], None],
) -> None:
    """The page: figures from the scores, and a second look at the few pictures that need one."""
    scored, labels = result.scored, folder.labels
    study = study_of_agreement(scored, folder, line, point, column, progress) if column else None
    write_evaluation(
        path,
        cases=cases_of(scored, labels),
        subject=_subject(result, labels, line, point),
        positions=positions_of(scored, folder, line, progress),
        study=study,
        sheets=sheets_of(scored, folder, line, point),
    )


def _subject(result: Evaluation, labels: LabelSet, line: Line, point: OperatingPoint | None) -> Subject:
    return Subject(
        task=result.task,
        title=line.task.config.title or line.task.title,
        data=Path(result.data).resolve().name,
        split=result.split,
        labels=labels.name,
        positive_name=", ".join(labels.positive),
        decides=labels.decides,
        model_sha256=line.engine.model_sha256,
        config_sha256=config_sha256(line.task.config),
        engine=line.engine.name,
        point=point,
        certified=result.certified,
        uncertified_because=result.uncertified_because or "",
        seen=sum(line.engine.manifest.saw(s.sha256) is not None for s in result.scored),
        auc=result.auc,
        auc_interval=result.auc_interval,
        accuracy=result.accuracy,
        accuracy_interval=result.accuracy_interval,
        classes=result.classes,
        confusion=result.confusion,
    )


def measure(
    scored: Sequence[Scored],
    labels: LabelSet,
    config: TaskConfig,
    task: str,
    data: str,
    split: str,
    point: OperatingPoint | None,
    mismatches: Sequence[str] = (),
) -> Evaluation:
    """All figures from scores. Pure: the same scores give the same figures."""
    positive = np.array([s.row.label in labels.positive for s in scored])
    score = np.array([s.score for s in scored])
    groups = [s.row.group for s in scored]
    auc = _auc(score, positive)
    lines = point.thresholds if point else None
    detected = int((score[positive] >= lines.clear_below - GRID).sum()) if lines else 0  # as decide.py compares
    alarms = int((score[~positive] >= lines.flag_from - GRID).sum()) if lines else 0
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    classes = _classes(scored, labels, config)
    hits = sum(classes[i][i] for i in range(len(classes)))
    refusal = point.proof.refusal if point else "no operating point"
    why_not = "; ".join([*filter(None, [refusal]), *mismatches])
    return Evaluation(
        task=task,
        data=data,
        split=split,
        labels=labels.name,
        n=len(scored),
        n_positive=n_positive,
        groups=len(set(groups)),
        auc=auc,
        auc_interval=_auc_interval(score, positive, groups) if auc is not None else None,
        threshold=lines.clear_below if lines else None,
        sensitivity=detected / n_positive if point and n_positive else None,
        sensitivity_interval=clopper_pearson(detected, n_positive, CONFIDENCE) if point and n_positive else None,
        false_positive_rate=alarms / n_negative if point and n_negative else None,
        false_positive_rate_interval=clopper_pearson(alarms, n_negative, CONFIDENCE) if point and n_negative else None,
        counts={o.value: Counter(s.verdict.outcome for s in scored if s.verdict)[o] for o in Outcome},
        certified=point is not None and not why_not,
        uncertified_because=why_not or None,
        accuracy=hits / len(scored) if classes else None,
        accuracy_interval=clopper_pearson(hits, len(scored), CONFIDENCE) if classes else None,
        classes=labels.classes if classes else (),
        confusion=classes,
        scored=tuple(scored),
    )


def write_scores(path: Path, scored: Sequence[Scored], labels: LabelSet) -> None:
    """One CSV row a picture: file, group, label, positive, score. Raises UsageError if the file cannot be written."""
    try:
        with path.open("w", newline="", encoding="utf-8") as f:
            writer = csv.writer(f, lineterminator="\n")
            writer.writerow(["file", "group", "label", "positive", "score"])
            for s in scored:
                row = [
                    _cell(s.row.file),
                    _cell(s.row.group),
                    _cell(s.row.label),
                    int(s.row.label in labels.positive),
                    repr(s.score),
                ]
                writer.writerow(row)
    except OSError as e:
        raise UsageError(f"{path} cannot be written ({e.strerror}). Choose another file with --scores.") from e


def _cell(text: str) -> str:
    """A table program must not take a file name for a formula."""
    return "'" + text if text[:1] in "=+-@\t\r" else text


def _auc(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> float | None:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(positive, score)) if positive.any() and not positive.all() else None


def _auc_interval(score: NDArray[np.float64], positive: NDArray[np.bool_], groups: Sequence[str]) -> Interval:
    """Percentiles over resampled groups: pictures of one patient or tile go together."""
    members: dict[str, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    blocks = [np.array(m) for m in members.values()]
    random = np.random.default_rng(0)
    values = []
    for _ in range(RESAMPLES):
        chosen = np.concatenate([blocks[i] for i in random.integers(len(blocks), size=len(blocks))])
        auc = _auc(score[chosen], positive[chosen])
        if auc is not None:
            values.append(auc)
    low, high = np.percentile(values, [100 * (1 - CONFIDENCE) / 2, 100 * (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def _classes(scored: Sequence[Scored], labels: LabelSet, config: TaskConfig) -> tuple[tuple[int, ...], ...]:
    """Confusion matrix [truth][answer] of a label set with classes; empty without."""
    if not labels.class_outputs:
        return ()
    from sklearn.metrics import confusion_matrix

    first = config.outputs.index(labels.class_outputs[0])
    truth = [labels.classes.index(s.row.label) for s in scored]
    answer = [int(s.logits[first : first + len(labels.classes)].argmax()) for s in scored]
    return tuple(
        tuple(int(v) for v in row) for row in confusion_matrix(truth, answer, labels=range(len(labels.classes)))
    )
