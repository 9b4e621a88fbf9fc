"""Calibration journey for scores that another program made: a CSV file takes the place of task and pictures."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from inspect_ai.calibration import GroupScore, read_point, write_point
from inspect_ai.calibration.calibrated import Calibrated
from inspect_ai.calibration.frontier import frontier
from inspect_ai.calibration.frontier_file import frontier_path, write_frontier
from inspect_ai.calibration.solver import CalibrationRequest, CalibrationScores, solve
from inspect_ai.calibration.statement import counted_units, limits, not_independent, statement_name
from inspect_ai.certificates.certificate import SCORES_FROM, read_certificate
from inspect_ai.certificates.deployment import POINT_FILE, scores_record
from inspect_ai.certificates.issuing import issue
from inspect_ai.certificates.looks_at_positives import keep_look, look_at, told
from inspect_ai.datasets.score_file import ScoreFile, read_score_file
from inspect_ai.errors import InputError, UsageError
from inspect_ai.ingest.attributes import as_at_work
from inspect_ai.model.manifest import file_sha256
from inspect_ai.operating_point import Digests, Guarantee, OperatingPoint, ScoreScale
from inspect_ai.report.certificate import write_certificate_page
from inspect_ai.settings import Settings


def calibrate_scores(
    scores: Path,
    *,
    settings: Settings,
    request: CalibrationRequest,
    name: str | None = None,
    model_file: Path | None = None,
    out: Path | None = None,
) -> Calibrated:
    """Set and prove thresholds for the scores in a CSV file; write the operating point, its certificate and page.

    name: of the statement, the file's stem by default. model_file: the file that made the scores; the certificate binds
    its digest. out: the operating point, beside the scores by default. Raises InputError for a file that cannot be
    read, UsageError for scores that cannot answer and for an `out` where another operating point lies.
    """
    called = statement_name(name or scores.stem)
    path = out or scores.parent / POINT_FILE
    file = read_score_file(scores)
    pictures = _pictures(file, request)
    _refuse_to_replace(path, called)
    if model_file is not None:
        _refuse_as_model(model_file, scores, path)
    point = _point(file, pictures, request, called, model_file)
    rows = frontier(pictures, request, highest=math.inf)
    write_point(point, path)
    write_frontier(rows, point, frontier_path(path))
    record = scores_record(called, scores, path, model_file)
    certificate = issue(point, path, record=record, units=counted_units(pictures), settings=settings)
    if certificate is not None:
        write_certificate_page(read_certificate(certificate), certificate.with_suffix(".html"), rows)
    look = look_at(point.digests.model_sha256 or file.sha256, counted_units(pictures))
    said = told(keep_look(look, settings), request.looks, request.confidence)
    return Calibrated(point=point, certificate=certificate, frontier=rows, said=said)


def _pictures(file: ScoreFile, request: CalibrationRequest) -> CalibrationScores:
    """Columns of the proof. Raises UsageError without positives, and without the column to group by."""
    rows, by = file.rows, request.group_by
    if not any(row.positive for row in rows):
        raise UsageError(f"{file.path} holds no positives (positive is 0 in every row): nothing can be proved.")
    if by and by not in dict(rows[0].columns):
        there = ", ".join(name for name, _ in rows[0].columns) or "none"
        raise UsageError(f"{file.path} has no further column {by!r} to group by; it has: {there}.")
    return CalibrationScores(
        scores=[row.score for row in rows],
        units=[row.group for row in rows],
        positive=[row.positive for row in rows],
        passed=[True] * len(rows),
        values=[as_at_work(by, dict(row.columns)[by]) for row in rows] if by else (),
    )


def _refuse_to_replace(path: Path, name: str) -> None:
    """Check that no other operating point is overwritten, a task's or another file's. Raises UsageError."""
    if not path.exists():
        return
    try:
        there = read_point(path)
    except UsageError as e:
        raise UsageError(f"{path} is there and is no operating point. Choose another file with --out.") from e
    if there.task != name or not there.digests.engine.startswith(SCORES_FROM):
        raise UsageError(f"{path} holds the operating point of {there.task}. Choose another file with --out.")


def _refuse_as_model(model_file: Path, scores: Path, path: Path) -> None:
    """Check the model file. Raises InputError for one that is missing, UsageError for one that is something else."""
    if not model_file.is_file():
        raise InputError(f"{model_file} is no file. Name the file of the model that made the scores, or none.")
    if model_file.resolve() in (scores.resolve(), path.resolve()):
        raise UsageError(f"{model_file} is no model file: it holds the scores or the operating point.")


def _point(
    file: ScoreFile, pictures: CalibrationScores, request: CalibrationRequest, name: str, model_file: Path | None
) -> OperatingPoint:
    found = solve(pictures, request, highest=math.inf)
    proof = found.proof
    if proof.refusal is not None and not proof.groups and request.guarantee is Guarantee.CONFIDENCE:
        more = not_independent(pictures, proof.n_positive, "group", request.confidence_each)
        proof = replace(proof, refusal=f"{proof.refusal}{more}")
    return OperatingPoint(
        task=name,
        covers="; ".join([*_covers(file, request, model_file), *limits(pictures, request)]),
        thresholds=replace(found.thresholds, score_scale=ScoreScale.EXACT),
        proof=proof,
        false_alarms=found.false_alarms,
        negatives_line=found.negatives_line,
        digests=Digests(
            model_sha256="" if model_file is None else file_sha256(model_file),
            config_sha256="",
            engine=f"{SCORES_FROM}{file.path.name}",
            calibration_sha256=file.sha256,
        ),
    )


def _covers(file: ScoreFile, request: CalibrationRequest, model_file: Path | None) -> list[str]:
    """Phrases for the unit that counts, and for the model that is named as the origin of the scores."""
    highest = request.group_score is GroupScore.HIGHEST
    unit = "one group, flagged when any of its rows is" if highest else "one group" if file.grouped else "one row"
    made = "no model file was named" if model_file is None else f"said to be made by {model_file.name}"
    return [f"{unit} of the score file", f"scores of another program, {made}"]
