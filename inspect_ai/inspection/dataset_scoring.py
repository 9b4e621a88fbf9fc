"""Scoring of labelled pictures as at work: ingest, quality, units, engine, verdict. For calibration and evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from inspect_ai.config import LabelSet, TaskConfig
from inspect_ai.datasets.folder import LabelledFolder, Row
from inspect_ai.datasets.samples import study_of_row
from inspect_ai.domain import Floats, Measure, Study, StudyRef, Verdict
from inspect_ai.errors import UsageError
from inspect_ai.ingest.attributes import as_at_work, attributes_set
from inspect_ai.inspection import out_of_distribution
from inspect_ai.inspection.inspector import Inspector
from inspect_ai.inspection.picture_choice import first_fault
from inspect_ai.inspection.predict import NOT_A_NUMBER, Prediction
from inspect_ai.inspection.verdict import verdict
from inspect_ai.operating_point import OperatingPoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One labelled picture with its score.

    `verdict` is None without an operating point; logits: [K] of its last unit; features: [units, F], or None from a
    graph without such an output; measures: of quality, with the distance from calibration where a reference was given.
    """

    row: Row
    sha256: str
    score: float
    verdict: Verdict | None
    logits: Floats = field(compare=False, repr=False)
    point: OperatingPoint | None = None  # as it applied to this picture: its group's
    measures: tuple[Measure, ...] = ()
    features: Floats | None = field(default=None, compare=False, repr=False)

    @property
    def passed(self) -> bool:
        """True within all limits; a picture outside is left to a person, so that no positive among those is missed."""
        return all(measure.passed for measure in self.measures)

    @property
    def fit(self) -> bool:
        """True within the fixed limits: good enough to be a reference."""
        return all(measure.passed for measure in self.measures if measure.name != out_of_distribution.NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unscored:
    """One labelled picture that has no score. verdict: as at work, which leaves it to a person."""

    row: Row
    reason: str
    verdict: Verdict | None


def split_config(inspector: Inspector) -> TaskConfig:
    """Configuration to split a labelled folder by: the task's, with the splits that trained its model.

    A configuration that was edited after the training would set other groups aside than those that it left out.
    """
    config, trained = inspector.task.config, inspector.engine.manifest.config
    share = trained.train.calibration_share
    train = config.train.model_copy(update={"calibration_share": share})
    return config.model_copy(update={"promise": trained.promise, "train": train})


def score_rows(
    folder: LabelledFolder,
    rows: Iterable[Row],
    inspector: Inspector,
    *,
    unscored: Callable[[Unscored], None] | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Scored]:
    """Score every row, and judge it where the inspector has an operating point; the quality gate hides no score.

    unscored: called with each picture without a score; if None, the first of them raises UsageError.
    """
    wanted = list(rows)
    scored = []
    with folder.unpacked(wanted) as root:
        for done, row in enumerate(wanted, 1):
            found = _score(root, row, inspector)
            if isinstance(found, Scored):
                scored.append(found)
            elif unscored is None:
                raise UsageError(f"{row.file}: {found.reason}; every picture needs a score here.")
            else:
                unscored(found)
            progress(done)
    return scored


def counted_on(progress: Callable[[int], None], before: int) -> Callable[[int], None]:
    """Progress of one folder, counted on from the pictures before it."""
    return lambda done: progress(before + done)


def one_of_each_content(scored: Sequence[Scored], pairs: Iterable[tuple[str, str]], labels: LabelSet) -> list[Scored]:
    """Keep one picture of each content, so that copies make no interval narrow: the one that speaks against the model.

    pairs: names of files that show the same. Of positives the lowest score stays, of negatives the highest.
    """
    linked: dict[str, str] = {}

    def root(file: str) -> str:
        while (above := linked.get(file, file)) != file:
            file = above
        return file

    for one, other in pairs:
        linked[root(other)] = root(one)

    def against(s: Scored) -> float:
        return s.score if s.row.label in labels.positive else -s.score

    worst: dict[tuple[str, str], Scored] = {}
    for s in scored:
        key = (root(s.row.file), s.row.label)
        if key not in worst or against(s) < against(worst[key]):
            worst[key] = s
    kept = {s.row.file for s in worst.values()}
    return [s for s in scored if s.row.file in kept]


def labelled_ref(study: Study, row: Row, inspector: Inspector) -> StudyRef:
    """Reference of a labelled picture, with its attributes as known at work; those of labels.csv take precedence."""
    said = tuple((name, as_at_work(name, value)) for name, value in row.columns)
    return replace(
        study.ref,
        attributes=(*study.ref.attributes, *attributes_set(inspector.settings), *said),
        problems=(*study.ref.problems, *study.problems, *first_fault(study, inspector.task)),
    )


def _score(root: Path, row: Row, inspector: Inspector) -> Scored | Unscored:
    study = study_of_row(root, row, inspector.settings)
    prediction = inspector.predict_study(study)
    judged = None if inspector.point is None else verdict(prediction, labelled_ref(study, row, inspector), inspector)
    if not prediction.finite or prediction.score is None:
        return Unscored(row=row, reason=_reason(prediction), verdict=judged.verdict if judged else None)
    features = [output.features for output in prediction.outputs if output.features is not None]
    return Scored(
        row=row,
        sha256=study.ref.files[0].sha256,
        score=prediction.score if judged is None or judged.score is None else judged.score,
        verdict=judged.verdict if judged else None,
        logits=prediction.outputs[-1].logits,
        measures=judged.measures if judged else prediction.measures,
        point=judged.point if judged else None,
        features=np.stack(features) if len(features) == len(prediction.outputs) else None,
    )


def _reason(prediction: Prediction) -> str:
    if not prediction.finite:
        return NOT_A_NUMBER
    return "; ".join(prediction.problems) or "the task finds nothing in it to score"
