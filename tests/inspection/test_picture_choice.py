"""Studies of an eye: each picture is judged by itself; one that fails does not sink a good one, and is named."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from inspect_ai.domain import Decision, Image, Outcome, StudyRef
from inspect_ai.ingest import DecoderPool, discover
from inspect_ai.ingest import load as read
from inspect_ai.inspection.inspector import UNLOGGED
from inspect_ai.inspection.loading import load
from inspect_ai.inspection.sources import as_study
from inspect_ai.journeys.scan import StudyDecided, scan
from inspect_ai.settings import Settings
from tests.support.dicom_factory import fundus_photograph, save, uid
from tests.support.tasks import make_reference, make_task

EYES = '''"""Bright photographs of eyes."""

from inspect_ai.plugins import Task


class Eyes(Task):
    """Each picture of an eye is judged by itself."""

    title = "Eyes"
    modalities = ("OP",)
    judges_each_picture = True
'''
TOGETHER = EYES.replace("judges_each_picture = True", "judges_each_picture = False")
BLACK = np.zeros((96, 96, 3), np.uint8)


def photo(brightness: float, seed: int = 0) -> np.ndarray:
    """[96, 96, 3] noise around a brightness of 0..1; the task flags from 0.5."""
    noise = np.random.default_rng(seed).integers(-40, 41, (96, 96, 3))
    return np.clip(round(255 * brightness) + noise, 0, 255).astype(np.uint8)


def underexposed(seed: int = 9) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 3, (96, 96, 3), dtype=np.uint8)


def write_study(folder: Path, **pictures: tuple[np.ndarray, str | None]) -> Path:
    """One series: NAME.dcm for each picture with its eye, or none stated."""
    for number, (name, (pixels, eye)) in enumerate(pictures.items(), 1):
        made = fundus_photograph(pixels, SOPInstanceUID=uid(f"eye{number}"))
        if eye is None:
            del made.ImageLaterality
        else:
            made.ImageLaterality = eye
        save(made, folder / f"{name}.dcm")
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    make_task(tmp_path / "tasks", name="eyes", task_py=EYES)
    return Settings(tasks=str(tmp_path / "tasks"), task="eyes", db=tmp_path / "log.db", out=tmp_path / "out", workers=1)


@pytest.fixture(scope="module")
def pool() -> Iterator[DecoderPool]:
    with DecoderPool(1, 4.0) as pool:
        yield pool


Decide = Callable[[Path], Decision]


@pytest.fixture
def decided(settings: Settings, pool: DecoderPool) -> Decide:
    """The decision on the one study of a folder, as made from Python."""

    def decide(folder: Path) -> Decision:
        (ref,) = discover(folder, settings=settings, pool=pool)
        assert isinstance(ref, StudyRef)
        return load("eyes", settings=settings).decide(read(folder, ref, settings))

    return decide


def test_scan_and_python_say_the_same_of_a_study_with_a_picture_that_fails(
    settings: Settings, decided: Decide, tmp_path: Path
) -> None:
    folder = write_study(tmp_path / "in", a=(photo(0.7), "L"), b=(BLACK, "L"), c=(photo(0.9, 1), "R"))

    (event,) = (event for event in scan(folder, settings) if isinstance(event, StudyDecided))
    scanned, by_hand = event.decision, decided(folder)

    said = by_hand.verdict.reason.removesuffix(f"; {UNLOGGED}")
    assert (by_hand.verdict.outcome, said) == (scanned.verdict.outcome, scanned.verdict.reason)
    assert replace(by_hand, study=scanned.study, verdict=scanned.verdict) == scanned
    assert by_hand.study.notes == scanned.study.notes


@pytest.mark.parametrize("bad", [BLACK, underexposed()], ids=["black", "underexposed"])
@pytest.mark.parametrize("order", ["ab", "ba"])
@pytest.mark.parametrize(("brightness", "outcome"), [(0.7, Outcome.FLAG), (0.3, Outcome.CLEAR)])
def test_a_picture_that_fails_beside_a_good_one_of_its_eye_is_a_remark(
    bad: np.ndarray, order: str, brightness: float, outcome: Outcome, decided: Decide, tmp_path: Path
) -> None:
    good, failed = order
    pictures = {good: (photo(brightness), "L"), failed: (bad, "L")}

    decision = decided(write_study(tmp_path / "in", **dict(sorted(pictures.items()))))

    assert decision.verdict.outcome is outcome
    (remark,) = decision.study.notes
    assert remark.startswith(f"{failed}.dcm (left eye) does not count: ")
    assert all(measure.passed for measure in decision.measures)
    (finding,) = decision.findings
    assert (finding.laterality, finding.image_index) == ("L", "ab".index(good))


def test_a_study_with_a_remark_has_the_score_of_its_good_picture_alone(decided: Decide, tmp_path: Path) -> None:
    alone = decided(write_study(tmp_path / "alone", a=(photo(0.51), "L")))

    beside = decided(write_study(tmp_path / "beside", a=(photo(0.51), "L"), b=(underexposed(), "L")))

    assert beside.score == alone.score
    assert beside.verdict == alone.verdict
    assert beside.measures == alone.measures
    assert alone.study.notes == ()


def test_an_eye_without_a_picture_that_passes_leaves_a_clear_study_to_a_person(decided: Decide, tmp_path: Path) -> None:
    folder = write_study(tmp_path / "in", a=(photo(0.3), "L"), b=(underexposed(1), "R"), c=(BLACK, "R"))

    decision = decided(folder)

    assert decision.verdict.outcome is Outcome.ABSTAIN
    assert not decision.verdict.certified
    reason = decision.verdict.reason
    assert reason.startswith("no picture of the right eye can be judged: b.dcm (contrast is 0.00")
    assert "c.dcm (every pixel is equal" in reason
    assert "a.dcm" not in reason


def test_an_eye_without_a_picture_that_passes_does_not_take_back_the_other_ones_flag(
    decided: Decide, tmp_path: Path
) -> None:
    decision = decided(write_study(tmp_path / "in", a=(photo(0.8), "L"), b=(underexposed(), "R")))

    assert decision.verdict.outcome is Outcome.FLAG
    (remark,) = decision.study.notes
    assert remark.startswith("no picture of the right eye can be judged: b.dcm (")
    assert {finding.laterality for finding in decision.findings} == {"L"}


def test_both_eyes_are_judged_and_findings_say_which(decided: Decide, tmp_path: Path) -> None:
    decision = decided(write_study(tmp_path / "in", a=(photo(0.7), "L"), b=(photo(0.9, 1), "R")))

    assert decision.verdict.outcome is Outcome.FLAG
    assert [(f.laterality, f.image_index) for f in decision.findings] == [("R", 1), ("L", 0)]
    assert decision.score == decision.findings[0].score


def test_pictures_without_a_stated_eye_are_one_group(decided: Decide, tmp_path: Path) -> None:
    fine = decided(write_study(tmp_path / "fine", a=(photo(0.3), None), b=(BLACK, None)))
    mixed = decided(write_study(tmp_path / "mixed", a=(photo(0.3), "R"), b=(BLACK, None)))
    none = decided(write_study(tmp_path / "none", a=(underexposed(), None), b=(BLACK, None)))

    assert fine.verdict.outcome is Outcome.CLEAR
    assert fine.study.notes[0].startswith("b.dcm does not count: every pixel is equal")
    assert mixed.verdict.outcome is Outcome.ABSTAIN
    assert mixed.verdict.reason.startswith("no picture without a stated eye can be judged: b.dcm (")
    assert none.verdict.outcome is Outcome.ABSTAIN
    assert none.verdict.reason.startswith("no picture of the study can be judged: a.dcm (")
    assert none.score is None


def test_a_picture_unlike_those_of_calibration_does_not_count(decided: Decide, tmp_path: Path) -> None:
    make_reference(tmp_path / "tasks" / "eyes")
    usual = np.random.default_rng(500).integers(140, 250, (72, 96, 3), dtype=np.uint8)
    unlike = cv2.GaussianBlur(usual, (0, 0), 1.0)

    decision = decided(write_study(tmp_path / "in", a=(usual, "L"), b=(unlike, "L")))
    alone = decided(write_study(tmp_path / "other", b=(unlike, "L")))

    assert alone.verdict.outcome is Outcome.ABSTAIN
    assert decision.verdict.outcome is Outcome.FLAG
    (remark,) = decision.study.notes
    assert remark.startswith("b.dcm (left eye) does not count: typical (p) is ")
    assert [finding.image_index for finding in decision.findings] == [0]


def test_where_pictures_are_judged_together_each_must_pass(decided: Decide, tmp_path: Path) -> None:
    (tmp_path / "tasks" / "eyes" / "task.py").write_text(TOGETHER)

    for name, bad in (("dark", underexposed()), ("black", BLACK)):
        decision = decided(write_study(tmp_path / name, a=(bad, "L"), b=(photo(0.8), "L")))

        assert decision.verdict.outcome is Outcome.ABSTAIN


def test_frames_of_one_file_are_named_by_their_number(decided: Decide, tmp_path: Path) -> None:
    frames = np.stack([photo(0.8), underexposed()])
    made = fundus_photograph(frames[0], NumberOfFrames=2, PixelData=frames.tobytes())
    save(made, tmp_path / "in" / "both.dcm")

    decision = decided(tmp_path / "in")

    assert decision.verdict.outcome is Outcome.FLAG
    assert decision.study.notes[0].startswith("both.dcm frame 2 (left eye) does not count: ")


def test_heat_lies_over_the_picture_of_the_highest_finding(settings: Settings, tmp_path: Path) -> None:
    folder = write_study(tmp_path / "in", a=(photo(0.6)[:64], "L"), b=(photo(0.9), "L"))

    heat = load("eyes", settings=settings).predict(folder).heat

    assert heat is not None
    assert heat.shape == (96, 96)


def test_pictures_given_from_python_are_counted_where_no_file_names_them(settings: Settings) -> None:
    inspector = load("eyes", settings=settings)
    study = as_study(photo(0.8), settings)

    decision = inspector.decide(replace(study, images=(*study.images, Image(pixels=underexposed()))))

    assert decision.verdict.outcome is Outcome.FLAG
    assert decision.study.notes[0].startswith("picture 2 does not count: ")
