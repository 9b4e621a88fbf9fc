"""Who may judge a picture: models that never met it, before those whose epoch it chose; never those that learnt it."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from inspect_ai.datasets.folder import LabelledFolder, read_folder
from inspect_ai.errors import UsageError
from inspect_ai.evaluation.suspect_results import Standing, Suspects
from inspect_ai.evaluation.suspects import suspected_labels
from inspect_ai.model.manifest import DataUse, read_manifest, write_manifest
from inspect_ai.plugins import task_named
from inspect_ai.settings import Settings
from tests.support.labelled import table
from tests.support.tasks import make_pictures, make_task

WRONG = ("part0006.png", "part0007.png")  # of train and val; labelled as the other side


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Task `bright`, whose score is the brightness; 24 pictures in three splits, two with a wrong label."""
    make_task(tmp_path / "tasks")
    rows = []
    for i, (name, bright) in enumerate(make_pictures(tmp_path / "data", 24).items()):
        split = ("train", "val", "calibration")[i % 3]
        rows.append((name, "flag" if bright != (name in WRONG) else "pass", split))
    table(tmp_path / "data", rows)
    return tmp_path


def folder(site: Path) -> LabelledFolder:
    return read_folder(site / "data", task_named("bright", str(site / "tasks")).config)


def model_that_met(site: Path, name: str, *splits: str, vals: int = 8) -> Path:
    """A copy of the task's model whose manifest names the pictures of these splits."""
    made = site / name
    made.mkdir()
    for file in ("model.onnx", "weights.safetensors"):
        (made / file).write_bytes((site / "tasks" / "bright" / file).read_bytes())
    rows = [row.file for row in folder(site).rows if row.split in splits]
    digests = tuple(hashlib.sha256((site / "data" / file).read_bytes()).hexdigest()[:16] for file in rows)
    use = DataUse(name="data", labels="bright", rows={"train": 8, "val": vals}, seen=digests)
    write_manifest(replace(read_manifest(site / "tasks" / "bright"), data=(use,)), made)
    return made


def judged(site: Path, *models: Path) -> Suspects:
    settings = Settings(tasks=str(site / "tasks"))
    return suspected_labels(folder(site), task_named("bright", settings.tasks), models, settings)


def test_planted_errors_are_found_by_a_model_that_never_met_them(site: Path) -> None:
    found = judged(site, model_that_met(site, "fresh"))

    assert {one.row.file for one in found.suspects[:2]} == set(WRONG)
    assert found.judged[Standing.NEVER_MET] == 24
    first = found.suspects[0]
    assert (first.likely, first.models) == ("pass" if first.row.label == "flag" else "flag", 1)
    assert first.score < 0.5 < first.own_average


def test_what_a_model_learnt_is_not_judged_and_val_is_told_apart(site: Path) -> None:
    found = judged(site, model_that_met(site, "trained", "train", "val"))

    assert (found.judged[Standing.NEVER_MET], found.judged[Standing.CHOSE_EPOCH], found.unjudged) == (8, 8, 8)
    assert all(one.row.split != "train" for one in found.suspects)
    assert "8 pictures were judged by nobody" in found.sentences[-1]


def test_a_val_part_of_another_size_than_at_training_is_taken_for_learnt(site: Path) -> None:
    found = judged(site, model_that_met(site, "older", "train", "val", vals=5))

    assert (found.judged[Standing.NEVER_MET], found.unjudged) == (8, 16)


def test_models_of_other_folds_judge_each_others_pictures(site: Path) -> None:
    found = judged(site, model_that_met(site, "one", "train"), model_that_met(site, "two", "val"))

    assert (found.judged[Standing.NEVER_MET], found.unjudged) == (24, 0)
    assert {one.row.split: one.models for one in found.suspects} | {"calibration": 2} == {
        "train": 1,
        "val": 1,
        "calibration": 2,
    }


def test_models_that_learnt_everything_are_refused(site: Path) -> None:
    with pytest.raises(UsageError, match="trained on all 24 pictures"):
        judged(site, model_that_met(site, "all", "train", "val", "calibration", vals=0))


def test_a_graph_made_elsewhere_judges_and_it_is_said_that_nobody_knows(site: Path) -> None:
    (site / "foreign").mkdir()
    (site / "foreign" / "model.onnx").write_bytes((site / "tasks" / "bright" / "model.onnx").read_bytes())

    found = judged(site, site / "foreign")

    assert found.judged[Standing.UNKNOWN] == 24
    assert "may have met the picture" in json.dumps(found.sentences)
