"""Suspected label errors of a labelled folder: out-of-fold scores of given models, judged by confident learning.

A model that trained on a picture has learnt its label, right or wrong; its answer says nothing about the label. So each
picture is judged by the models that never met it, else by those that it helped to choose between epochs, and by nobody
where all trained on it.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from inspect_ai.config import LabelSet
from inspect_ai.datasets.folder import LabelledFolder, Row
from inspect_ai.errors import UsageError
from inspect_ai.evaluation.label_doubt import Values, doubts, own_averages
from inspect_ai.evaluation.suspect_results import Standing, Suspect, Suspects
from inspect_ai.inspection.dataset_scoring import Scored, Unscored, counted_on, score_rows
from inspect_ai.inspection.inspector import Inspector
from inspect_ai.inspection.loading import load
from inspect_ai.model.manifest import SHORT, Manifest
from inspect_ai.plugins import Task
from inspect_ai.settings import Settings


def suspected_labels(
    folder: LabelledFolder,
    task: Task,
    models: Sequence[Path],
    settings: Settings,
    progress: Callable[[int], None] = lambda done: None,
) -> Suspects:
    """Score the folder's pictures with those models that may judge them, and suspect labels.

    Raises UsageError where no model may judge any picture, and for a model without the folder's classes.
    """
    inspectors = [load(task, model, settings=settings, points="none") for model in models]
    digests = _digests(folder)
    vals = sum(row.split == "val" for row in folder.rows)
    standings = {
        row.file: [_standing(one.engine.manifest, digests[row.file], row, vals) for one in inspectors]
        for row in folder.rows
    }
    best = {file: min(of, key=list(Standing).index) for file, of in standings.items()}
    judged = {file: standing for file, standing in best.items() if standing is not Standing.TRAINED}
    if not judged:
        raise UsageError(
            f"Every model given trained on all {len(folder.rows)} pictures of {folder.root}; none can doubt a label. "
            f"Give models that were trained without them, such as those of other folds."
        )
    answers: dict[str, list[Values]] = defaultdict(list)
    done = 0
    for at, inspector in enumerate(inspectors):
        rows = [row for row in folder.rows if row.file in judged and standings[row.file][at] is judged[row.file]]
        for file, answer in _answers(folder, rows, inspector, counted_on(progress, done)):
            answers[file].append(answer)
        done += len(rows)
    return _suspects(folder, answers, judged)


def _suspects(
    folder: LabelledFolder, answers: Mapping[str, Sequence[Values]], judged: Mapping[str, Standing]
) -> Suspects:
    names = _sides(folder.labels)
    rows = [row for row in folder.rows if row.file in answers]
    given = [_side(row, folder.labels) for row in rows]
    probabilities = np.array([np.mean(answers[row.file], axis=0) for row in rows]).reshape(len(rows), len(names))
    averages = own_averages(probabilities, given) if rows else np.zeros(0)
    suspects = tuple(
        Suspect(
            row=rows[doubt.index],
            likely=names[doubt.likely],
            score=float(probabilities[doubt.index, given[doubt.index]]),
            suspicion=doubt.suspicion,
            standing=judged[rows[doubt.index].file],
            models=len(answers[rows[doubt.index].file]),
            own_average=float(averages[given[doubt.index]]),
            likely_average=float(averages[doubt.likely]),
        )
        for doubt in doubts(probabilities, given)
    )
    return Suspects(
        suspects=suspects,
        judged={one: sum(judged[row.file] is one for row in rows) for one in Standing if one is not Standing.TRAINED},
        unjudged=len(folder.rows) - len(judged),
        unscored=len(judged) - len(rows),
    )


def _standing(manifest: Manifest, sha256: str, row: Row, vals: int) -> Standing:
    """Tell the relation of a model to a picture by the digests in its manifest.

    They do not tell train from val; the folder does, as long as its val part has the size that the training noted.
    """
    if manifest.foreign:
        return Standing.UNKNOWN
    uses = [use for use in manifest.data if sha256[:SHORT] in use.seen]
    if not uses:
        return Standing.NEVER_MET
    as_then = all(use.rows.get("val") == vals for use in uses)
    return Standing.CHOSE_EPOCH if row.split == "val" and as_then else Standing.TRAINED


def _answers(
    folder: LabelledFolder, rows: Iterable[Row], inspector: Inspector, progress: Callable[[int], None]
) -> Iterable[tuple[str, Values]]:
    """Probability of each side or class, [K], of each picture that has a score."""
    left: list[Unscored] = []
    for scored in score_rows(folder, rows, inspector, unscored=left.append, progress=progress):
        yield scored.row.file, _probabilities(scored, folder.labels, inspector)


def _probabilities(scored: Scored, labels: LabelSet, inspector: Inspector) -> Values:
    if labels.decides:
        return np.array([1.0 - scored.score, scored.score])
    outputs = inspector.task.config.outputs
    if not set(labels.class_outputs) <= set(outputs):
        raise UsageError(f"{inspector.model} does not know the classes of label set {labels.name}.")
    first = outputs.index(labels.class_outputs[0])
    logits = np.asarray(scored.logits[first : first + len(labels.classes)], np.float64)
    shares = np.exp(logits - logits.max())
    return np.asarray(shares / shares.sum())


def _sides(labels: LabelSet) -> tuple[str, ...]:
    """Names of what is told apart: both sides of a decision, or the classes of a catalogue."""
    if not labels.decides:
        return labels.classes
    return (" or ".join(name for name in labels.classes if name not in labels.positive), " or ".join(labels.positive))


def _side(row: Row, labels: LabelSet) -> int:
    return int(row.label in labels.positive) if labels.decides else labels.classes.index(row.label)


def _digests(folder: LabelledFolder) -> dict[str, str]:
    """SHA-256 of each picture's bytes, as manifests note them."""
    with folder.unpacked(folder.rows) as root:
        return {row.file: hashlib.sha256((root / row.file).read_bytes()).hexdigest() for row in folder.rows}
