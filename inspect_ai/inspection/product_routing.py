"""Routing of a study that several tasks accept, such as grey pictures of surfaces and of castings, or abstention.

The evidence is each task's own: its quality gate, and the distance of the study from its calibration pictures
(calibration/out_of_distribution.py). A study goes to a task if it is typical of that one alone. Where it is typical of
several or of none, or where a task that may claim it has no reference, a person names the task: a wrong product is
decided by a line that says nothing about it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from inspect_ai.calibration.out_of_distribution import LEVEL
from inspect_ai.inspection import out_of_distribution
from inspect_ai.inspection.inspector import Inspector
from inspect_ai.inspection.inspectors import Inspectors
from inspect_ai.inspection.preprocess import PreprocessedStudy

NAME_IT = "name the task with --task, or its folder or camera in setting products"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Likeness of a study to one task's calibration pictures.

    p: conformal p-value, NaN where it cannot be judged; None without a reference. refused: by the quality gate.
    """

    task: str
    p: float | None = None
    refused: bool = False

    @property
    def typical(self) -> bool:
        """True if it is like the calibration pictures."""
        return not self.refused and self.p is not None and self.p >= LEVEL

    @property
    def possible(self) -> bool:
        """True unless something speaks against the task."""
        return self.typical or (not self.refused and self.p is None)

    @property
    def words(self) -> str:
        """Evidence as messages give it."""
        if self.refused:
            return f"{self.task} (its quality gate refuses it)"
        if self.p is None:
            return f"{self.task} (no calibration pictures to compare with)"
        return f"{self.task} (p = {self.p:.3g})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Task that a study goes to, with a remark; or None and the reason why a person must say."""

    task: str | None
    words: str


def choose_task(evidence: list[Evidence]) -> Choice:
    """Choose the one task that the study is typical of, where all others can be ruled out."""
    possible = [one for one in evidence if one.possible]
    shown = ", ".join(one.words for one in evidence)
    if len(possible) == 1 and possible[0].typical:
        name = possible[0].task
        alone = f"task {name} decides: of those that accept it, it is typical of this one alone: {shown}"
        return Choice(task=name, words=alone)
    if not possible:
        return Choice(
            task=None, words=f"it is like the calibration pictures of no task that accepts it: {shown}; {NAME_IT}"
        )
    could = " or ".join(one.task for one in possible)
    return Choice(task=None, words=f"it could be of task {could}: {shown}; {NAME_IT}")


def routed(study: PreprocessedStudy, inspectors: Inspectors) -> tuple[PreprocessedStudy, str | None]:
    """The study as its task prepared it, and a remark on the choice; or the study of no task, with the reason."""
    evidence = [_evidence(one, inspectors[one.task or ""]) for one in study.contenders]
    choice = choose_task(evidence)
    if choice.task is None:
        return replace(study, contenders=(), problems=(choice.words,)), None
    return next(one for one in study.contenders if one.task == choice.task), choice.words


def _evidence(study: PreprocessedStudy, inspector: Inspector) -> Evidence:
    task = inspector.task.name
    if study.problems or not study.units:
        return Evidence(task=task, refused=True)
    if inspector.reference is None:
        return Evidence(task=task)
    prediction = inspector.predict_preprocessed(study)
    if not prediction.outputs:
        return Evidence(task=task, refused=True)
    found = out_of_distribution.measure(inspector.reference, prediction.units, prediction.outputs, prediction.measures)
    return Evidence(task=task, p=math.nan if found is None else found.value)
