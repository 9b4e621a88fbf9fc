"""Operating point from scored calibration pictures: selection of the pictures, columns of the proof, its statement."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from inspect_ai.calibration import GroupScore
from inspect_ai.calibration.solver import CalibrationRequest, CalibrationScores, solve
from inspect_ai.calibration.statement import limits, not_independent
from inspect_ai.config import LabelSet, config_sha256
from inspect_ai.datasets.folder import LabelledFolder, unit_of
from inspect_ai.datasets.prepare import Prepared
from inspect_ai.decide import GRID
from inspect_ai.errors import UsageError
from inspect_ai.ingest.attributes import as_at_work
from inspect_ai.inspection.dataset_scoring import Scored
from inspect_ai.model.engine import Engine
from inspect_ai.operating_point import Digests, Guarantee, OperatingPoint
from inspect_ai.plugins import Task

TRAINING_UNKNOWN = "which pictures trained this model is not known here"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Origin of calibration pictures, as far as a statement about them must say it.

    copies: pictures that count as one unit with another, since they show the same. taken: independent positives that
    came from the groups of train, before training. vouched: positive units counted, and
    how many would be left if near copies in different groups were joined; None where they were.
    """

    folders: tuple[str, ...] = ()
    copies: int = 0
    taken: int = 0
    vouched: tuple[int, int] | None = None


NOWHERE = Origin()


def origin_of(ready: Prepared, split: str) -> Origin:
    """Origin of one split's pictures."""
    return Origin(
        folders=tuple(folder.root.resolve().name for folder in ready.folders),
        copies=ready.copies_within(split),
        taken=sum(ready.positives_taken(at) for at in range(len(ready.folders))) if split == "calibration" else 0,
        vouched=ready.left_if_joined(split, positive=True),
    )


def refuse_without_answer(folders: Sequence[LabelledFolder], split: str, request: CalibrationRequest) -> None:
    """Check before hours of scoring that one split can answer the request. Raises UsageError."""
    labels, parts = folders[0].labels, [folder.part(split) for folder in folders]
    if not labels.decides:
        raise UsageError(
            f"{folders[0].root}: every label of set {labels.name} is positive; a threshold needs both sides."
        )
    if not any(row.label in labels.positive for rows in parts for row in rows):
        raise UsageError(f"The split holds no positives of set {labels.name} ({', '.join(labels.positive)}).")
    for folder, rows in zip(folders, parts, strict=True):
        columns = [name for name, _ in rows[0].columns]
        if request.group_by and request.group_by not in columns:
            raise UsageError(
                f"{folder.root} has no column {request.group_by!r} to group by; it has: {', '.join(columns) or 'none'}."
            )


def refuse_seen(scored: list[Scored], engine: Engine, data: Sequence[Path]) -> None:
    """Refuse pictures that trained or selected the model: their scores prove nothing. Raises UsageError."""
    seen = [(s.row.file, name) for s in scored if (name := engine.manifest.saw(s.sha256)) is not None]
    if seen:
        file, name = seen[0]
        raise UsageError(
            f"{len(seen)} of {len(scored)} pictures in {' and '.join(map(str, data))} trained or selected this model "
            f"(the first is {file}, in {name}); "
            f"scores of pictures that a model has met prove nothing. Use the calibration split, or other pictures."
        )


def calibration_scores(scored: Sequence[Scored], labels: LabelSet, request: CalibrationRequest) -> CalibrationScores:
    """Columns that the proof is computed from. Where studies are decided, the group is the study.

    The proof counts the gate of the fixed limits alone: the out-of-distribution reference is fitted to these same
    pictures, so its abstentions among them are no independent evidence. At work it only leaves more to a person.
    """
    return CalibrationScores(
        scores=[s.score for s in scored],
        units=[s.row.group if request.group_score is GroupScore.HIGHEST else unit_of(s.row, labels) for s in scored],
        positive=[s.row.label in labels.positive for s in scored],
        passed=[s.passed for s in scored],
        values=[as_at_work(request.group_by, dict(s.row.columns)[request.group_by]) for s in scored]
        if request.group_by
        else (),
    )


