"""A task whose model.onnx was made elsewhere goes every road: scan, watch, calibrate, evaluate, Python."""

import csv
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

import inspect_ai
from inspect_ai.audit import open_log
from inspect_ai.calibration import read_point
from inspect_ai.calibration.solver import CalibrationRequest
from inspect_ai.certificates.certificate import read_certificate
from inspect_ai.domain import Decision, Outcome
from inspect_ai.errors import SetupError
from inspect_ai.inspection.calibration_data import TRAINING_UNKNOWN
from inspect_ai.inspection.loading import load
from inspect_ai.journeys.calibrate import calibrate_task
from inspect_ai.journeys.certify import verify
from inspect_ai.journeys.evaluate import evaluate_task
from inspect_ai.journeys.scan import StudyDecided, scan
from inspect_ai.journeys.watch import PartDecided, watch
from inspect_ai.settings import Settings
from tests.support.foreign import foreign_graph, make_foreign_task, with_point
from tests.support.tasks import make_pictures, make_task

DOCS = Path(__file__).resolve().parents[2] / "docs" / "own_onnx.md"
MAIN = [sys.executable, "-c", "from inspect_ai.cli import main; main()"]
EASY = CalibrationRequest(sensitivity=0.75, confidence=0.9)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(db=tmp_path / "log.db", out=tmp_path / "out", tasks=str(tmp_path / "tasks"), task="bright")


def decided(folder: Path, settings: Settings) -> dict[str, Decision]:
    events = [event for event in scan(folder, settings) if isinstance(event, StudyDecided)]
    return {event.decision.study.key: event.decision for event in events}


def labelled(folder: Path, count: int, split: str, *, masks: bool = False) -> Path:
    """COUNT pictures with labels.csv, each a group of its own; with masks over the whole of the bright ones."""
    bright = make_pictures(folder, count)
    cv2.imwrite(str(folder / "mask.bmp"), np.full((72, 96), 255, np.uint8))
    with (folder / "labels.csv").open("w", newline="") as f:
        writer = csv.writer(f)
        writer.writerow(["file", "split", "label", "group", "mask"])
        for name, flag in bright.items():
            label = "flag" if flag else "pass"
            writer.writerow([name, split, label, name, "mask.bmp" if masks and flag else ""])
    return folder


