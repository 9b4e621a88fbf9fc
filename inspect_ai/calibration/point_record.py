"""Flat record of an operating point: the fields of files and certificates, and their conversion to the parts.

Names, order and types are the format: a digest is over them, and a signature. A later field is left out where it has
its default, so that older records keep their bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from inspect_ai.canonical import to_plain
from inspect_ai.operating_point import (
    Digests,
    FalseAlarmProof,
    GroupPoint,
    Guarantee,
    OperatingPoint,
    ScoreScale,
    SensitivityProof,
    Thresholds,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PointRecord:
    """Flat operating point; its fields are described in operating_point.py."""

    task: str
    clear_below: float
    flag_from: float
    sensitivity: float
    confidence: float
    n_positive: int
    n_missed: int
    proved_sensitivity: float
    covers: str
    model_sha256: str
    config_sha256: str
    engine: str
    calibration_sha256: str
    refusal: str | None = None
    flag_volume_from: float | None = None
    guarantee: Guarantee = Guarantee.CONFIDENCE
    group_by: str = ""
    groups: tuple[GroupPoint, ...] = ()
    group_score: str = ""
    n_abstained: int = 0
    overkill: float | None = None
    n_negative: int = 0
    n_flagged: int = 0
    proved_overkill: float | None = None
    overkill_refusal: str | None = None
    score_scale: ScoreScale = ScoreScale.PROBABILITY
    at_fpr: float | None = None  # of OperatingPoint.negatives_line, as the next four
    fpr_n_negative: int = 0
    fpr_n_reaching: int = 0
    proved_fpr: float | None = None
    fpr_refusal: str | None = None
    looks: int = 1


LATER_FIELDS = frozenset(
    {"score_scale", "at_fpr", "fpr_n_negative", "fpr_n_reaching", "proved_fpr", "fpr_refusal", "looks"}
)
_DEFAULTS = {field.name: field.default for field in fields(PointRecord) if field.name in LATER_FIELDS}


def record_of(point: OperatingPoint) -> PointRecord:
    """Convert a point to its record."""
    lines, proof, alarms, digests = point.thresholds, point.proof, point.false_alarms, point.digests
    reached = point.negatives_line
    return PointRecord(
        task=point.task,
        clear_below=lines.clear_below,
        flag_from=lines.flag_from,
        sensitivity=proof.sensitivity,
        confidence=proof.confidence,
        n_positive=proof.n_positive,
        n_missed=proof.n_missed,
        proved_sensitivity=proof.proved_sensitivity,
        covers=point.covers,
        model_sha256=digests.model_sha256,
        config_sha256=digests.config_sha256,
        engine=digests.engine,
        calibration_sha256=digests.calibration_sha256,
        refusal=proof.refusal,
        flag_volume_from=lines.flag_volume_from,
        guarantee=proof.guarantee,
        group_by=proof.group_by,
        groups=proof.groups,
        group_score=proof.group_score,
        n_abstained=proof.n_abstained,
        overkill=None if alarms is None else alarms.overkill,
        n_negative=0 if alarms is None else alarms.n_negative,
        n_flagged=0 if alarms is None else alarms.n_flagged,
        proved_overkill=None if alarms is None else alarms.proved_overkill,
        overkill_refusal=None if alarms is None else alarms.overkill_refusal,
        score_scale=lines.score_scale,
        at_fpr=None if reached is None else reached.overkill,
        fpr_n_negative=0 if reached is None else reached.n_negative,
        fpr_n_reaching=0 if reached is None else reached.n_flagged,
        proved_fpr=None if reached is None else reached.proved_overkill,
        fpr_refusal=None if reached is None else reached.overkill_refusal,
        looks=proof.looks,
    )


def plain_record(point: OperatingPoint) -> dict[str, Any]:
    """Convert the record to plain JSON values, floats in hex, without those of LATER_FIELDS that have their default."""
    record = record_of(point)
    plain: dict[str, Any] = to_plain(record)
    return {
        name: value
        for name, value in plain.items()
        if name not in LATER_FIELDS or getattr(record, name) != _DEFAULTS[name]
    }


def point_of(record: PointRecord) -> OperatingPoint:
    """Convert a record to its point. Raises ValueError where its fields about false alarms do not fit each other."""
    return OperatingPoint(
        task=record.task,
        covers=record.covers,
        thresholds=Thresholds(
            clear_below=record.clear_below,
            flag_from=record.flag_from,
            flag_volume_from=record.flag_volume_from,
            score_scale=record.score_scale,
        ),
        proof=SensitivityProof(
            sensitivity=record.sensitivity,
            confidence=record.confidence,
            n_positive=record.n_positive,
            n_missed=record.n_missed,
            proved_sensitivity=record.proved_sensitivity,
            refusal=record.refusal,
            guarantee=record.guarantee,
            n_abstained=record.n_abstained,
            group_score=record.group_score,
            group_by=record.group_by,
            groups=record.groups,
            looks=record.looks,
        ),
        false_alarms=_shares(
            "overkill",
            record.overkill,
            record.n_negative,
            record.n_flagged,
            record.proved_overkill,
            record.overkill_refusal,
        ),
        negatives_line=_shares(
            "fpr", record.at_fpr, record.fpr_n_negative, record.fpr_n_reaching, record.proved_fpr, record.fpr_refusal
        ),
        digests=Digests(
            model_sha256=record.model_sha256,
            config_sha256=record.config_sha256,
            engine=record.engine,
            calibration_sha256=record.calibration_sha256,
        ),
    )


def _shares(
    name: str, asked: float | None, n_negative: int, reaching: int, proved: float | None, refusal: str | None
) -> FalseAlarmProof | None:
    """Proof about a share of negatives from its five fields; None where nothing was asked. name: of the share."""
    if asked is None:
        if (n_negative, reaching, proved, refusal) != (0, 0, None, None):
            raise ValueError(f"it tells of an {name} that was not asked for")
        return None
    if proved is None:
        raise ValueError(f"proved_{name} is missing, though an {name} was asked for")
    return FalseAlarmProof(
        overkill=asked, n_negative=n_negative, n_flagged=reaching, proved_overkill=proved, overkill_refusal=refusal
    )
