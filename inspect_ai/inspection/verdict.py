"""Verdict on a study: the one rule from a prediction to an outcome, shared by all callers.

Scan, watch, evaluation, the agreement study and the benchmarks use it. In this order: outputs that are no numbers, the
thresholds of the study's own group, the rule for whole series, the distance from the calibration pictures, a suspension
of the certificate, parts that the study does not show; then decide.py compares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from inspect_ai.calibration.out_of_distribution import Typicality
from inspect_ai.decide import decide
from inspect_ai.domain import Measure, StudyRef, Verdict
from inspect_ai.errors import SetupError
from inspect_ai.inspection import out_of_distribution
from inspect_ai.inspection.predict import NOT_A_NUMBER, Prediction
from inspect_ai.inspection.preprocess import NOTHING_FOUND
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
    """A verdict, the operating point as it applied to this study, and all measures of quality."""

    verdict: Verdict
    point: OperatingPoint
    measures: tuple[Measure, ...]


def verdict(scored: Prediction, study: StudyRef, rules: Rules) -> Judgement:
    """Judge one study, by the attributes and problems of `study`. Raises SetupError without an operating point."""
    if rules.point is None:
        raise SetupError("There is no operating point, so a score cannot be judged. Calibrate first.")
    point = rules.point.for_study(study.attributes)
    point = point.for_volume() if scored.is_whole_series else point
    measures = scored.measures
    if scored.finite and scored.score is not None:
        distance = out_of_distribution.measure(rules.reference, scored.units, scored.outputs, measures)
        measures += () if distance is None else (distance,)
    found = decide(
        scored.score if scored.finite else None,
        point,
        mismatches=rules.mismatches,
        problems=_problems(scored, study),
        measures=measures,
        suspended=rules.suspended,
        unseen=scored.unseen,
    )
    return Judgement(verdict=found, point=point, measures=measures)


def _problems(scored: Prediction, study: StudyRef) -> list[str]:
    """Reasons why the study cannot be decided, each once."""
    problems = list(dict.fromkeys([*study.problems, *scored.problems]))
    if not scored.finite:
        problems.append(NOT_A_NUMBER)
    passed = all(measure.passed for measure in scored.measures)
    return problems or ([NOTHING_FOUND] if scored.score is None and passed else [])
