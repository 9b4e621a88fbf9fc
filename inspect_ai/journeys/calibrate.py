"""Calibration journey: thresholds with a proof from scores of held-out pictures, or a refusal that says what is
missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from inspect_ai.calibration import write_point
from inspect_ai.calibration.calibrated import Calibrated
from inspect_ai.calibration.frontier import frontier, gate_counts
from inspect_ai.calibration.frontier_file import frontier_path, write_frontier
from inspect_ai.calibration.out_of_distribution import Typicality
from inspect_ai.calibration.point_record import record_of
from inspect_ai.calibration.solver import CalibrationRequest
from inspect_ai.calibration.statement import counted_units
from inspect_ai.calibration.typical_file import TYPICAL_FILE, write_typicality
from inspect_ai.certificates.certificate import read_certificate
from inspect_ai.certificates.deployment import deployment_record, point_file
from inspect_ai.certificates.issuing import issue
from inspect_ai.certificates.looks_at_positives import keep_look, look_at, told
from inspect_ai.datasets.folder import LabelledFolder
from inspect_ai.datasets.prepare import prepare
from inspect_ai.datasets.several import apart, named_twice, one_label_set
from inspect_ai.decide import GRID
from inspect_ai.inspection.calibration_data import (
    calibration_scores,
    origin_of,
    proved_point,
    refuse_seen,
    refuse_without_answer,
    share_left_to_a_person,
)
from inspect_ai.inspection.dataset_scoring import Scored, counted_on, score_rows, split_config
from inspect_ai.inspection.inspector import Inspector
from inspect_ai.inspection.loading import load
from inspect_ai.inspection.reference import fit
from inspect_ai.operating_point import OperatingPoint
from inspect_ai.report.certificate import write_certificate_page
from inspect_ai.settings import Settings


def calibrate_task(
    task_name: str,
    data: Sequence[Path],
    *,
    settings: Settings,
    request: CalibrationRequest,
    model: Path | None = None,
    split: str = "calibration",
    out: Path | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Calibrated:
    """Set a model's thresholds on one split of labelled folders; write them, their certificate and the reference.

    For a model made elsewhere the point states that its training pictures could not be excluded. A refused point is
    written too (it carries the refusal, and decides uncertified); the caller reports that.
    Raises UsageError where the split served training or selection, knows no positives, or lacks what is asked about.
    """
    inspector = load(task_name, model, settings=settings, points="none")
    task, engine = inspector.task, inspector.engine
    ready = prepare(data, split_config(inspector), settings)
    folders = apart(ready.folders)
    labels = one_label_set(folders)
    refuse_without_answer(folders, split, request)
    scored = _scored(folders, split, inspector, progress)
    refuse_seen(scored, engine, data)
    fitted = fit(scored)
    pictures = calibration_scores(scored, labels, request)
    point = proved_point(scored, pictures, labels, task, engine, request, origin_of(ready, split))
    path = out or point_file(inspector.model, labels)
    path.parent.mkdir(parents=True, exist_ok=True)
    _keep_reference(fitted.known, path.parent / TYPICAL_FILE)
    write_point(point, path)
    unlike = calibration_scores(fitted.scored, labels, request)
    price = frontier(pictures, request, step=GRID, gate=gate_counts(unlike))
    write_frontier(price, point, frontier_path(path))
    record = deployment_record(task, engine, inspector.model, path)
    certificate = issue(point, path, record=record, units=counted_units(pictures), settings=settings)
    if certificate is not None:
        write_certificate_page(read_certificate(certificate), certificate.with_suffix(".html"), price)
    positives = [s.sha256 for s in scored if s.row.label in labels.positive]
    look = look_at(point.digests.model_sha256 + point.digests.config_sha256, positives)
    looked = told(keep_look(look, settings), request.looks, request.confidence)
    return Calibrated(
        point=point,
        certificate=certificate,
        frontier=price,
        no_reference=fitted.refusal,
        left_to_a_person=share_left_to_a_person(unlike),
        training_known=not engine.manifest.foreign,
        account=ready.account([split]),
        said=(*ready.said, *named_twice(folders, split), *looked),
    )


def _scored(
    folders: Sequence[LabelledFolder], split: str, inspector: Inspector, progress: Callable[[int], None]
) -> list[Scored]:
    """Scores of one split of all folders, counted through."""
    scored: list[Scored] = []
    for folder in folders:
        scored += score_rows(folder, folder.part(split), inspector, progress=counted_on(progress, len(scored)))
    return scored


def _keep_reference(known: Typicality | None, path: Path) -> None:
    """Write the reference beside the threshold that was set on it; an older one is removed, it belongs to another."""
    if known is None:
        path.unlink(missing_ok=True)
    else:
        write_typicality(known, path)


def without_path(point: OperatingPoint) -> dict[str, object]:
    """Convert the point to plain values in one flat record, for printing."""
    return asdict(record_of(point)) | {"certified": point.certified}
