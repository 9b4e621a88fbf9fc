"""Figures of one evaluation from scored pictures, with exact or resampled intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inspect_ai.calibration import clopper_pearson
from inspect_ai.calibration.frontier import Frontier
from inspect_ai.config import LabelSet
from inspect_ai.decide import reaches
from inspect_ai.domain import Account, Outcome
from inspect_ai.evaluation.lines import MeasuredRow, OutcomeShare
from inspect_ai.evaluation.lines_measured import measured, outcome_shares
from inspect_ai.evaluation.stack_figures import StackFigures
from inspect_ai.inspection.dataset_scoring import Scored, Unscored
from inspect_ai.operating_point import OperatingPoint

RESAMPLES = 1000  # of groups, for the interval of the AUC
CONFIDENCE = 0.95

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Figures of a task on a labelled folder. Those that are not defined are None."""

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
    false_positive_rate: float | None  # negatives whose score reaches clear_below: not cleared
    false_positive_rate_interval: Interval | None
    flagged_rate: float | None  # negatives whose score reaches flag_from; of the rest of the above a person decides
    flagged_rate_interval: Interval | None
    counts: dict[str, int]  # outcome -> pictures, quality gate included
    unscored: int  # of n, pictures without a score; they are in no figure but the counts
    certified: bool
    uncertified_because: str | None
    accuracy: float | None
    accuracy_interval: Interval | None
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]  # rows: truth; columns: answer
    scored: tuple[Scored, ...]
    outcomes: tuple[OutcomeShare, ...] = ()  # by side, quality gate included
    frontier: tuple[MeasuredRow, ...] = ()  # lines that calibration proved, measured here
    account: Account | None = None  # of the folder's files; None for scores of another program
    said: tuple[str, ...] = ()  # what was understood, joined and left out
    stacks: StackFigures | None = None  # of a folder of stacks: by finding, by group and by context


def measure(
    scored: Sequence[Scored],
    labels: LabelSet,
    outputs: Sequence[str],
    task: str,
    data: str,
    split: str,
    point: OperatingPoint | None,
    mismatches: Sequence[str] = (),
    unscored: Sequence[Unscored] = (),
    frontier: Frontier | None = None,
) -> Evaluation:
    """Compute all figures; the same scores give the same figures. outputs: names of the network's logits.

    frontier: as stored with the point; its lines are measured on these pictures too.
    """
    positive = np.array([s.row.label in labels.positive for s in scored], bool)
    score = np.array([s.score for s in scored], np.float64)
    groups = [s.row.group for s in scored]
    auc = _auc(score, positive)
    applied = [(s, s.point) for s in scored if s.point is not None]
    hit = [reaches(s.score, p.thresholds.clear_below, p.thresholds) for s, p in applied if _is_positive(s, labels)]
    spared = [(s.score, p.thresholds) for s, p in applied if not _is_positive(s, labels)]
    detected = sum(hit)
    alarms = sum(reaches(score, lines.clear_below, lines) for score, lines in spared)
    flagged = sum(reaches(score, lines.flag_from, lines) for score, lines in spared)
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    classes = _classes(scored, labels, outputs)
    hits = sum(classes[i][i] for i in range(len(classes)))
    refusal = [] if point is None or point.proof.refusal is None else [point.proof.refusal]
    why_not = "no operating point" if point is None else "; ".join([*refusal, *mismatches])
    verdicts = [*(s.verdict for s in scored), *(u.verdict for u in unscored)]
    outcomes = Counter(verdict.outcome for verdict in verdicts if verdict)
    return Evaluation(
        task=task,
        data=data,
        split=split,
        labels=labels.name,
        n=len(scored) + len(unscored),
        n_positive=n_positive,
        groups=len(set(groups)),
        auc=auc,
        auc_interval=_auc_interval(score, positive, groups) if auc is not None else None,
        threshold=point.thresholds.clear_below if point else None,
        sensitivity=detected / n_positive if point and n_positive else None,
        sensitivity_interval=clopper_pearson(detected, n_positive, CONFIDENCE) if point and n_positive else None,
        false_positive_rate=alarms / n_negative if point and n_negative else None,
        false_positive_rate_interval=clopper_pearson(alarms, n_negative, CONFIDENCE) if point and n_negative else None,
        flagged_rate=flagged / n_negative if point and n_negative else None,
        flagged_rate_interval=clopper_pearson(flagged, n_negative, CONFIDENCE) if point and n_negative else None,
        counts={o.value: outcomes[o] for o in Outcome},
        unscored=len(unscored),
        certified=point is not None and not why_not,
        uncertified_because=why_not or None,
        accuracy=hits / len(scored) if classes else None,
        accuracy_interval=clopper_pearson(hits, len(scored), CONFIDENCE) if classes else None,
        classes=labels.classes if classes else (),
        confusion=classes,
        scored=tuple(scored),
        outcomes=outcome_shares(scored, unscored, labels),
        frontier=measured(frontier, point, scored, labels) if point and frontier else (),
    )


def _is_positive(scored: Scored, labels: LabelSet) -> bool:
    return scored.row.label in labels.positive


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


def _classes(scored: Sequence[Scored], labels: LabelSet, outputs: Sequence[str]) -> tuple[tuple[int, ...], ...]:
    """Confusion matrix [truth][answer] of a label set with classes; empty without, and where task.py alone knows what
    the graph's numbers mean.
    """
    if not labels.class_outputs or any(s.logits.size != len(outputs) for s in scored):
        return ()
    from sklearn.metrics import confusion_matrix

    first = outputs.index(labels.class_outputs[0])
    truth = [labels.classes.index(s.row.label) for s in scored]
    answer = [int(s.logits[first : first + len(labels.classes)].argmax()) for s in scored]
    return tuple(
        tuple(int(v) for v in row) for row in confusion_matrix(truth, answer, labels=range(len(labels.classes)))
    )
