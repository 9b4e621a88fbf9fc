"""From scores to a decision: what is no number, or fails, leaves the study to a person."""

from pathlib import Path

import numpy as np
import pytest

from inspect_ai.domain import Measure, Outcome, SourceFile, StudyRef, Unit
from inspect_ai.inspection.inspector import Inspector, open_inspectors
from inspect_ai.inspection.predict import predict
from inspect_ai.inspection.preprocess import PreprocessedStudy
from inspect_ai.settings import Settings
from tests.support.tasks import GAIN, make_task

REF = StudyRef(
    key="a.png",
    source="a.png",
    kind="image",
    digest="0" * 64,
    files=(SourceFile(path="a.png", sha256="1" * 64, size_bytes=1),),
)


@pytest.fixture(scope="module")
def inspector(tmp_path_factory: pytest.TempPathFactory) -> Inspector:
    tasks = tmp_path_factory.mktemp("tasks")
    make_task(tasks)
    return open_inspectors(Settings(tasks=str(tasks), task="bright"))[0]["bright"]


def unit(value: float) -> Unit:
    return Unit(pixels=np.full((3, 64, 64), value, np.float32))


@pytest.mark.parametrize("value", [0.1, 0.45, 0.55, 0.9])
def test_the_score_is_the_sigmoid_of_the_networks_logit(value: float, inspector: Inspector) -> None:
    decision = predict(REF, PreprocessedStudy(task="bright", units=(unit(value),)), inspector).decision

    assert decision.score == pytest.approx(1 / (1 + np.exp(-GAIN * (value - 0.5))), abs=1e-4)
    assert decision.verdict.outcome is (Outcome.FLAG if value > 0.5 else Outcome.CLEAR)


def test_the_highest_unit_decides(inspector: Inspector) -> None:
    units = (unit(0.1), unit(0.8), unit(0.2))

    decision = predict(REF, PreprocessedStudy(task="bright", units=units), inspector).decision

    assert decision.verdict.outcome is Outcome.FLAG
    assert decision.findings[0].score == decision.score


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_never_clear(value: float, inspector: Inspector) -> None:
    decision = predict(REF, PreprocessedStudy(task="bright", units=(unit(0.1), unit(value))), inspector).decision

    assert decision.verdict.outcome is Outcome.ABSTAIN
    assert decision.score is None
    assert "not a number" in decision.verdict.reason


def test_a_failed_measure_leaves_the_study_to_a_person_and_shows_no_score(inspector: Inspector) -> None:
    dark = Measure(name="contrast", value=0.0, limit=0.02, advice="check the light")

    decision = predict(REF, PreprocessedStudy(task="bright", measures=(dark,)), inspector).decision

    assert decision.verdict.outcome is Outcome.ABSTAIN
    assert "check the light" in decision.verdict.reason
    assert decision.score is None


def test_an_engine_that_fails_costs_the_study_alone(inspector: Inspector) -> None:
    wrong = Unit(pixels=np.zeros((5, 64, 64), np.float32))  # five channels; the network takes three

    decision = predict(REF, PreprocessedStudy(task="bright", units=(wrong,)), inspector).decision

    assert decision.verdict.outcome is Outcome.ABSTAIN
    assert "scoring failed" in decision.verdict.reason


def test_stations_score_from_threads_of_their_own(inspector: Inspector, tmp_path: Path) -> None:
    del tmp_path
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(3) as threads:
        engines = {id(engine) for engine in threads.map(lambda _: inspector.engine(), range(12))}
        scores = set(
            threads.map(
                lambda _: predict(REF, PreprocessedStudy(task="bright", units=(unit(0.61),)), inspector).decision.score,
                range(12),
            )
        )

    assert 1 <= len(engines) <= 3
    assert len(scores) == 1
