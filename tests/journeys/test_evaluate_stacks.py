"""Stacks from the folder to their figures, with a line that is theirs alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inspect_ai.calibration.solver import CalibrationRequest
from inspect_ai.cli.evaluate import as_plain
from inspect_ai.datasets.folder import read_folder
from inspect_ai.evaluation.case_pictures import drawn
from inspect_ai.inspection.dataset_scoring import score_rows
from inspect_ai.inspection.loading import load
from inspect_ai.inspection.out_of_distribution import names_of, vectors
from inspect_ai.journeys.calibrate import calibrate_task
from inspect_ai.journeys.evaluate import evaluate_task
from inspect_ai.model.manifest import GRAPH, WEIGHTS, read_manifest, write_manifest
from inspect_ai.plugins import task_named
from inspect_ai.report.evaluation.stacks import stack_rows
from inspect_ai.settings import Settings
from tests.support.stacks import Made, write_stacks

VESSELS = ((32.0, 96.0, 4.0), (95.0, 95.0, 3.0))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two patients and an uncertain finding in val; one patient in calibration."""
    return write_stacks(
        tmp_path / "data",
        [
            Made(name="a", split="val", group="p1", radius=5, others=VESSELS, seed=1),
            Made(name="b", split="val", group="p1", radius=3, readers=3, seed=2),
            Made(name="c", split="val", group="p2", radius=8, middle=(80.5, 40.5), seed=3),
            Made(name="d", split="val", group="p3", label="uncertain", readers=1, others=VESSELS, seed=4),
            Made(name="e", split="calibration", group="p4", seed=5),
        ],
    )


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The shipped network, as if it had been trained with the installed configuration."""
    task = task_named("lung_nodule")
    folder = tmp_path / "model"
    folder.mkdir()
    for name in (WEIGHTS, GRAPH, "operating_point.json"):
        (folder / name).write_bytes((task.folder / name).read_bytes())
    write_manifest(replace(read_manifest(task.folder), config=task.config), folder)
    return folder


def test_findings_patients_and_contexts_are_measured_and_the_uncertain_is_no_finding(data: Path, model: Path) -> None:
    result = evaluate_task("lung_nodule", data, settings=Settings(), split="val", model=model)

    assert result.n == result.n_positive == 3
    assert result.stacks is not None
    assert (result.stacks.contexts, result.stacks.groups, result.stacks.group_name) == (4, 2, "patient")
    assert result.stacks.windows >= 2  # the vessels of the third patient; those of the first look like his other nodule
    assert result.account is not None
    assert dict(result.account.skipped)["of labels that count neither way"] == 1
    assert as_plain(result)["stacks"]["contexts"] == 4


def test_the_line_of_candidate_pictures_is_never_that_of_stacks(data: Path, model: Path) -> None:
    before = evaluate_task("lung_nodule", data, settings=Settings(), split="val", model=model)

    request = CalibrationRequest(sensitivity=0.987)
    calibrate_task("lung_nodule", [data], settings=Settings(), model=model, request=request)
    after = evaluate_task("lung_nodule", data, settings=Settings(), split="val", model=model)

    assert before.threshold is None  # though the model has one for pictures
    assert (model / "lidc" / "operating_point.json").is_file()
    assert after.threshold is not None
    assert not after.certified
    assert after.stacks is not None
    assert after.stacks.groups_found is not None
    assert after.stacks.groups_found.n == 2


def test_a_stack_is_compared_with_those_of_calibration_and_drawn_on_the_page(data: Path) -> None:
    inspector = load("lung_nodule", settings=Settings(), points="none")
    folder = read_folder(data, inspector.task.config)
    (one,) = score_rows(folder, folder.part("val")[:1], inspector)

    seen = vectors(one.measures, names_of(one.measures))
    (drawing,) = drawn(folder, folder.part("val")[:1], inspector)

    assert seen.shape[0] == 1  # one picture, so that its unit finds its measures
    assert np.isfinite(seen).all()
    assert one.fit
    assert drawing.heat is not None


def test_the_page_lists_what_the_terminal_lists_of_stacks(data: Path, model: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"

    result = evaluate_task("lung_nodule", data, settings=Settings(), split="val", model=model, report=page)

    assert result.stacks is not None
    shown = page.read_text("utf-8")
    for name, value in stack_rows(result.stacks):
        assert f"<tr><td>{name}</td><td>{value}</td></tr>" in shown