def block(first: str) -> str:
    """The example in the documentation that begins with a comment."""
    (found,) = re.findall(rf"```python\n(# {first}\n.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    return str(found)


def test_a_scan_decides_with_a_graph_alone_and_shows_pictures_without_a_map(settings: Settings, tmp_path: Path) -> None:
    with_point(make_foreign_task(tmp_path / "tasks"))
    bright = make_pictures(tmp_path / "studies", 6)

    found = decided(tmp_path / "studies", settings)

    assert {name: d.verdict.outcome is Outcome.FLAG for name, d in found.items()} == bright
    assert {(f.row, f.col) for d in found.values() for f in d.findings} == {(None, None)}
    assert "1.png" in {path.name for path in (tmp_path / "out" / "pictures").iterdir()}
    assert list((tmp_path / "out" / "pictures").glob("*_heat.png")) == []
    assert 'alt="where the network looked"' not in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_heat_of_the_graph_places_findings_and_is_shown(settings: Settings, tmp_path: Path) -> None:
    with_point(make_foreign_task(tmp_path / "tasks", foreign_graph("raw", "map")))
    make_pictures(tmp_path / "studies", 2)

    found = decided(tmp_path / "studies", settings)

    assert all(f.row is not None and f.col is not None for d in found.values() for f in d.findings)
    assert (tmp_path / "out" / "pictures" / "1_heat.png").is_file()
    assert 'alt="where the network looked"' in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_a_watched_folder_is_decided_too(settings: Settings, tmp_path: Path) -> None:
    with_point(make_foreign_task(tmp_path / "tasks"))
    bright = make_pictures(tmp_path / "line", 4)

    parts = [event for event in watch(tmp_path / "line", settings, once=True) if isinstance(event, PartDecided)]

    assert {p.decision.study.key: p.decision.verdict.outcome is Outcome.FLAG for p in parts} == bright
    with open_log(settings.db) as log:
        assert len(list(log.entries(kind="decision"))) == 4


def test_from_python_it_predicts_and_has_no_heat(tmp_path: Path) -> None:
    make_foreign_task(tmp_path / "tasks")

    prediction = inspect_ai.load("bright", tasks=str(tmp_path / "tasks")).predict(np.full((80, 80), 0.6, np.float32))

    assert prediction.score == pytest.approx(1 / (1 + np.exp(-2.0)), abs=1e-3)
    assert prediction.heat is None


def test_a_graph_in_another_folder_serves_the_task_with_its_installed_configuration(
    settings: Settings, tmp_path: Path
) -> None:
    make_task(tmp_path / "tasks")
    elsewhere = make_foreign_task(tmp_path / "other")

    inspector = load("bright", elsewhere / "model.onnx", settings=settings, points="none")

    assert inspector.engine.manifest.foreign
    assert inspector.task.config == inspector.engine.manifest.config


def test_without_an_operating_point_nobody_is_sent_to_train(settings: Settings, tmp_path: Path) -> None:
    make_foreign_task(tmp_path / "tasks")

    with pytest.raises(SetupError, match=r"operating_point\.json is missing: set the threshold") as refused:
        load("bright", settings=settings)

    assert "train" not in str(refused.value)


def test_calibration_certifies_it_and_one_changed_byte_of_the_graph_voids_the_certificate(
    settings: Settings, tmp_path: Path
) -> None:
    folder = make_foreign_task(tmp_path / "tasks", foreign_graph("raw", "map", "vector"))
    made = calibrate_task("bright", [labelled(tmp_path / "data", 48, "calibration")], settings=settings, request=EASY)
    make_pictures(tmp_path / "studies", 2)

    before = decided(tmp_path / "studies", settings)
    held = verify("bright", settings).holds
    with (folder / "model.onnx").open("r+b") as f:  # in a name that nothing computes with
        content = f.read()
        f.seek(content.index(b"elsewhere"))
        f.write(b"E")
    after = decided(tmp_path / "studies", replace(settings, db=tmp_path / "other.db"))

    assert made.certificate is not None
    names = [file.name for file in read_certificate(made.certificate).certificate.at_work.files]
    assert names == ["config.yaml", "model.onnx", "operating_point.json", "task.py", "test_bright.py"]
    assert [d.verdict.certified for d in before.values()] == [True, True]
    assert [d.verdict.certified for d in after.values()] == [False, False]
    assert all("model.onnx is not the one that was certified" in d.verdict.reason for d in after.values())
    assert held
    assert not verify("bright", settings).holds


def test_the_statement_says_that_nobody_knows_what_trained_the_model(tmp_path: Path) -> None:
    folder = make_foreign_task(tmp_path / "tasks")
    labelled(tmp_path / "data", 48, "calibration")

    done = subprocess.run(
        [*MAIN, "calibrate", "bright", "--data", "data", "--sensitivity", "0.75", "--confidence", "0.9"],
        cwd=tmp_path, env={**os.environ, "INSPECT_AI_TASKS": str(tmp_path / "tasks")}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert TRAINING_UNKNOWN in read_point(folder / "operating_point.json").covers
    assert "Which pictures trained this model is not known here. You answer for it" in re.sub(r"\s+", " ", done.stdout)
    assert TRAINING_UNKNOWN in (folder / "certificate.html").read_text("utf-8")


def test_a_model_that_was_trained_here_makes_no_such_statement(settings: Settings, tmp_path: Path) -> None:
    make_task(tmp_path / "tasks")

    made = calibrate_task("bright", [labelled(tmp_path / "data", 48, "calibration")], settings=settings, request=EASY)

    assert made.training_known
    assert TRAINING_UNKNOWN not in made.point.covers


def test_an_evaluation_measures_it_and_its_page_claims_nothing_about_training(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inspect_ai.evaluation.measure.RESAMPLES", 20)
    folder = with_point(make_foreign_task(tmp_path / "tasks"))
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("column: label ", "mask_column: mask\n    column: label "))
    data = labelled(tmp_path / "data", 12, "test", masks=True)

    result = evaluate_task("bright", data, settings=settings, report=tmp_path / "page.html")

    page = re.sub(r"\s+", " ", (tmp_path / "page.html").read_text("utf-8"))
    assert result.auc == 1.0
    assert "the model was made elsewhere: which pictures trained it is not known here" in page
    assert "The findings of this model have no place in the picture: no FROC." in page
    assert 'alt="what was inspected"' in page


def test_pictures_without_map_and_mask_stand_once_on_the_page(settings: Settings, tmp_path: Path) -> None:
    with_point(make_foreign_task(tmp_path / "tasks"))

    evaluate_task("bright", labelled(tmp_path / "data", 12, "test"), settings=settings, report=tmp_path / "page.html")

    page = (tmp_path / "page.html").read_text("utf-8")
    assert 'alt="what was inspected"' in page
    assert 'alt="where the network looked"' not in page


def test_the_task_in_the_documentation_reads_a_softmax_of_two_classes(settings: Settings, tmp_path: Path) -> None:
    with_point(
        make_foreign_task(
            tmp_path / "tasks",
            foreign_graph("softmax"),
            task_py=block("task.py"),
            config="options: {graph_outputs: 2}\n",
        )
    )
    bright = make_pictures(tmp_path / "studies", 4)

    found = decided(tmp_path / "studies", settings)

    assert {name: d.verdict.outcome is Outcome.FLAG for name, d in found.items()} == bright
    assert all(d.score is not None and (d.score * 65536).is_integer() for d in found.values())


def test_the_lines_in_the_documentation_give_an_output_its_name(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_foreign_task(tmp_path / "tasks", foreign_graph("count", "raw", names=("pred_label", "pred_score")))
    (folder / "model.onnx").rename(folder / "vendor.onnx")
    monkeypatch.chdir(folder)

    exec(block("name an output"), {})  # noqa: S102 - the repository's own documentation

    assert [node.name for node in onnx.load("model.onnx").graph.output][-1] == "logits"
    assert load("bright", settings=settings, points="none").engine.manifest.foreign
