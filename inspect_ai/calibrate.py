"""The calibration journey: scores of held-out positives become a threshold with a proof, or a refusal that says what
is missing.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Callable
from pathlib import Path

from inspect_ai.calibration import best_effort, lower_bound, per_group, prove, write_point
from inspect_ai.config import LabelSet, config_sha256
from inspect_ai.domain import OperatingPoint
from inspect_ai.errors import CalibrationRefused, UsageError
from inspect_ai.line.labelled import Scored, model_folder, score_rows
from inspect_ai.line.station import POINT_FILE
from inspect_ai.model.engine import Engine, open_engine
from inspect_ai.plugins import Task, task_named
from inspect_ai.settings import Settings
from inspect_ai.training.folder import read_folder, with_splits


def calibrate_task(
    task_name: str,
    data: Path,
    *,
    settings: Settings,
    model: Path | None = None,
    split: str = "calibration",
    sensitivity: float = 0.987,
    confidence: float = 0.95,
    out: Path | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> OperatingPoint:
    """Set the threshold of one model on one split of a labelled folder, and write it.

    A refused point is written too (it carries the refusal, and decides uncertified); whoever calls tells the person.
    Raises UsageError where the split served training or selection, or knows no positives.
    """
    task = task_named(task_name, settings.tasks)
    folder_of_model = model_folder(model, task)
    engine = open_engine(folder_of_model, kind=settings.engine)
    task = type(task)(engine.manifest.config, task.folder)
    (folder,) = with_splits([read_folder(data, task.config)], calibration_share=task.config.train.calibration_share)
    if not folder.labels.decides:
        raise UsageError(f"{data}: every label of set {folder.labels.name} is positive; a threshold needs both sides.")
    scored = score_rows(folder, folder.part(split), task, engine, settings, progress=progress)
    _refuse_what_was_seen(scored, engine, data)
    point = _point(scored, folder.labels, task, engine, sensitivity, confidence)
    write_point(point, out or folder_of_model / POINT_FILE)
    return point


def _refuse_what_was_seen(scored: list[Scored], engine: Engine, data: Path) -> None:
    """Raises UsageError if any picture trained or selected the model: its scores prove nothing."""
    seen = [(s.row.file, name) for s in scored if (name := engine.manifest.saw(s.sha256)) is not None]
    if seen:
        file, name = seen[0]
        raise UsageError(
            f"{len(seen)} of {len(scored)} pictures in {data} trained or selected this model "
            f"(the first is {file}, in {name}); "
            f"scores of pictures that a model has met prove nothing. Use the calibration split, or other pictures."
        )


def independent_scores(scored: list[Scored], labels: LabelSet) -> list[float]:
    """One score for each independent positive: its own, or the lowest positive one of its group, the safe side."""
    units = [s.row.group if labels.independent == "group" else s.row.file for s in scored]
    return per_group([s.score for s in scored], units, [s.row.label in labels.positive for s in scored])


def _point(
    scored: list[Scored], labels: LabelSet, task: Task, engine: Engine, sensitivity: float, confidence: float
) -> OperatingPoint:
    positives = independent_scores(scored, labels)
    if not positives:
        raise UsageError(f"The split holds no positives of set {labels.name} ({', '.join(labels.positive)}).")
    refusal = None
    try:
        proof = prove(positives, sensitivity=sensitivity, confidence=confidence)
    except CalibrationRefused as e:
        refusal = f"{e}{_in_pictures(scored, labels, len(positives), confidence)}"
        proof = best_effort(positives, sensitivity=sensitivity, confidence=confidence)
    return OperatingPoint(
        task=task.name,
        clear_below=proof.threshold,
        flag_from=proof.threshold,
        sensitivity=sensitivity,
        confidence=confidence,
        n_positive=proof.n_positive,
        n_missed=proof.n_missed,
        proved_sensitivity=proof.proved_sensitivity,
        covers=f"one {labels.independent_name}; {task.covers}",
        model_sha256=engine.model_sha256,
        config_sha256=config_sha256(task.config),
        engine=engine.name,
        calibration_sha256=hashlib.sha256("".join(sorted(s.sha256 for s in scored)).encode()).hexdigest(),
        refusal=refusal,
        flag_volume_from=_volume_line(
            scored, labels, float(task.config.options.get("volume_alarms", 0.0)), proof.threshold
        ),
    )


def _volume_line(scored: list[Scored], labels: LabelSet, share: float, least: float) -> float | None:
    """The lowest score that at most `share` of the negatives reach (`volume_alarms` of the config); None where it is
    0.
    """
    negatives = sorted((s.score for s in scored if s.row.label not in labels.positive), reverse=True)
    if not share or not negatives:
        return None
    return max(least, math.nextafter(negatives[int(share * len(negatives))], 1.0))


def _in_pictures(scored: list[Scored], labels: LabelSet, groups: int, confidence: float) -> str:
    """What the same positives would prove if each picture were independent, so that nobody mistakes one count for the
    other.
    """
    pictures = sum(s.row.label in labels.positive for s in scored)
    if pictures == groups:
        return ""
    bound = lower_bound(pictures, pictures, confidence)
    return (
        f" Counted are {groups} {labels.independent_name}s; their {pictures} positive pictures are not independent "
        f"(if they were, the best provable sensitivity would be {bound:.3f})."
    )


def without_path(point: OperatingPoint) -> dict[str, object]:
    """The point as plain values, for printing."""
    return dataclasses.asdict(point) | {"certified": point.certified}
