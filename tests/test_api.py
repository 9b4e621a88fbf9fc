"""The names of the package, and what they do with arrays, files and Datasets."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
from pydicom import dcmread

import inspect_ai
from inspect_ai import InputError, Inspector, Outcome, UsageError
from inspect_ai.inspection.inspector import UNLOGGED
from tests.support.dicom_factory import fundus_photograph, save
from tests.support.tasks import make_pictures, make_task

PUBLIC = """AuditError Calibrated CalibrationRefused CalibrationRequest Decision Entry Evaluation FileRejected Finding
Guarantee Image InputError InspectError Inspector Log Measure Notice OperatingPoint Outcome PartDecided PartWaiting
Prediction Progress Rejection Settings SetupError Study StudyDecided StudyRef Summary Task Unit UnitOutput UsageError
Verdict Volume WatchSummary __version__ calibrate calibrate_scores decide_score
evaluate evaluate_scores load open_log read_point scan watch"""


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tasks")
    make_task(folder)
    return folder


@pytest.fixture
def inspector(tasks: Path) -> Inspector:
    return inspect_ai.load("bright", tasks=str(tasks))


def picture(brightness: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(brightness - 40, brightness + 40, (72, 96, 3)).astype(np.uint8)


def test_the_public_names_are_these_and_each_can_be_used() -> None:
    assert sorted(inspect_ai.__all__) == sorted(PUBLIC.split())
    for name in PUBLIC.split():
        assert not isinstance(getattr(inspect_ai, name), ModuleType), name
    assert set(PUBLIC.split()) <= set(dir(inspect_ai))


def test_a_name_that_is_none_of_them_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'judge'"):
        inspect_ai.judge  # noqa: B018 - the access is what is tested


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import inspect_ai, sys; print(sorted({name.split('.')[0] for name in sys.modules}))"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    for heavy in ("torch", "numpy", "pydicom", "sqlalchemy", "onnxruntime", "cv2", "monai"):
        assert f"'{heavy}'" not in loaded


def test_functions_stay_functions_after_their_journeys_were_imported() -> None:
    code = "import inspect_ai.journeys.scan, inspect_ai; assert callable(inspect_ai.scan) and callable(inspect_ai.load)"

    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_array_its_file_and_floats_of_it_get_one_score(inspector: Inspector, tmp_path: Path) -> None:
    pixels = picture(150)
    cv2.imwrite(str(tmp_path / "a.png"), pixels[..., ::-1])

    by_array, by_file = inspector.predict(pixels), inspector.predict(tmp_path / "a.png")
    by_floats = inspector.predict(pixels.astype(np.float64) / 255.0)

    assert by_array.score == by_file.score == by_floats.score
    assert by_array.findings[0].score == by_array.score
    assert by_array.heat is not None
    assert by_array.heat.shape == (72, 96)
    assert by_array.heat.max() == 1.0


def test_a_dataset_is_read_as_its_file_is(inspector: Inspector, tmp_path: Path) -> None:
    path = save(fundus_photograph(picture(170)), tmp_path / "a.dcm")

    assert inspector.predict(dcmread(path)).score == inspector.predict(path).score


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (np.zeros((4, 4, 4)), r"shape \(4, 4, 4\) is no picture"),
        (np.zeros((64, 64), np.int32), "have no known white"),
        (np.full((64, 64), 2.0), "must lie in 0..1"),
        (np.full((64, 64), np.nan), "must lie in 0..1"),
        (7, "A int is no picture"),
    ],
)
def test_what_is_no_picture_is_refused_with_a_sentence(source: object, said: str, inspector: Inspector) -> None:
    with pytest.raises(InputError, match=said):
        inspector.predict(source)  # type: ignore[arg-type]


def test_a_folder_of_several_studies_is_for_scan(inspector: Inspector, tmp_path: Path) -> None:
    make_pictures(tmp_path / "in", 2)

    with pytest.raises(InputError, match="2 studies"):
        inspector.predict(tmp_path / "in")
    (tmp_path / "note.png").write_bytes(b"no picture at all, only a name")
    with pytest.raises(InputError, match=r"note\.png holds no study"):
        inspector.predict(tmp_path / "note.png")


def test_a_decision_stands_in_the_log_before_it_is_returned(inspector: Inspector, tmp_path: Path) -> None:
    with inspect_ai.open_log(tmp_path / "log.db", operator="Weber") as log:
        decision = inspector.decide(picture(200), log=log)
        again = inspector.decide(picture(200), log=log)
        (entry,) = log.entries(kind="decision")

    assert decision == again == entry.decision()
    assert decision.verdict.outcome is Outcome.FLAG
    assert entry.operator == "Weber"


def test_a_decision_without_a_log_says_so(inspector: Inspector) -> None:
    decision = inspector.decide(picture(60))

    assert decision.verdict.outcome is Outcome.CLEAR
    assert decision.verdict.reason.endswith(UNLOGGED)


def test_a_picture_that_fails_the_gate_is_predicted_and_left_to_a_person(inspector: Inspector) -> None:
    black = np.zeros((72, 96, 3), np.uint8)

    assert inspector.predict(black).score is not None
    assert inspector.decide(black).verdict.outcome is Outcome.ABSTAIN


def test_folders_are_scanned_watched_and_measured(tasks: Path, tmp_path: Path) -> None:
    make_pictures(tmp_path / "in", 4)
    given = {"tasks": str(tasks), "db": tmp_path / "log.db", "out": tmp_path / "out", "workers": 1}

    *events, summary = inspect_ai.scan(tmp_path / "in", task="bright", **given)
    parts = [e for e in inspect_ai.watch(tmp_path / "in", "bright", once=True, **given) if hasattr(e, "cycle_ms")]

    assert isinstance(summary, inspect_ai.Summary)
    assert (summary.studies, summary.flag, summary.clear) == (4, 2, 2)
    assert sum(isinstance(event, inspect_ai.StudyDecided) for event in events) == 4
    assert len(parts) == 4


def test_a_setting_that_is_none_is_refused_with_the_nearest_one(tasks: Path) -> None:
    with pytest.raises(UsageError, match="Did you mean 'workers'"):
        inspect_ai.load("bright", tasks=str(tasks), worker=1)


def test_a_score_is_decided_by_an_operating_point_or_its_file(inspector: Inspector, tasks: Path) -> None:
    path = tasks / "bright" / "operating_point.json"
    assert inspector.point is not None

    assert inspect_ai.decide_score(0.6, inspector.point).outcome is Outcome.FLAG
    assert inspect_ai.decide_score(0.4, path).outcome is Outcome.CLEAR
    assert inspect_ai.decide_score(float("nan"), path).outcome is Outcome.ABSTAIN


def test_scores_of_another_program_are_calibrated_measured_and_decided(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = [f"u{i},,{int(i < 300)},{random.normal(60 if i < 300 else 20, 8):.3f}" for i in range(900)]
    path = tmp_path / "vendor.csv"
    path.write_text("\n".join(["unit,group,positive,score", *rows]) + "\n")

    made = inspect_ai.calibrate_scores(path, db=tmp_path / "log.db", out=tmp_path / "point.json")
    found = inspect_ai.evaluate_scores(path, operating_point=tmp_path / "point.json", db=tmp_path / "log.db")

    assert made.point.certified
    assert made.certificate is not None
    assert found.sensitivity is not None
    assert found.sensitivity >= 0.987
    assert inspect_ai.decide_score(90.0, tmp_path / "point.json").outcome is Outcome.FLAG
    assert inspect_ai.decide_score(1.0, made.point).outcome is Outcome.CLEAR
