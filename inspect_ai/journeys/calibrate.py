"""The calibration journey: scores of held-out pictures become thresholds with a proof, or a refusal that says what is
missing.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from inspect_ai.calibration import GroupScore, write_point
from inspect_ai.calibration.frontier import FrontierRow, frontier
from inspect_ai.calibration.out_of_distribution import Typicality
from inspect_ai.calibration.point_record import record_of
from inspect_ai.calibration.solver import CalibrationRequest, CalibrationScores, solve
from inspect_ai.calibration.statement import counted_units, limits, not_independent
from inspect_ai.calibration.typical_file import TYPICAL_FILE, write_typicality
from inspect_ai.certificates.certificate import read_certificate
from inspect_ai.certificates.deployment import POINT_FILE, deployment_record
from inspect_ai.certificates.issuing import issue
from inspect_ai.config import LabelSet, config_sha256
from inspect_ai.datasets.folder import LabelledFolder, Row, read_folder, with_splits
from inspect_ai.decide import GRID
from inspect_ai.errors import UsageError
from inspect_ai.ingest.attributes import as_at_work
from inspect_ai.inspection.dataset_scoring import Scored, score_rows
from inspect_ai.inspection.loading import load
from inspect_ai.inspection.reference import fit
from inspect_ai.model.engine import Engine
from inspect_ai.operating_point import Digests, Guarantee, OperatingPoint
from inspect_ai.plugins import Task
from inspect_ai.report.certificate import write_certificate_page
from inspect_ai.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """The operating point, the file of its certificate (None where nothing is proved), and the provable sensitivities.

    no_reference: why nothing can be told about unlike pictures, None where something can. left_to_a_person: share of
    positive pictures that the whole gate leaves to a person. Both None where another program made the scores.
    """

    point: OperatingPoint
    certificate: Path | None
    frontier: tuple[FrontierRow, ...]
    no_reference: str | None = None
    left_to_a_person: float | None = None


def calibrate_task(
    task_name: str,
    data: Path,
    *,
    settings: Settings,
    request: CalibrationRequest,
    model: Path | None = None,
    split: str = "calibration",
    out: Path | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Calibrated:
    """Set the thresholds of one model on one split of a labelled folder; write them, their certificate, and what the
    pictures look like.

    A refused point is written too (it carries the refusal, and decides uncertified); whoever calls tells the person.
    Raises UsageError where the split served training or selection, knows no positives, or lacks what is asked about.
    """
    inspector = load(task_name, model, settings=settings, points="none")
    task, engine = inspector.task, inspector.engine
    (folder,) = with_splits([read_folder(data, task.config)], calibration_share=task.config.train.calibration_share)
    rows = folder.part(split)
    _refuse_what_cannot_answer(folder, rows, request)
    scored = score_rows(folder, rows, inspector, progress=progress)
    _refuse_what_was_seen(scored, engine, data)
    fitted = fit(scored)
    pictures = pictures_of(scored, folder.labels, request)
    point = _point(scored, pictures, folder.labels, task, engine, request)
    path = out or inspector.model / POINT_FILE
    _keep_reference(fitted.known, path.parent / TYPICAL_FILE)
    write_point(point, path)
    record = deployment_record(task, engine, inspector.model, path)
    certificate = issue(point, path, record=record, units=counted_units(pictures), settings=settings)
    if certificate is not None:
        write_certificate_page(read_certificate(certificate), certificate.with_suffix(".html"))
    unlike = pictures_of(fitted.scored, folder.labels, request)
    return Calibrated(
        point=point,
        certificate=certificate,
        frontier=tuple(frontier(pictures, request, step=GRID)),
        no_reference=fitted.refusal,
        left_to_a_person=_left(unlike),
    )


def _keep_reference(known: Typicality | None, path: Path) -> None:
    """What calibration saw goes beside the threshold that was set on it; an older reference belongs to another one."""
    if known is None:
        path.unlink(missing_ok=True)
    else:
        write_typicality(known, path)


def _refuse_what_cannot_answer(folder: LabelledFolder, rows: Sequence[Row], request: CalibrationRequest) -> None:
    """Raises UsageError before an hour of scoring, not after it."""
    labels = folder.labels
    if not labels.decides:
        raise UsageError(f"{folder.root}: every label of set {labels.name} is positive; a threshold needs both sides.")
    if not any(row.label in labels.positive for row in rows):
        raise UsageError(f"The split holds no positives of set {labels.name} ({', '.join(labels.positive)}).")
    columns = [name for name, _ in rows[0].columns]
    if request.group_by and request.group_by not in columns:
        raise UsageError(
            f"{folder.root} has no column {request.group_by!r} to group by; it has: {', '.join(columns) or 'none'}."
        )


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


def pictures_of(scored: Sequence[Scored], labels: LabelSet, request: CalibrationRequest) -> CalibrationScores:
    """The columns that the proof is made from. Where studies are decided, the group is the study.

    The proof counts the gate of the fixed limits: what is typical was told by these same pictures, so its abstentions
    among them are no independent evidence. At work it only hands more of the positives to a person.
    """
    grouped = labels.independent == "group" or request.group_score is GroupScore.HIGHEST
    return CalibrationScores(
        scores=[s.score for s in scored],
        units=[s.row.group if grouped else s.row.file for s in scored],
        positive=[s.row.label in labels.positive for s in scored],
        passed=[s.passed for s in scored],
        values=[as_at_work(request.group_by, dict(s.row.columns)[request.group_by]) for s in scored]
        if request.group_by
        else (),
    )


def _left(pictures: CalibrationScores) -> float:
    """Share of the positive pictures that the whole gate leaves to a person, each judged by the pictures of others."""
    passed = [p for p, positive in zip(pictures.passed, pictures.positive, strict=True) if positive]
    return 1.0 - sum(passed) / len(passed)


def _point(
    scored: list[Scored],
    pictures: CalibrationScores,
    labels: LabelSet,
    task: Task,
    engine: Engine,
    request: CalibrationRequest,
) -> OperatingPoint:
    found = solve(pictures, request, step=GRID)
    lines, proof = found.thresholds, found.proof
    if proof.refusal is not None and not proof.groups and request.guarantee is Guarantee.CONFIDENCE:
        more = not_independent(pictures, proof.n_positive, _whole(labels), request.confidence)
        proof = replace(proof, refusal=f"{proof.refusal}{more}")
    volume_alarms = float(task.config.options.get("volume_alarms", 0.0))
    return OperatingPoint(
        task=task.name,
        covers=_covers(pictures, labels, task, request),
        thresholds=replace(lines, flag_volume_from=_volume_line(scored, labels, volume_alarms, lines.flag_from)),
        proof=proof,
        false_alarms=found.false_alarms,
        digests=Digests(
            model_sha256=engine.model_sha256,
            config_sha256=config_sha256(task.config),
            engine=engine.name,
            calibration_sha256=hashlib.sha256("".join(sorted(s.sha256 for s in scored)).encode()).hexdigest(),
        ),
    )


def _covers(pictures: CalibrationScores, labels: LabelSet, task: Task, request: CalibrationRequest) -> str:
    """The unit of the statement, the reasons that moved the threshold, and the limits of the statement."""
    whole = _whole(labels)
    highest = request.group_score is GroupScore.HIGHEST
    unit = f"one {whole}, flagged when any of its pictures is" if highest else f"one {labels.independent_name}"
    return "; ".join(word for word in (unit, task.covers, *limits(pictures, request)) if word)


def _whole(labels: LabelSet) -> str:
    return labels.independent_name if labels.independent == "group" else "group"


def _volume_line(scored: list[Scored], labels: LabelSet, share: float, least: float) -> float | None:
    """The lowest score that at most `share` of the negatives reach (`volume_alarms` of the config); None where it is
    0.
    """
    negatives = sorted((s.score for s in scored if s.row.label not in labels.positive), reverse=True)
    if not share or not negatives:
        return None
    return max(least, math.nextafter(negatives[int(share * len(negatives))], 1.0))


def without_path(point: OperatingPoint) -> dict[str, object]:
    """The point as plain values in one flat record, for printing."""
    return asdict(record_of(point)) | {"certified": point.certified}
