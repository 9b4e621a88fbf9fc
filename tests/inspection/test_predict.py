"""From scores to a decision: what is no number, or fails, leaves the study to a person."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from inspect_ai.config import TaskConfig
from inspect_ai.domain import Measure, Outcome, SourceFile, StudyRef, Unit, UnitOutput
from inspect_ai.inspection.inspector import Inspector
from inspect_ai.inspection.loading import load
from inspect_ai.inspection.preprocess import PreprocessedStudy
from inspect_ai.model.engine import open_engine
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
    return load("bright", settings=Settings(tasks=str(tasks), task="bright"))


def unit(value: float) -> Unit:
    return Unit(pixels=np.full((3, 64, 64), value, np.float32))


@pytest.mark.parametrize("value", [0.1, 0.45, 0.55, 0.9])
def test_the_score_is_the_sigmoid_of_the_networks_logit(value: float, inspector: Inspector) -> None:
    decision = inspector.decide_preprocessed(REF, PreprocessedStudy(task="bright", units=(unit(value),)))[0]

    assert decision.score == pytest.approx(1 / (1 + np.exp(-GAIN * (value - 0.5))), abs=1e-4)
    assert decision.verdict.outcome is (Outcome.FLAG if value > 0.5 else Outcome.CLEAR)


def test_the_highest_unit_decides(inspector: Inspector) -> None:
    units = (unit(0.1), unit(0.8), unit(0.2))

    decision = inspector.decide_preprocessed(REF, PreprocessedStudy(task="bright", units=units))[0]

    assert decision.verdict.outcome is Outcome.FLAG
    assert decision.findings[0].score == decision.score


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_never_clear(value: float, inspector: Inspector) -> None:
    decision = inspector.decide_preprocessed(REF, PreprocessedStudy(task="bright", units=(unit(0.1), unit(value))))[0]

    assert decision.verdict.outcome is Outcome.ABSTAIN
    assert decision.score is None
    assert "not a number" in decision.verdict.reason


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_has_neither_score_nor_findings(value: float, inspector: Inspector) -> None:
    prediction = inspector.predict_preprocessed(PreprocessedStudy(task="bright", units=(unit(0.1), unit(value))))

    assert not prediction.finite
    assert prediction.score is None
    assert prediction.findings == ()
    assert prediction.problems == ()  # no fault of engine or plugin


def test_a_failed_measure_leaves_the_study_to_a_person_and_shows_no_score(inspector: Inspector) -> None:
    dark = Measure(name="contrast", value=0.0, limit=0.02, advice="check the light")

    decision = inspector.decide_preprocessed(REF, PreprocessedStudy(task="bright", measures=(dark,)))[0]

    assert decision.verdict.outcome is Outcome.ABSTAIN
    assert "check the light" in decision.verdict.reason
    assert decision.score is None


def test_an_engine_that_fails_costs_the_study_alone(inspector: Inspector) -> None:
    wrong = Unit(pixels=np.zeros((5, 64, 64), np.float32))  # five channels; the network takes three

    decision = inspector.decide_preprocessed(REF, PreprocessedStudy(task="bright", units=(wrong,)))[0]

    assert decision.verdict.outcome is Outcome.ABSTAIN
    assert "scoring failed" in decision.verdict.reason


def test_each_thread_that_scores_has_an_engine_of_its_own(
    inspector: Inspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_inside = threading.Barrier(2, timeout=20)  # no thread leaves before the other has come
    entered: list[tuple[int, int]] = []

    class Watched:
        def __init__(self, folder: Path, *, kind: str, threads: int, config: TaskConfig) -> None:
            self.own = open_engine(folder, kind=kind, threads=threads, config=config)
            self.manifest, self.read = self.own.manifest, self.own.read

        def run(self, units: Sequence[Unit]) -> list[UnitOutput]:
            entered.append((id(self), threading.get_ident()))
            both_inside.wait()
            return self.own.run(units)

    monkeypatch.setattr("inspect_ai.inspection.inspector.open_engine", Watched)
    study = PreprocessedStudy(task="bright", units=(unit(0.61),))

    with ThreadPoolExecutor(2) as threads:
        decisions = list(threads.map(lambda _: inspector.decide_preprocessed(REF, study)[0], range(2)))

    assert len({engine for engine, _ in entered}) == len({thread for _, thread in entered}) == 2
    assert len({decision.score for decision in decisions}) == 1
