"""The same study gets the same verdict on every road: scan, watch, Python, evaluation, agreement study.

Safety rules that must hold on each: a group's own threshold, no promise for whole series, no score that is no number.
"""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from inspect_ai.audit import Action, CertificateNote, open_log
from inspect_ai.calibration import read_point, write_point
from inspect_ai.datasets.folder import read_folder
from inspect_ai.domain import Outcome
from inspect_ai.evaluation.perturbation import jittered
from inspect_ai.inspection.inspector import UNLOGGED
from inspect_ai.inspection.loading import load
from inspect_ai.journeys.evaluate import evaluate_task
from inspect_ai.journeys.scan import StudyDecided, scan
from inspect_ai.journeys.watch import PartDecided, watch
from inspect_ai.operating_point import GroupPoint
from inspect_ai.settings import Settings
from tests.support.dicom_factory import fundus_photograph, save, save_series
from tests.support.points import changed
from tests.support.tasks import certify, graph_without_answer_for_dark_pictures, make_task

Said = tuple[Outcome, bool, str]  # outcome, certified, reason

OF_SERIES = '''"""Looks at the middle slice of a volume, and at pictures as if they were cut out of one."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from inspect_ai.domain import Study, Unit
from inspect_ai.plugins import Task, whole_picture


class Bright(Task):
    """Bright pictures and series."""

    title = "Bright"
    modalities = ("CT",)

    def units(self, study: Study) -> Iterator[Unit]:
        for index, image in enumerate(study.images):
            yield replace(whole_picture(image.unit_range(), self.config, index), series_uid="a series")
        for volume in study.volumes:
            middle = len(volume.hu) // 2
            grey = np.full(volume.hu.shape[1:], 0.55, np.float32)
            yield replace(whole_picture(grey, self.config, middle), series_uid=volume.series_uid)
'''


def picture(folder: Path, brightness: float, name: str = "part.png", seed: int = 0) -> Path:
    """FOLDER/NAME: noise around a brightness of 0..1."""
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(-20, 21, (96, 96, 3))
    cv2.imwrite(str(folder / name), np.clip(round(255 * brightness) + noise, 0, 255).astype(np.uint8))
    return folder / name


def by_scan(path: Path, settings: Settings) -> Said:
    (event,) = (event for event in scan(path.parent, settings) if isinstance(event, StudyDecided))
    return event.decision.verdict.outcome, event.decision.verdict.certified, event.decision.verdict.reason


def by_watch(path: Path, settings: Settings) -> Said:
    (event,) = (event for event in watch(path.parent, settings, once=True) if isinstance(event, PartDecided))
    return event.decision.verdict.outcome, event.decision.verdict.certified, event.decision.verdict.reason


def by_python(path: Path, settings: Settings) -> Said:
    found = load("bright", settings=settings).decide(path).verdict
    return found.outcome, found.certified, found.reason.removesuffix(f"; {UNLOGGED}")


def labelled(path: Path) -> Path:
    """A labelled folder of this one picture, as a positive of the val part."""
    with (path.parent / "labels.csv").open("w", newline="") as f:
        csv.writer(f).writerows([["file", "label", "split", "group"], [path.name, "flag", "val", "a"]])
    return path.parent


def by_evaluate(path: Path, settings: Settings) -> Said:
    folder = labelled(path)
    found = evaluate_task("bright", folder, settings=settings, split="val")
    if found.scored:
        (one,) = found.scored
        assert one.verdict is not None
        return one.verdict.outcome, one.verdict.certified, one.verdict.reason
    assert found.unscored == 1
    (outcome,) = (name for name, count in found.counts.items() if count)
    return Outcome(outcome), False, ""


def by_agreement(path: Path, settings: Settings) -> Said:
    inspector = load("bright", settings=settings)
    folder = read_folder(labelled(path), inspector.task.config)
    again = list(jittered(folder, folder.part("val"), inspector))
    (outcome,) = {repeat.outcome for repeat in again}
    return outcome, False, ""


ROADS = [by_scan, by_watch, by_python, by_evaluate, by_agreement]
every_road = pytest.mark.parametrize("road", ROADS, ids=lambda road: road.__name__)
Road = Callable[[Path, Settings], Said]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    tasks = tmp_path / "tasks"
    return Settings(tasks=str(tasks), task="bright", db=tmp_path / "log.db", out=tmp_path / "out", workers=1)


def with_point(settings: Settings, **changes: object) -> None:
    """Change the operating point of the made task."""
    path = Path(settings.tasks) / "bright" / "operating_point.json"
    write_point(changed(read_point(path), **changes), path)


def group(camera: str, threshold: float) -> GroupPoint:
    return GroupPoint(value=camera, clear_below=threshold, n_positive=100, n_missed=0, proved_sensitivity=0.97)


@every_road
@pytest.mark.parametrize(("camera", "expected"), [("north", Outcome.FLAG), ("south", Outcome.CLEAR)])
def test_a_study_is_judged_by_the_threshold_of_its_own_group(
    road: Road, camera: str, expected: Outcome, settings: Settings, tmp_path: Path
) -> None:
    make_task(tmp_path / "tasks")
    groups = (group("north", 0.3), group("south", 0.7))
    with_point(settings, group_by="camera", groups=groups, clear_below=0.3, flag_from=0.3, n_positive=200)

    outcome, _, _ = road(picture(tmp_path / "in", 0.5), replace(settings, camera=camera))  # the score is about 0.5

    assert outcome is expected