def share_left_to_a_person(pictures: CalibrationScores) -> float:
    """Share of the positive pictures that the whole gate leaves to a person, each judged by the pictures of others."""
    passed = [p for p, positive in zip(pictures.passed, pictures.positive, strict=True) if positive]
    return 1.0 - sum(passed) / len(passed)


def proved_point(
    scored: list[Scored],
    pictures: CalibrationScores,
    labels: LabelSet,
    task: Task,
    engine: Engine,
    request: CalibrationRequest,
    origin: Origin = NOWHERE,
) -> OperatingPoint:
    """Operating point of one model on these pictures, with its proof or its refusal."""
    found = solve(pictures, request, step=GRID)
    lines, proof = found.thresholds, found.proof
    if proof.refusal is not None and not proof.groups and request.guarantee is Guarantee.CONFIDENCE:
        more = not_independent(pictures, proof.n_positive, _whole(labels), request.confidence_each)
        proof = replace(proof, refusal=f"{proof.refusal}{more}")
    volume_alarms = float(task.config.options.get("volume_alarms", 0.0))
    return OperatingPoint(
        task=task.name,
        covers=_covers(pictures, labels, task, request, origin, training_known=not engine.manifest.foreign),
        thresholds=replace(lines, flag_volume_from=_volume_threshold(scored, labels, volume_alarms, lines.flag_from)),
        proof=proof,
        false_alarms=found.false_alarms,
        negatives_line=found.negatives_line,
        digests=Digests(
            model_sha256=engine.model_sha256,
            config_sha256=config_sha256(task.config),
            engine=engine.name,
            calibration_sha256=hashlib.sha256("".join(sorted(s.sha256 for s in scored)).encode()).hexdigest(),
        ),
    )


def _covers(
    pictures: CalibrationScores,
    labels: LabelSet,
    task: Task,
    request: CalibrationRequest,
    origin: Origin,
    *,
    training_known: bool,
) -> str:
    """Unit of the statement, the reasons that moved the threshold, and the limits of the statement."""
    whole = _whole(labels)
    highest = request.group_score is GroupScore.HIGHEST
    unit = f"one {whole}, flagged when any of its pictures is" if highest else f"one {labels.independent_name}"
    unknown = "" if training_known else TRAINING_UNKNOWN
    words = (unit, labels.covers or task.covers, unknown, *_of_origin(origin, labels), *limits(pictures, request))
    return "; ".join(word for word in words if word)


def _of_origin(origin: Origin, labels: LabelSet) -> Iterator[str]:
    if len(origin.folders) > 1:
        yield f"calibrated on {' and '.join(origin.folders)} together"
    if origin.copies:
        yield f"{origin.copies} pictures that are copies of others count as one unit with them"
    if origin.taken:
        yield f"{origin.taken} of the positives were set aside from the groups of train, by name, before training"
    if origin.vouched is not None:
        counted, left = origin.vouched
        yield (
            f"the {_whole(labels)}s are vouched for by a person, who takes the groups of labels.csv as true: {counted} "
            f"are counted; by their looks only {left} are left, the others being near copies of each other or of "
            f"pictures that trained or selected the model"
        )


def _whole(labels: LabelSet) -> str:
    return labels.independent_name if labels.independent == "group" else "group"


def _volume_threshold(scored: list[Scored], labels: LabelSet, share: float, least: float) -> float | None:
    """Lowest score that at most `share` of the negatives reach (`volume_alarms` of the config); None where it is
    0.
    """
    negatives = sorted((s.score for s in scored if s.row.label not in labels.positive), reverse=True)
    if not share or not negatives:
        return None
    return max(least, math.nextafter(negatives[int(share * len(negatives))], 1.0))
