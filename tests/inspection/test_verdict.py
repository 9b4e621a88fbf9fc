"""The verdict on a prediction: what is heard besides the score, and what a decision records of it."""

from dataclasses import dataclass, replace

from inspect_ai.calibration.out_of_distribution import Typicality
from inspect_ai.domain import Outcome, Provenance, SourceFile, StudyRef
from inspect_ai.inspection.decision import decision_on
from inspect_ai.inspection.predict import Prediction
from inspect_ai.inspection.verdict import verdict
from inspect_ai.operating_point import GroupPoint, OperatingPoint
from tests.support.points import changed, make_point

POINT = make_point(
    task="caps", clear_below=0.5, flag_from=0.5, sensitivity=0.9, confidence=0.95, n_positive=100, n_missed=0,
    proved_sensitivity=0.97, covers="one cap", model_sha256="a" * 64, config_sha256="b" * 64, engine="onnx",
    calibration_sha256="c" * 64,
)  # fmt: skip
GROUPS = tuple(
    GroupPoint(value=camera, clear_below=line, n_positive=50, n_missed=0, proved_sensitivity=0.92)
    for camera, line in (("north", 0.25), ("south", 0.75))
)
GROUPED = changed(
    POINT, group_by="camera", groups=GROUPS, clear_below=0.25, flag_from=0.25, proved_sensitivity=0.92
)  # fmt: skip
REF = StudyRef(
    key="a.png",
    source="a.png",
    kind="image",
    digest="0" * 64,
    files=(SourceFile(path="a.png", sha256="1" * 64, size_bytes=1),),
)
PROVENANCE = Provenance(
    task="caps",
    task_version="1",
    model_sha256="a" * 64,
    config_sha256="b" * 64,
    operating_point_sha256="d" * 64,
    engine="onnx",
    software="0",
)


@dataclass(frozen=True)
class Rules:
    """Thresholds without a doubt about them."""

    point: OperatingPoint | None = POINT
    mismatches: tuple[str, ...] = ()
    suspended: str | None = None
    reference: Typicality | None = None


def test_a_problem_of_the_study_comes_before_its_score() -> None:
    gap = replace(REF, problems=("a gap of 4 mm between slices 3 and 4",))

    judged = verdict(Prediction(score=0.9), gap, Rules())

    assert verdict(Prediction(score=0.9), REF, Rules()).verdict.outcome is Outcome.FLAG
    assert judged.verdict.outcome is Outcome.ABSTAIN
    assert not judged.verdict.certified
    assert judged.verdict.reason == "a gap of 4 mm between slices 3 and 4"


def test_a_decision_records_the_threshold_of_its_group() -> None:
    south = replace(REF, attributes=(("camera", "south"),))

    decision = decision_on(south, Prediction(score=0.5), Rules(GROUPED), PROVENANCE)

    assert decision.verdict.outcome is Outcome.CLEAR
    assert decision.threshold == 0.75
    assert decision_on(REF, Prediction(score=0.5), Rules(GROUPED), PROVENANCE).threshold == 0.25


def test_what_the_study_does_not_show_travels_with_every_decision() -> None:
    half = "the lungs reach the last slice"

    cleared, flagged = (
        decision_on(REF, Prediction(score=score, unseen=(half,)), Rules(), PROVENANCE) for score in (0.1, 0.9)
    )

    assert (cleared.verdict.outcome, flagged.verdict.outcome) == (Outcome.ABSTAIN, Outcome.FLAG)
    assert cleared.study.notes == flagged.study.notes == (half,)