@every_road
def test_a_whole_series_has_no_promise_and_only_its_own_line_flags(
    road: Road, settings: Settings, tmp_path: Path
) -> None:
    make_task(tmp_path / "tasks", task_py=OF_SERIES)
    with_point(settings, flag_volume_from=0.9)

    outcome, certified, reason = road(picture(tmp_path / "in", 0.55), settings)  # the score is about 0.73

    assert outcome is Outcome.ABSTAIN
    assert not certified
    assert not reason or "not for whole series" in reason


def test_a_ct_series_that_reaches_only_the_certified_line_goes_to_a_person(settings: Settings, tmp_path: Path) -> None:
    make_task(tmp_path / "tasks", task_py=OF_SERIES)
    with_point(settings, flag_volume_from=0.9)
    save_series(tmp_path / "in", [float(z) for z in range(12)])

    outcome, certified, reason = by_scan(tmp_path / "in" / "001", settings)

    assert outcome is Outcome.ABSTAIN
    assert not certified
    assert "not for whole series" in reason


@every_road
def test_an_answer_that_is_no_number_is_left_to_a_person(road: Road, settings: Settings, tmp_path: Path) -> None:
    make_task(tmp_path / "tasks", made_graph=graph_without_answer_for_dark_pictures())

    outcome, certified, reason = road(picture(tmp_path / "in", 0.2), settings)

    assert outcome is Outcome.ABSTAIN
    assert not certified
    assert not reason or "not a number" in reason


@every_road
def test_a_number_from_the_same_network_is_judged(road: Road, settings: Settings, tmp_path: Path) -> None:
    make_task(tmp_path / "tasks", made_graph=graph_without_answer_for_dark_pictures())

    assert road(picture(tmp_path / "in", 0.9), settings)[0] is Outcome.FLAG


OF_EYES = '''"""Bright photographs of eyes, each judged by itself."""

from inspect_ai.plugins import Task


class Bright(Task):
    """Bright photographs."""

    title = "Bright"
    modalities = ("OP",)
    judges_each_picture = True
'''


@every_road
def test_a_frame_that_fails_beside_a_good_one_of_the_same_eye_does_not_sink_it(
    road: Road, settings: Settings, tmp_path: Path
) -> None:
    make_task(tmp_path / "tasks", task_py=OF_EYES)
    noise = np.random.default_rng(0).integers(-40, 41, (96, 96, 3))
    good = np.clip(80 + noise, 0, 255).astype(np.uint8)
    frames = np.stack([np.clip(noise, 0, 2).astype(np.uint8), good])
    path = save(fundus_photograph(good, NumberOfFrames=2, PixelData=frames.tobytes()), tmp_path / "in" / "eye.dcm")

    outcome, _, reason = road(path, settings)

    assert outcome is Outcome.CLEAR
    assert "exposure" not in reason


def test_pictures_without_a_score_are_counted_and_in_no_figure(settings: Settings, tmp_path: Path) -> None:
    make_task(tmp_path / "tasks", made_graph=graph_without_answer_for_dark_pictures())
    rows = [["file", "label", "split", "group"]]
    for number, brightness in enumerate([0.2, 0.6, 0.7, 0.8]):
        picture(tmp_path / "in", brightness, f"{number}.png", seed=number)  # else they were one picture, relit
        rows.append([f"{number}.png", "flag" if number > 1 else "pass", "val", str(number)])
    with (tmp_path / "in" / "labels.csv").open("w", newline="") as f:
        csv.writer(f).writerows(rows)

    found = evaluate_task("bright", tmp_path / "in", settings=settings, split="val")

    assert (found.n, found.unscored, len(found.scored)) == (4, 1, 3)
    assert found.counts == {"clear": 0, "flag": 3, "abstain": 1}
    assert found.auc == 1.0


def test_scan_and_python_decide_once_for_one_log(settings: Settings, tmp_path: Path) -> None:
    make_task(tmp_path / "tasks")
    path = picture(tmp_path / "in", 0.9)
    list(scan(path.parent, settings))
    with open_log(settings.db) as log:
        before = log.head().hash

        decision = load("bright", settings=settings).decide(path, log)

        assert log.head().hash == before
        assert decision.verdict.outcome is Outcome.FLAG


@pytest.mark.parametrize(
    ("action", "outcome", "said"),
    [
        (Action.SUSPENDED, Outcome.ABSTAIN, "auto-clear is suspended since entry 1"),
        (Action.REVOKED, Outcome.CLEAR, "the certificate was revoked in entry 1"),
    ],
)
def test_what_the_log_says_of_a_certificate_holds_in_scan_and_from_python(
    action: Action, outcome: Outcome, said: str, settings: Settings, tmp_path: Path
) -> None:
    settings = replace(settings, trusted_keys=str(certify(make_task(tmp_path / "tasks"), tmp_path / "workshop")))
    path = picture(tmp_path / "in", 0.2)
    inspector = load("bright", settings=settings)
    note = CertificateNote(
        task="bright", operating_point_sha256=inspector.provenance.operating_point_sha256, certified=True,
        statement="the lamp broke", action=action, certificate_sha256=inspector.provenance.certificate_sha256,
    )  # fmt: skip
    for db in (settings.db, tmp_path / "other.db"):
        with open_log(db) as log:
            log.append([note])

    with open_log(tmp_path / "other.db") as log:
        by_hand = inspector.decide(path, log).verdict

    assert (by_hand.outcome, by_hand.certified) == (outcome, False)
    assert said in by_hand.reason
    assert by_scan(path, settings) == (by_hand.outcome, by_hand.certified, by_hand.reason)
