"""From a prepared study to its decision: score the units, gather findings, meet the operating point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from inspect_ai.decide import decide
from inspect_ai.domain import Decision, Finding, Outcome, Provenance, StudyRef, UnitOutput, Verdict
from inspect_ai.inspection import out_of_distribution
from inspect_ai.inspection.inspector import Inspector
from inspect_ai.inspection.preprocess import PreprocessedStudy

FINDINGS_MOST = 20  # kept in a decision, highest first; the count of the rest is noted


@dataclass(frozen=True, slots=True)
class Prediction:
    """A decision and what the network said of each unit, for the pictures."""

    decision: Decision
    outputs: tuple[UnitOutput, ...] = ()


def predict(ref: StudyRef, preprocessed: PreprocessedStudy, inspector: Inspector) -> Prediction:
    """Decide one prepared study at its station. A fault in engine or plugin is a reason to abstain."""
    outputs: tuple[UnitOutput, ...] = ()
    findings: list[Finding] = []
    score: float | None = None
    problems, measures = [*preprocessed.problems], preprocessed.measures
    if preprocessed.units and not problems:
        try:
            outputs = tuple(inspector.engine().run(preprocessed.units))
            if all(np.isfinite(output.logits).all() for output in outputs):
                pairs = zip(preprocessed.units, outputs, strict=True)
                findings = [finding for unit, output in pairs for finding in inspector.task.findings(unit, output)]
                score = float(inspector.task.aggregate(findings)) if findings else None
                likeness = out_of_distribution.measure(
                    inspector.out_of_distribution, preprocessed.units, outputs, preprocessed.measures
                )
                measures += () if likeness is None else (likeness,)
            else:
                problems.append("the network's answer is not a number")
        except Exception as e:  # noqa: BLE001 - engine and plugin may raise anything; it costs this study and no other
            problems.append(f"scoring failed: {type(e).__name__}")
        if score is None and not problems:
            problems.append("the task found nothing in it to look at")
    whole_series = any(unit.series_uid for unit in preprocessed.units)
    point = inspector.point.for_study(ref.attributes)
    point = point.for_volume() if whole_series else point
    verdict = decide(
        score,
        point,
        mismatches=inspector.mismatches,
        problems=problems,
        measures=measures,
        suspended=inspector.suspended,
    )
    if preprocessed.burned_in:
        ref = noted(ref, "no picture is shown: its header says that text is burned in, which may be a name")
    worth = _worth_telling(findings, point.thresholds.flag_from if whole_series else point.thresholds.clear_below)
    if len(worth) > FINDINGS_MOST:
        more, line = len(worth) - FINDINGS_MOST, point.thresholds.flag_from
        ref = noted(ref, f"{more} more findings reach {line:.4f}; the highest are listed")
    decision = Decision(
        study=ref,
        provenance=inspector.provenance,
        verdict=verdict,
        score=score,
        threshold=point.thresholds.flag_from,
        findings=worth[:FINDINGS_MOST],
        measures=measures,
        decoders=preprocessed.decoders,
    )
    return Prediction(decision, outputs)


def abstained(ref: StudyRef, provenance: Provenance, reason: str, decoders: Sequence[str] = ()) -> Decision:
    """The decision on a study that no task may decide."""
    verdict = Verdict(outcome=Outcome.ABSTAIN, reason=reason, certified=False)
    return Decision(
        study=ref, provenance=provenance, verdict=verdict, score=None, threshold=None, decoders=tuple(decoders)
    )


def noted(ref: StudyRef, note: str) -> StudyRef:
    """The same study with one more remark."""
    return replace(ref, notes=(*ref.notes, note))


def _worth_telling(findings: Sequence[Finding], line: float) -> tuple[Finding, ...]:
    """The highest finding, and all others that reach the line; highest first."""
    ranked = sorted(findings, key=lambda finding: -finding.score)
    return tuple(f for i, f in enumerate(ranked) if i == 0 or f.score >= line)
