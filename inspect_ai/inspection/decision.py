"""Decisions: a verdict with everything that is needed to reproduce it, ready for the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from inspect_ai.domain import Decision, Finding, Outcome, Provenance, StudyRef, Verdict
from inspect_ai.inspection.predict import Prediction
from inspect_ai.inspection.verdict import Rules, verdict

FINDINGS_MOST = 20  # kept in a decision, highest first; the count of the rest is noted
BURNED_IN = "no picture is shown: its header says that text is burned in, which may be a name"


def decision_on(
    ref: StudyRef,
    prediction: Prediction,
    rules: Rules,
    provenance: Provenance,
    *,
    decoders: Sequence[str] = (),
    burned_in: bool = False,
) -> Decision:
    """Decide one predicted study, by `verdict`. burned_in: the picture may carry a name and is not shown."""
    judged = verdict(prediction, ref, rules)
    lines = judged.point.thresholds
    ref = noted(ref, *prediction.unseen, *([BURNED_IN] if burned_in else []), *judged.remarks)
    worth = _listed_findings(judged.findings, lines.flag_from if prediction.is_whole_series else lines.clear_below)
    if len(worth) > FINDINGS_MOST:
        more = len(worth) - FINDINGS_MOST
        ref = noted(ref, f"{more} more findings reach {lines.flag_from:.4f}; the highest are listed")
    return Decision(
        study=ref,
        provenance=provenance,
        verdict=judged.verdict,
        score=judged.score,
        threshold=lines.flag_from,
        findings=worth[:FINDINGS_MOST],
        measures=judged.measures,
        decoders=tuple(decoders),
    )


def abstained(ref: StudyRef, provenance: Provenance, reason: str, decoders: Sequence[str] = ()) -> Decision:
    """Abstain on a study that no task may decide."""
    verdict = Verdict(outcome=Outcome.ABSTAIN, reason=reason, certified=False)
    return Decision(
        study=ref, provenance=provenance, verdict=verdict, score=None, threshold=None, decoders=tuple(decoders)
    )


def noted(ref: StudyRef, *notes: str) -> StudyRef:
    """Add remarks to the study."""
    return replace(ref, notes=(*ref.notes, *notes))


def _listed_findings(findings: Sequence[Finding], line: float) -> tuple[Finding, ...]:
    """Highest finding, and all others that reach the threshold; highest first."""
    return tuple(f for i, f in enumerate(findings) if i == 0 or f.score >= line)
