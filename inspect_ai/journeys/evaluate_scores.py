"""Evaluation journey for scores that another program made: figures and page from a CSV file, without pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from inspect_ai.audit import open_log
from inspect_ai.calibration import point_sha256, read_point
from inspect_ai.calibration.frontier_file import frontier_path, read_frontier
from inspect_ai.calibration.statement import statement_name
from inspect_ai.certificates.certificate import Signed, read_certificate
from inspect_ai.certificates.deployment import certificate_path, scores_checks
from inspect_ai.certificates.status import CertificateState, certificate_status, told
from inspect_ai.config import LabelSet
from inspect_ai.datasets.folder import Row
from inspect_ai.datasets.score_file import ScoreFile, read_score_file
from inspect_ai.domain import StudyRef
from inspect_ai.errors import InputError
from inspect_ai.evaluation.assembly import cases_of
from inspect_ai.evaluation.measure import Evaluation, measure
from inspect_ai.evaluation.results import Positions, Subject
from inspect_ai.ingest.attributes import as_at_work
from inspect_ai.inspection.dataset_scoring import Scored
from inspect_ai.inspection.predict import Prediction
from inspect_ai.inspection.verdict import PlainRules, verdict
from inspect_ai.operating_point import OperatingPoint, ScoreScale
from inspect_ai.report.evaluation.page import write_evaluation
from inspect_ai.settings import Settings

NO_PLACES = "A score file holds no pictures and no masks, so nothing says where a finding should lie: no FROC."


def evaluate_scores(
    scores: Path, *, settings: Settings, operating_point: Path | None = None, report: Path | None = None
) -> Evaluation:
    """Measure the scores in a CSV file; with `report`, write the page, without its sections about pictures.

    Raises InputError or UsageError for files that cannot be read or make no sense.
    """
    file = read_score_file(scores)
    point, doubts, rows = None, [], None
    if operating_point is not None:
        point = read_point(operating_point)
        rows = read_frontier(point, frontier_path(operating_point))
        doubts = _doubts(point, operating_point, settings)
    labels = _labels(file)
    scored = _decided(file, point, doubts)
    name = point.task if point else statement_name(scores.stem)
    result = measure(scored, labels, (), name, str(scores), "", point, doubts, frontier=rows)
    if report is not None:
        write_evaluation(
            report,
            cases=cases_of(scored, labels),
            subject=_subject(result, labels, file, point),
            positions=Positions(absent=NO_PLACES),
            study=None,
            sheets=(),
        )
    return result


def _labels(file: ScoreFile) -> LabelSet:
    """Label set of a score file's two sides; its own labels are in the rows alone."""
    return LabelSet(
        name=file.path.stem,
        column="positive",
        classes=("negative", "positive"),
        positive=("positive",),
        independent="group" if file.grouped else "picture",
        independent_name="group" if file.grouped else "row",
    )


def _decided(file: ScoreFile, point: OperatingPoint | None, doubts: list[str]) -> list[Scored]:
    """Convert each row to a scored picture, decided where there is a point."""
    rules = None if point is None else PlainRules(point=point, mismatches=tuple(doubts))
    scored = []
    for row in file.rows:
        said = tuple((name, as_at_work(name, value)) for name, value in row.columns)
        judged = None if rules is None else verdict(Prediction(score=row.score), _ref(row.unit, said), rules)
        scored.append(
            Scored(
                row=Row(
                    file=row.unit,
                    label="positive" if row.positive else "negative",
                    split="",
                    group=row.group,
                    columns=row.columns,
                ),
                sha256="",
                score=row.score,
                verdict=judged.verdict if judged else None,
                point=judged.point if judged else None,
                logits=np.empty(0, np.float32),
            )
        )
    return scored


def _ref(unit: str, attributes: tuple[tuple[str, str], ...]) -> StudyRef:
    """Reference of a row: no file of it is here, its attributes alone choose a threshold."""
    return StudyRef(key=unit, source=unit, kind="image", digest="", files=(), attributes=attributes)


def _doubts(point: OperatingPoint, path: Path, settings: Settings) -> list[str]:
    """Reasons why no certificate covers the point at `path`, a sentence each."""
    if point.thresholds.score_scale is not ScoreScale.EXACT:
        return ["the scores come from a file: nothing shows that the model of the operating point made them"]
    place = certificate_path(path)
    if not place.is_file():
        return ["there is no certificate for this operating point"] if point.certified_somewhere else []
    try:
        made = read_certificate(place)
    except InputError as e:
        return [f"the certificate does not hold: {e}".rstrip(".")]
    if made.certificate.operating_point_sha256 != point_sha256(point):
        return ["the certificate beside this operating point is for another one"]
    found = [check.fault for check in scores_checks(made, place.parent, settings) if check.fault is not None]
    return [*found, *_withdrawn(made, settings)]


def _withdrawn(made: Signed, settings: Settings) -> list[str]:
    """Reasons that the log of these settings has against a certificate."""
    if not settings.db.is_file():
        return []
    with open_log(settings.db, create=False) as log:
        status = certificate_status(log, made.certificate.at_work.task, made.sha256)
    sound = (CertificateState.IN_FORCE, CertificateState.UNKNOWN)
    return [] if status.state in sound else [f"the certificate was {told(status)}"]


def _subject(result: Evaluation, labels: LabelSet, file: ScoreFile, point: OperatingPoint | None) -> Subject:
    met = point is not None and point.digests.calibration_sha256 == file.sha256
    flatter = "; these very scores set the threshold, so the figures flatter it" if met else ""
    return Subject(
        task=result.task,
        title="",
        data=file.path.name,
        split="",
        labels=labels.name,
        positive_name="positive",
        decides=True,
        model_sha256="",
        config_sha256="",
        engine="",
        point=point,
        certified=result.certified,
        uncertified_because=result.uncertified_because or "",
        seen=0,
        scores_from=f"{file.path.name}, SHA-256 {file.sha256}{flatter}",
        auc=result.auc,
        auc_interval=result.auc_interval,
        accuracy=None,
        accuracy_interval=None,
        classes=(),
        confusion=(),
        frontier=result.frontier,
    )
