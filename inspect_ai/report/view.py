"""View of a decision for the page: every figure already as text, plain values alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from inspect_ai.decide import for_phantoms, parted
from inspect_ai.domain import Decision, Finding, Outcome
from inspect_ai.operating_point import Guarantee, OperatingPoint
from inspect_ai.text import printable


@dataclass(frozen=True, slots=True, kw_only=True)
class Backing:
    """Proof behind the decisions of one task: its operating point, the certificate's digest ("" without one), and the
    doubts that make them uncertified.
    """

    point: OperatingPoint
    doubts: tuple[str, ...] = ()
    certificate: str = ""


ORDER = {Outcome.FLAG: 0, Outcome.ABSTAIN: 1, Outcome.CLEAR: 2}  # on the page
FINDINGS_MOST = 12  # listed of one study
REMARKS_MOST = 12  # of one study
NAME_LIMIT = 500  # characters
KEY_WHOLE, KEY_END = 18, 9  # characters: a longer name keeps its last ones where a line has no room for it
REASON_LIMIT = 900  # characters
EDGE = math.log(65535.0)  # log-odds of the highest score below 1 on the grid of scores: the end of the bar


def rank(decision: Decision) -> float:
    """Rank: flagged first, then those left to a person, then clear ones; within each the highest score first."""
    score = decision.score if decision.score is not None else 1.0  # unreadable ranks before any score
    return ORDER[decision.verdict.outcome] + 0.5 * (1.0 - min(max(score, 0.0), 1.0))


def study_view(entry_id: int, decision: Decision, lapsed: str = "") -> dict[str, Any]:
    """One line of the table, and the head of a card. `lapsed`: why it is certified no longer."""
    study, remarks = decision.study, decision.remarks
    key = printable(study.key, NAME_LIMIT)
    cut = len(key) - KEY_END if len(key) > KEY_WHOLE else 0
    return {
        "entry": entry_id,
        "key": key,
        "key_parts": [key[:cut], key[cut:]] if cut else [],
        "task": printable(decision.provenance.task, 60) or "no task",
        "what": ", ".join(filter(None, (printable(study.modality, 16), _size(decision)))),
        "outcome": decision.verdict.outcome.value,
        "score": None if decision.score is None else f"{decision.score:.5f}",
        "line": None if decision.threshold is None else f"{decision.threshold:.5f}",
        "score_at": None if decision.score is None else place(decision.score),
        "line_at": None if decision.threshold is None else place(decision.threshold),
        "certified": _certified(decision, lapsed),
        "lapsed": printable(lapsed, REASON_LIMIT),
        "reason": printable(parted(decision.verdict.reason)[0], REASON_LIMIT),
        "remarks": [printable(remark, REASON_LIMIT) for remark in remarks[:REMARKS_MOST]],
        "more_remarks": max(0, len(remarks) - REMARKS_MOST),
        "supersedes": decision.supersedes,
    }


def card_view(entry_id: int, decision: Decision, lapsed: str = "") -> dict[str, Any]:
    """Content of a card: the table's line with its remarks, and the findings."""
    findings = decision.findings[:FINDINGS_MOST]
    return study_view(entry_id, decision, lapsed) | {
        "findings": [_finding(number, finding) for number, finding in enumerate(findings, 1)],
        "more": len(decision.findings) - len(findings),
    }


def backing_view(backing: Backing) -> dict[str, Any]:
    """Proof of one operating point, in figures that are rounded down, never up."""
    point, proof = backing.point, backing.point.proof
    refusal = [] if proof.refusal is None else [proof.refusal]
    bound = math.floor(1000.0 * proof.proved_sensitivity) / 10.0
    return {
        "task": printable(point.task, 60),
        "certified": point.certified and not backing.doubts,
        "average": proof.guarantee is Guarantee.AVERAGE,
        "promise": printable(point.promise, REASON_LIMIT),
        "line": f"{point.thresholds.clear_below:.5f}",
        "positives": proof.n_positive,
        "missed": proof.n_missed,
        "bound": f"{bound:.1f}",
        "covers": printable(point.covers, REASON_LIMIT),
        "doubts": [printable(doubt, REASON_LIMIT) for doubt in (*backing.doubts, *refusal)],
        "certificate": backing.certificate[:12],
        "engine": printable(point.digests.engine, 80),
        "model": printable(point.digests.model_sha256, 64)[:12],
    }


def place(score: float) -> float:
    """Position on the bar, 0..100, by log-odds, so that 0.001 and 0.01 are as far apart as 0.99 and 0.999."""
    if score <= 0.0:
        return 0.0
    odds = math.inf if score >= 1.0 else math.log(score / (1.0 - score))
    return round(50.0 + 50.0 * min(max(odds / EDGE, -1.0), 1.0), 2)


def _certified(decision: Decision, lapsed: str) -> str:
    """Word for the certificate behind a decision: yes, no, phantom, ended (certified no longer)."""
    if lapsed:
        return "ended"
    return "phantom" if for_phantoms(decision.verdict.reason) else "yes" if decision.verdict.certified else "no"


def _size(decision: Decision) -> str:
    study = decision.study
    slices = f" × {study.frames}" if study.frames > 1 else f", {len(study.files)} files" if len(study.files) > 1 else ""
    return f"{study.columns} × {study.rows}{slices}" if study.rows and study.columns else ""


def _finding(number: int, finding: Finding) -> dict[str, Any]:
    """One finding. Source pixels count from 0, as in the log; slices from 1, as in DICOM viewers."""
    pixel = "" if finding.row is None or finding.col is None else f"row {finding.row}, column {finding.col}"
    in_volume = finding.position_mm is not None
    return {
        "number": number,
        "name": printable(finding.name, 60),
        "score": f"{finding.score:.5f}",
        "pixel": pixel,
        "slice": finding.image_index + 1 if in_volume or finding.image_index else None,
        "mm": ", ".join(f"{v:.1f}" for v in finding.position_mm) if finding.position_mm is not None else "",
        "diameter": f"{finding.diameter_mm:.1f}" if finding.diameter_mm is not None else "",
        "axes": " × ".join(f"{mm:.0f}" for mm in finding.axes_mm) if finding.axes_mm is not None else "",
    }
