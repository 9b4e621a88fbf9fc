"""Decisions on small DICOM studies that lie in a folder, without a scan."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inspect_ai.domain import Decision, Finding, Outcome, Provenance, SourceFile, StudyRef, Verdict
from inspect_ai.ingest.series import study_digest
from tests.support.dicom_factory import save_series

PROVENANCE = Provenance(
    task="lung_nodule",
    task_version="3",
    model_sha256="a1" * 32,
    config_sha256="b2" * 32,
    operating_point_sha256="c3" * 32,
    engine="onnxruntime float32",
    software="0.1.0",
    certificate_sha256="d4" * 32,
)


def study_of(root: Path, folder: str, modality: str = "CT") -> StudyRef:
    """Reference to all files of a folder below the root."""
    paths = sorted(path for path in (root / folder).rglob("*") if path.is_file())
    files = tuple(
        SourceFile(
            path=path.relative_to(root).as_posix(),
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            size_bytes=path.stat().st_size,
        )
        for path in paths
    )
    digest = study_digest(files)
    return StudyRef(
        key=f"{folder}#0123abcd", source=folder, kind="dicom", digest=digest, files=files, modality=modality
    )


def ct_study(root: Path, folder: str = "patient meier", zs: Sequence[float] = (0.0, 2.5, 5.0, 7.5)) -> StudyRef:
    """A CT series below the root, and its reference."""
    save_series(root / folder, list(zs), SOPClassUID="1.2.840.10008.5.1.4.1.1.2")
    return study_of(root, folder)


def nodule(slice_index: int, row: int, col: int, **fields: Any) -> Finding:
    """A finding on one slice of `ct_study`, at the place that its geometry gives: 0.5 mm rows, 0.8 mm columns."""
    from tests.support.dicom_factory import uid

    given: dict[str, Any] = {
        "name": "nodule",
        "score": 0.75,
        "image_index": slice_index,
        "row": row,
        "col": col,
        "position_mm": (-20.0 + 0.8 * col, -10.0 + 0.5 * row, 2.5 * slice_index),
        "diameter_mm": 6.0,
        "axes_mm": (7.25, 4.5, 5.0),
        "series_uid": uid("series"),
        "sop_instance_uid": uid(f"i{slice_index + 1}"),
    }
    return Finding(**(given | fields))


def decided(
    study: StudyRef,
    *findings: Finding,
    outcome: Outcome = Outcome.FLAG,
    score: float | None = 0.75,
    provenance: Provenance = PROVENANCE,
    reason: str = "score 0.75000 is at or above 0.50000; proved: at least 95 % of positives reach 0.50000",
    **fields: Any,
) -> Decision:
    """A decision with a line of 0.5."""
    verdict = Verdict(outcome=outcome, reason=reason, certified=outcome is not Outcome.ABSTAIN)
    return Decision(
        study=study,
        provenance=provenance,
        verdict=verdict,
        score=score,
        threshold=0.5,
        findings=findings,
        **fields,
    )
