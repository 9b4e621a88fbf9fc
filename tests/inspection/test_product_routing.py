"""A picture that several tasks accept goes to the one it is typical of, or to a person; never to another product."""

import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inspect_ai.domain import Decision, Outcome, StudyRef
from inspect_ai.errors import UsageError
from inspect_ai.inspection.assignment import assigned
from inspect_ai.inspection.product_routing import Evidence, choose_task
from inspect_ai.journeys.scan import StudyDecided, scan
from inspect_ai.settings import Settings
from tests.support.labelled import texture
from tests.support.tasks import make_pictures, make_reference, make_task


@pytest.mark.parametrize(
    ("first", "second", "chosen", "word"),
    [
        (Evidence(task="a", p=0.4), Evidence(task="b", p=0.002), "a", "task a decides"),
        (Evidence(task="a", p=0.01), Evidence(task="b", p=0.0099), "a", "typical of this one alone"),
        (Evidence(task="a", p=0.4), Evidence(task="b", refused=True), "a", "b (its quality gate refuses it)"),
        (Evidence(task="a", p=0.4), Evidence(task="b", p=0.9), None, "it could be of task a or b: a (p = 0.4), b"),
        (Evidence(task="a", p=0.4), Evidence(task="b"), None, "it could be of task a or b"),
        (Evidence(task="a"), Evidence(task="b", p=0.001), None, "a (no calibration pictures to compare with)"),
        (Evidence(task="a", p=0.001), Evidence(task="b", p=math.nan), None, "of no task that accepts it"),
        (Evidence(task="a", refused=True), Evidence(task="b", refused=True), None, "of no task that accepts it"),
    ],
)
def test_one_task_is_chosen_only_where_all_others_can_be_ruled_out(
    first: Evidence, second: Evidence, chosen: str | None, word: str
) -> None:
    for evidence in ([first, second], [second, first]):
        choice = choose_task(evidence)

        assert choice.task == chosen
    assert word in choose_task([first, second]).words


def ref(source: str, kind: str = "image", modality: str = "") -> StudyRef:
    return StudyRef(key=source, source=source, kind=kind, digest="0" * 64, files=(), modality=modality)


@pytest.mark.parametrize(
    ("source", "task"),
    [
        ("a.png", None),
        ("line1/a.png", "castings"),
        ("line1/today/a.png", "castings"),
        ("line1/tiles/a.png", "metal_surface"),
        ("line10/a.png", None),
    ],
)
def test_the_nearest_folder_that_a_person_named_says_whose_a_picture_is(source: str, task: str | None) -> None:
    settings = Settings(products=(("line1", "castings"), ("line1/tiles", "metal_surface")))

    assert assigned(ref(source), settings) == task


def test_a_camera_says_it_where_no_folder_does_and_a_modality_last() -> None:
    settings = Settings(products=(("top", "castings"), ("eyes", "fundus")), modalities=(("XC", "fundus"),))

    assert assigned(ref("a.png"), replace(settings, camera="top")) == "castings"
    assert assigned(ref("eyes/a.png"), replace(settings, camera="top")) == "fundus"
    assert assigned(ref("a.dcm", "dicom", "XC"), settings) == "fundus"
    assert assigned(ref("a.png"), settings) is None


LOOKS = '''"""Any picture."""

from inspect_ai.plugins import Task


class Looks(Task):
    """Accepts every picture after a look at it."""

    title = "Looks"

    def accepts(self, study):
        return "a picture"
'''


def bluish(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[H, W] -> [H, W, 3], so that no task that ships takes it for its own."""
    return np.stack([grey // 2, grey - grey // 4, grey], axis=-1)


def clouds(i: int) -> NDArray[np.uint8]:
    """[72, 96, 3] smooth clouds, which the other task's noise never shows."""
    return bluish(texture(1000 + i, 72, 96))


def squares() -> NDArray[np.uint8]:
    """[72, 96] squares of 7 px, each of its own grey; those of 8 px look like compression."""
    greys = np.random.default_rng(0).integers(0, 250, (11, 14))
    return np.kron(greys, np.ones((7, 7), np.int64)).astype(np.uint8)[:72, :96]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Two tasks that accept every picture: of noise and of clouds. Three pictures: one of each, and one of neither."""
    monkeypatch.chdir(tmp_path)
    make_reference(make_task(tmp_path / "made", "noise", task_py=LOOKS))
    make_reference(make_task(tmp_path / "made", "clouds", task_py=LOOKS), picture=clouds)
    make_pictures(tmp_path / "in", 1, first=300)
    for name, picture in (("cloud.png", clouds(177)), ("squares.png", bluish(squares()))):
        cv2.imwrite(str(tmp_path / "in" / name), np.ascontiguousarray(picture[..., ::-1]))
    return Settings(tasks=str(tmp_path / "made"), db=tmp_path / "log.db", out=tmp_path / "out", workers=1)


def decided(settings: Settings, folder: str = "in") -> dict[str, Decision]:
    events = list(scan(Path(folder), settings))
    return {e.decision.study.source: e.decision for e in events if isinstance(e, StudyDecided)}


def test_each_picture_is_decided_by_its_own_product_and_a_strange_one_by_a_person(site: Settings) -> None:
    found = decided(site)

    assert found["part0300.png"].provenance.task == "noise"
    assert found["cloud.png"].provenance.task == "clouds"
    assert any("task clouds decides" in note for note in found["cloud.png"].study.notes)
    strange = found["squares.png"]
    assert (strange.provenance.task, strange.verdict.outcome) == ("", Outcome.ABSTAIN)
    assert "of no task that accepts it: clouds (p = " in strange.verdict.reason
    assert "or its folder or camera in setting products" in strange.verdict.reason


def test_a_person_who_names_the_product_of_a_camera_is_followed(site: Settings) -> None:
    found = decided(replace(site, camera="top", products=(("top", "noise"),)))

    assert {decision.provenance.task for decision in found.values()} == {"noise"}


def test_a_product_that_is_not_there_is_refused_at_the_start(site: Settings) -> None:
    with pytest.raises(UsageError, match=r"gives 'top' to task 'nois', which is not ready .*: .*clouds, .*noise"):
        decided(replace(site, products=(("top", "nois"),)))
