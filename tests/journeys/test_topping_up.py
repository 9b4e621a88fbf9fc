"""A promise in a model's configuration: what training leaves out for it is what calibration counts."""

from dataclasses import replace
from pathlib import Path

import pytest

from inspect_ai.calibration import read_point
from inspect_ai.calibration.solver import CalibrationRequest
from inspect_ai.config import Promise
from inspect_ai.errors import UsageError
from inspect_ai.journeys.calibrate import calibrate_task
from inspect_ai.model.manifest import read_manifest, write_manifest
from inspect_ai.plugins import task_named
from inspect_ai.settings import Settings
from inspect_ai.training.corpus import read_corpus
from tests.support.labelled import table
from tests.support.tasks import make_pictures, make_task

ASKED = CalibrationRequest(sensitivity=0.75, confidence=0.9)  # nine positives and no miss: 0.75 ** 9 < 0.1 < 0.75 ** 8


@pytest.fixture
def site(tmp_path: Path) -> Settings:
    """A task that flags bright pictures, as trained under a promise; its config.yaml knows of none.

    Of 24 bright pictures train has 15, val three, calibration six.
    """
    make_task(tmp_path / "tasks")
    settings = Settings(tasks=str(tmp_path / "tasks"), db=tmp_path / "log.db", out=tmp_path / "out")
    rows = []
    for i, (file, bright) in enumerate(make_pictures(tmp_path / "data", 48).items()):
        split = "train" if i < 30 else "val" if i < 36 else "calibration"
        rows.append((file, "flag" if bright else "pass", split))
    table(tmp_path / "data", rows)
    folder = tmp_path / "tasks" / "bright"
    manifest = read_manifest(folder)
    promise = Promise(sensitivity=0.75, confidence=0.9)
    config = manifest.config.model_copy(update={"promise": promise})
    told: list[str] = []
    corpus = read_corpus(
        task_named("bright", settings.tasks).with_config(config), [tmp_path / "data"], settings, told.append
    )
    assert any("3 of train's 15 are set aside for it before training" in line for line in told)
    write_manifest(replace(manifest, config=config, data=corpus.use), folder)
    return settings


def test_what_training_left_out_for_the_promise_is_counted_by_calibration(site: Settings, tmp_path: Path) -> None:
    (use,) = read_manifest(tmp_path / "tasks" / "bright").data
    assert (use.topped_up, use.rows["calibration"]) == (3, 12 + 3 + 3)

    made = calibrate_task("bright", [tmp_path / "data"], settings=site, request=ASKED, out=tmp_path / "point.json")

    assert made.certificate is not None
    assert made.point.proof.n_positive == 6 + 3
    covers = read_point(tmp_path / "point.json").covers
    assert "3 of the positives were set aside from the groups of train, by name, before training" in covers


def test_another_promise_than_that_of_the_training_meets_pictures_that_trained(site: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "tasks" / "bright"
    manifest = read_manifest(folder)
    more = Promise(sensitivity=0.8, confidence=0.9, most_taken=0.5)  # eleven positives
    write_manifest(replace(manifest, config=manifest.config.model_copy(update={"promise": more})), folder)

    with pytest.raises(UsageError, match="trained or selected"):
        calibrate_task("bright", [tmp_path / "data"], settings=site, request=ASKED, out=tmp_path / "point.json")
