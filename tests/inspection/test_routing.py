"""Routing of DICOM pictures by modality: what a task claims, reads when it is named, and gets by setting."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inspect_ai.domain import Decision, Outcome, StudyRef
from inspect_ai.errors import UsageError
from inspect_ai.inspection.inspector import Inspector
from inspect_ai.inspection.inspectors import Inspectors, Route
from inspect_ai.inspection.loading import load
from inspect_ai.journeys.scan import StudyDecided, scan
from inspect_ai.journeys.watch import PartDecided, watch
from inspect_ai.settings import Settings
from tests.support.dicom_factory import fundus_photograph, save
from tests.support.tasks import make_task

EYES = '''"""Bright photographs of eyes."""

from inspect_ai.plugins import Task


class Eyes(Task):
    """Reads other photographs where a person says that they are of eyes."""

    title = "Eyes"
    modalities = ("OP",)
    modalities_when_named = ("XC", "")

    def accepts(self, study):
        return None
'''
LUNGS = '''"""Reads CT alone."""

from inspect_ai.plugins import Task


class Lungs(Task):
    """CT."""

    title = "Lungs"
    modalities = ("CT",)
'''


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tasks")
    make_task(folder, name="eyes", task_py=EYES)
    make_task(folder, name="lungs", task_py=LUNGS)
    return folder


@pytest.fixture(scope="module")
def inspectors(tasks: Path) -> list[Inspector]:
    return [load(name, settings=Settings(tasks=str(tasks))) for name in ("eyes", "lungs")]


def ref(modality: str) -> StudyRef:
    return StudyRef(key="a.dcm", source="a.dcm", kind="dicom", digest="0" * 64, files=(), modality=modality)


@pytest.mark.parametrize("modality", ["OP", "XC", ""])
def test_a_task_that_is_named_reads_the_modalities_under_which_its_pictures_come(
    modality: str, inspectors: list[Inspector]
) -> None:
    assert Inspectors(inspectors[:1], Settings(task="eyes")).route(ref(modality)) == Route(("eyes",))


@pytest.mark.parametrize("modality", ["MR", "US", "CT", "SC"])
def test_a_task_that_is_named_does_not_get_pictures_of_another_kind(modality: str, inspectors: list[Inspector]) -> None:
    route = Inspectors(inspectors[:1], Settings(task="eyes")).route(ref(modality))

    assert route == Route((), f"task eyes does not inspect DICOM modality {modality}")


def test_without_a_name_the_reason_says_what_can_be_said(inspectors: list[Inspector]) -> None:
    every = Inspectors(inspectors, Settings())

    advice = "if it holds pictures of task eyes, say --task eyes"
    mapped = f'{advice} or set [modalities] XC = "eyes"'
    assert every.route(ref("XC")).refusal == f"no installed task inspects DICOM modality XC; {mapped}"
    assert every.route(ref("")).refusal == f"no installed task inspects DICOM without a modality; {advice}"
    assert every.route(ref("MR")).refusal == "no installed task inspects DICOM modality MR"
    assert every.route(ref("OP")) == Route(("eyes",))


def test_the_task_that_is_named_outranks_the_setting(inspectors: list[Inspector]) -> None:
    lungs = Inspectors(inspectors[1:], Settings(task="lungs", modalities=(("XC", "eyes"),)))

    assert lungs.route(ref("XC")) == Route((), "task lungs does not inspect DICOM modality XC")


@pytest.mark.parametrize(
    ("pair", "word"),
    [
        (("MR", "eyes"), "which reads only OP, XC"),
        (("XC", "lungs"), "which reads only CT"),
        (("XC", "ears"), "ready are: eyes, lungs"),
    ],
)
def test_a_setting_that_cannot_be_followed_is_refused_at_the_start(
    pair: tuple[str, str], word: str, inspectors: list[Inspector]
) -> None:
    with pytest.raises(UsageError, match=word):
        Inspectors(inspectors, Settings(modalities=(pair,)))


def photograph(folder: Path, modality: str) -> Path:
    noise = np.random.default_rng(0).integers(150, 250, (96, 96, 3), dtype=np.uint8)
    save(fundus_photograph(noise, Modality=modality), folder / "a.dcm")
    return folder


def decided(folder: Path, settings: Settings) -> Decision:
    (event,) = (event for event in scan(folder, settings) if isinstance(event, StudyDecided))
    return event.decision


def test_a_picture_of_a_foreign_modality_is_decided_where_a_person_says_whose_it_is(
    tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inspect_ai.plugins.bundled", lambda name: tmp_path / name)  # the two made tasks alone
    monkeypatch.chdir(tmp_path)
    settings = Settings(tasks=str(tasks), db=tmp_path / "log.db", out=tmp_path / "out", workers=1)
    folder = photograph(tmp_path / "in", "XC")

    unsaid = decided(folder, settings)
    mapped = decided(folder, replace(settings, modalities=(("XC", "eyes"),)))
    (watched,) = (e for e in watch(folder, replace(settings, task="eyes"), once=True) if isinstance(e, PartDecided))

    assert (unsaid.verdict.outcome, mapped.verdict.outcome) == (Outcome.ABSTAIN, Outcome.FLAG)
    assert mapped.provenance.task == "eyes"
    assert watched.decision.verdict == mapped.verdict
