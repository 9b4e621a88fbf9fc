"""The calibration journey: scores of held-out pictures become thresholds with a proof, or a refusal that says what is
missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from inspect_ai.calibration import write_point
from inspect_ai.calibration.frontier import FrontierRow, frontier
from inspect_ai.calibration.out_of_distribution import Typicality
from inspect_ai.calibration.point_record import record_of
from inspect_ai.calibration.solver import CalibrationRequest
from inspect_ai.calibration.statement import counted_units
from inspect_ai.calibration.typical_file import TYPICAL_FILE, write_typicality
from inspect_ai.certificates.certificate import read_certificate
from inspect_ai.certificates.deployment import POINT_FILE, deployment_record
from inspect_ai.certificates.issuing import issue
from inspect_ai.datasets.folder import read_folder, with_splits
from inspect_ai.decide import GRID
from inspect_ai.inspection.calibration_data import (
    calibration_scores,
    proved_point,
    refuse_seen,
    refuse_without_answer,
    share_left_to_a_person,
)
from inspect_ai.inspection.dataset_scoring import score_rows
from inspect_ai.inspection.loading import load
from inspect_ai.inspection.reference import fit
from inspect_ai.operating_point import OperatingPoint
from inspect_ai.report.certificate import write_certificate_page
from inspect_ai.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """The operating point, the file of its certificate (None where nothing is proved), and the provable sensitivities.

    no_reference: why nothing can be told about unlike pictures, None where something can. left_to_a_person: share of
    positive pictures that the whole gate leaves to a person. Both None where another program made the scores, as is
    training_known: whether the pictures that trained the model are known, so that none of them can count.
    """

    point: OperatingPoint
    certificate: Path | None
    frontier: tuple[FrontierRow, ...]
    no_reference: str | None = None
    left_to_a_person: float | None = None
    training_known: bool | None = None


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
    pictures look like. Of a model made elsewhere the point says that nobody here can exclude its training pictures.

    A refused point is written too (it carries the refusal, and decides uncertified); whoever calls tells the person.
    Raises UsageError where the split served training or selection, knows no positives, or lacks what is asked about.
    """
    inspector = load(task_name, model, settings=settings, points="none")
    task, engine = inspector.task, inspector.engine
    (folder,) = with_splits([read_folder(data, task.config)], calibration_share=task.config.train.calibration_share)
    rows = folder.part(split)
    refuse_without_answer(folder, rows, request)
    scored = score_rows(folder, rows, inspector, progress=progress)
    refuse_seen(scored, engine, data)
    fitted = fit(scored)
    pictures = calibration_scores(scored, folder.labels, request)
    point = proved_point(scored, pictures, folder.labels, task, engine, request)
    path = out or inspector.model / POINT_FILE
    _keep_reference(fitted.known, path.parent / TYPICAL_FILE)
    write_point(point, path)
    record = deployment_record(task, engine, inspector.model, path)
    certificate = issue(point, path, record=record, units=counted_units(pictures), settings=settings)
    if certificate is not None:
        write_certificate_page(read_certificate(certificate), certificate.with_suffix(".html"))
    unlike = calibration_scores(fitted.scored, folder.labels, request)
    return Calibrated(
        point=point,
        certificate=certificate,
        frontier=tuple(frontier(pictures, request, step=GRID)),
        no_reference=fitted.refusal,
        left_to_a_person=share_left_to_a_person(unlike),
        training_known=not engine.manifest.foreign,
    )


def _keep_reference(known: Typicality | None, path: Path) -> None:
    """What calibration saw goes beside the threshold that was set on it; an older reference belongs to another one."""
    if known is None:
        path.unlink(missing_ok=True)
    else:
        write_typicality(known, path)


def without_path(point: OperatingPoint) -> dict[str, object]:
    """The point as plain values in one flat record, for printing."""
    return asdict(record_of(point)) | {"certified": point.certified}
