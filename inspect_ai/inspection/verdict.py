"""Verdict on a study: the one rule from a prediction to an outcome, shared by all callers.

Scan, watch, evaluation, the agreement study and the benchmarks use it. In this order: outputs that are no numbers, the
thresholds of the study's own group, the rule for whole series, the pictures that decide where each is judged by itself,
the distance from the calibration pictures, a suspension of the certificate, parts that the study does not show; then
decide.py compares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from inspect_ai.calibration.out_of_distribution import Typicality
from inspect_ai.decide import decide
from inspect_ai.domain import Finding, Measure, Outcome, StudyRef, Verdict
from inspect_ai.errors import SetupError
from inspect_ai.inspection import out_of_distribution
from inspect_ai.inspection.picture_choice import NOTHING_FOUND, choose
from inspect_ai.inspection.predict import NOT_A_NUMBER, Prediction
from inspect_ai.operating_point import OperatingPoint


class Rules(Protocol):
    """Rules of an inspector's decisions: thresholds, the calibration reference, and doubts about the promise."""

    @property
    def point(self) -> OperatingPoint | None:
        """Operating point."""

    @property
    def mismatches(self) -> Sequence[str]:
        """Reasons why no certificate covers the inspector; empty where one does."""

    @property
    def suspended(self) -> str | None:
        """Reason why nothing is cleared without a person for now."""

    @property
    def reference(self) -> Typicality | None:
        """Reference of the calibration pictures; without it the fixed limits alone forbid a decision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainRules:
    """Rules for scores that another program made: an operating point, and doubts about its promise."""

    point: OperatingPoint | None
    mismatches: tuple[str, ...] = ()
    suspended: str | None = None
    reference: Typicality | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A verdict, and what it rests on.

    point: as it applied to this study; measures: of quality, all of them; score and findings: of the pictures that
    decide; remarks: on pictures that do not, where each is judged by itself.
    """

    verdict: Verdict
    point: OperatingPoint
    measures: tuple[Measure, ...]
    score: float | None
    findings: tuple[Finding, ...]
    remarks: tuple[str, ...] = ()


def verdict(scored: Prediction, study: StudyRef, rules: Rules) -> Judgement:
    """Judge one study, by the attributes and problems of `study`. Raises SetupError without an operating point."""
    if rules.point is None:
        raise SetupError("There is no operating point, so a score cannot be judged. Calibrate first.")
    point = rules.point.for_study(study.attributes)
    point = point.for_volume() if scored.is_whole_series else point
    if scored.pictures and scored.finite:
        return _by_picture(scored, study, rules, point)
    measures = scored.measures
    if scored.finite and scored.score is not None:
        distance = out_of_distribution.measure(rules.reference, scored.units, scored.outputs, measures)
        measures += () if distance is None else (distance,)
    score = scored.score if scored.finite else None
    found = _decided(score, point, rules, scored.unseen, _problems(scored, study), measures)
    return Judgement(verdict=found, point=point, measures=measures, score=score, findings=scored.findings)


def _by_picture(scored: Prediction, study: StudyRef, rules: Rules, point: OperatingPoint) -> Judgement:
    """Judge a study by its pictures that pass; the highest of their scores is its own.

    An eye without any leaves the study to a person, unless another picture flags. Where no picture passes at all, the
    score and findings are shown that there are.
    """
    chosen = choose(scored.pictures, scored.units, scored.outputs, rules.reference)
    score, findings = scored.score, scored.findings
    if chosen.deciding and scored.picture_scores:
        scores = (scored.picture_scores[picture.index] for picture in chosen.deciding)
        score = max((each for each in scores if each is not None), default=None)
        findings = chosen.among(findings)
    problems, remarks = _problems(scored, study), chosen.remarks
    found = _decided(score, point, rules, scored.unseen, problems)
    if chosen.deciding and found.outcome is Outcome.FLAG:
        remarks += chosen.lacking
    elif chosen.lacking:
        found = _decided(score, point, rules, scored.unseen, [*problems, *chosen.lacking])
    return Judgement(
        verdict=found, point=point, measures=chosen.measures, score=score, findings=findings, remarks=remarks
    )


def _decided(
    score: float | None,
    point: OperatingPoint,
    rules: Rules,
    unseen: Sequence[str],
    problems: Sequence[str],
    measures: Sequence[Measure] = (),
) -> Verdict:
    return decide(
        score,
        point,
        mismatches=rules.mismatches,
        problems=problems,
        measures=measures,
        suspended=rules.suspended,
        unseen=unseen,
    )


def _problems(scored: Prediction, study: StudyRef) -> list[str]:
    """Reasons why the study cannot be decided, each once."""
    problems = list(dict.fromkeys([*study.problems, *scored.problems]))
    if not scored.finite:
        problems.append(NOT_A_NUMBER)
    passed = all(measure.passed for measure in scored.measures)
    return problems or ([NOTHING_FOUND] if scored.score is None and passed else [])
