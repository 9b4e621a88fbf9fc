"""`evaluate --report`: one page, read as a browser reads it, on a task whose scores are known beforehand."""

import csv
import re
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from inspect_ai.cli.template import write_task
from inspect_ai.domain import Image, Outcome
from inspect_ai.errors import UsageError
from inspect_ai.evaluation.agreement import AppraisedPart, agreement
from inspect_ai.evaluation.localization import places_of
from inspect_ai.evaluation.perturbation import JITTERS, shifted
from inspect_ai.journeys.evaluate import evaluate_task
from inspect_ai.settings import Settings
from tests.support import tasks

HOSTILE = '"><script>alert(1)<img src=x onerror=alert(2)>.png'
EXPOSURES = ("0", "1", "2")
CLASSES = "[pass, flag]"


class Page(HTMLParser):
    """Elements with their attributes, and the text outside of style."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._style = False
        self.feed(page)
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._style = False

    def handle_data(self, data: str) -> None:
        if not self._style:
            self.words.append(data)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A task that flags bright pictures, whose label set knows masks."""
    monkeypatch.setattr("inspect_ai.evaluation.measure.RESAMPLES", 20)
    monkeypatch.setattr("inspect_ai.evaluation.agreement.RESAMPLES", 20)
    monkeypatch.setattr(tasks, "write_task", with_masks)
    tasks.make_task(tmp_path / "tasks")
    return Settings(tasks=str(tmp_path / "tasks"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the standard parts with its agreement study."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tasks, "write_task", with_masks)
        tasks.make_task(folder / "tasks")
    data = write_folder(folder / "data", parts())
    settings = Settings(tasks=str(folder / "tasks"))
    evaluate_task("bright", data, settings=settings, split="val", report=data / "page.html", agreement="exposure")
    return data / "page.html"


@pytest.fixture(scope="module")
def page(whole: Path) -> Page:
    return Page(whole.read_text("utf-8"))


def test_the_page_shows_pictures_so_its_owner_alone_can_read_it(whole: Path) -> None:
    assert whole.stat().st_mode & 0o777 == 0o600


def with_masks(name: str, tasks: Path) -> None:
    """A written task whose label set has a column of masks."""
    write_task(name, tasks)
    config = tasks / name / "config.yaml"
    config.write_text(config.read_text().replace(f"classes: {CLASSES}", f"classes: {CLASSES}\n    mask_column: mask"))


def write_folder(folder: Path, rows: Sequence[tuple[str, str, str, int, str, bool]]) -> Path:
    """rows: file, label, group, brightness, exposure, whether a mask lies on the brightest place."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "labels.csv").open("w", newline="") as f:
        writer = csv.writer(f)
        writer.writerow(["file", "label", "split", "group", "exposure", "mask"])
        for number, (file, label, group, brightness, exposure, masked) in enumerate(rows):
            random = np.random.default_rng(number)
            picture = random.integers(brightness - 20, brightness + 20, (96, 96, 3)).astype(np.uint8)
            picture[30:44, 50:64] = 255
            (folder / file).write_bytes(cv2.imencode(".png", picture)[1].tobytes())
            mask = np.zeros((96, 96), np.uint8)
            mask[32:42, 52:62] = 255
            cv2.imwrite(str(folder / f"mask{number}.png"), mask)
            writer.writerow([file, label, "val", group, exposure, f"mask{number}.png" if masked else ""])
    return folder


def parts(n: int = 8) -> list[tuple[str, str, str, int, str, bool]]:
    """n parts under three exposures; half are bad and bright; part 0 is bad and dark under exposure 2: missed there."""
    rows = []
    for part in range(n):
        bad = part % 2 == 0
        for exposure in EXPOSURES:
            dark = not bad or (part == 0 and exposure == "2")
            file = HOSTILE if (part, exposure) == (0, "2") else f"part{part}_{exposure}.png"
            rows.append((file, "flag" if bad else "pass", f"tile{part}", 60 if dark else 200, exposure, bad))
    return rows


def evaluated(folder: Path, settings: Settings, agreement: str | None = None) -> Page:
    path = folder / "page.html"
    evaluate_task("bright", folder, settings=settings, split="val", report=path, agreement=agreement)
    return Page(path.read_text("utf-8"))


def test_the_page_is_whole_in_itself_and_runs_nothing(page: Page, whole: Path) -> None:
    raw = whole.read_text("utf-8")

    assert not re.search(r"https?://|@import|url\(", raw)
    assert "script" not in {tag for tag, _ in page.elements}
    policy = next(a["content"] for tag, a in page.elements if tag == "meta" and "http-equiv" in a)
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    for tag, attributes in page.elements:
        assert not any(name.startswith("on") or name in {"srcset", "action"} for name in attributes), tag
        assert (attributes.get("src") or "data:image/jpeg;base64,").startswith("data:image/jpeg;base64,")


def test_a_hostile_file_name_stays_text(page: Page) -> None:
    assert HOSTILE in page.text
    assert not any(attributes.get("src") == "x" for _, attributes in page.elements)


def test_every_section_is_there(page: Page) -> None:
    for heading in (
        "not a medical device", "Outcomes and truth", "Scores of both sides", "ROC", "Precision and recall",
        "What errors cost", "FROC", "Before: scores as they are", "Sensitivity by subgroup", "Agreement study",
        "Under another exposure", "In another position", "The same picture twice", "Worst misses",
        "The highest-scoring negatives", "How this page was made",
    ):  # fmt: skip
        assert heading in page.text
    assert sum(tag == "svg" and a.get("class") == "chart" for tag, a in page.elements) >= 7


def test_the_verdict_counts_pictures_and_independent_groups(page: Page) -> None:
    # 4 bad parts under 3 exposures, one picture of one part cleared; intervals by scipy.stats.beta
    assert "Of 12 positive pictures, 11 were not cleared: a sensitivity of 91.7\u00a0% (95 % interval 61.5 to 99.8" in (
        " ".join(page.words).replace("\n", " ")
    )
    assert "4 independent groups; 3 of these lost no positive picture: 75" in page.text
    assert "No positive was left to a person." in page.text
    assert "Of 12 negative pictures, 0 were flagged" in page.text


def test_the_miss_is_shown_with_its_score_group_and_label(page: Page) -> None:
    assert "1 misses, in 1 groups" not in page.text
    assert "1 miss, in 1 group" in page.text
    shown = [a for tag, a in page.elements if tag == "img"]
    assert len(shown) == 2 * (1 + 4)  # the miss, and the nearest negative of each good part
    assert "tile0" in page.text
    assert "labelled flag" in page.text


def test_a_study_under_light_finds_the_part_that_one_exposure_hides(page: Page) -> None:
    assert "8 parts, 24 looks" in page.text
    assert re.search(r"8\.3\s?% \(1 of 12\)", page.text)  # miss rate by looks
    assert re.search(r"7 of 8 \(87\.5\s?%", page.text)  # effectiveness and repeatability
    assert "8 of 8 scored again to the last bit the same" in page.text
    assert "✗ not met" in page.text
    assert "too few for a full study" in page.text


def test_the_config_may_ask_for_the_study(tmp_path: Path, settings: Settings) -> None:
    config = tmp_path / "tasks" / "bright" / "config.yaml"
    config.write_text(config.read_text() + "\noptions:\n  agreement: exposure\n")

    assert "Under another exposure" in evaluated(write_folder(tmp_path / "data", parts()), settings).text


@pytest.mark.parametrize(("column", "says"), [("light", "no column 'light'"), ("mask", "no column 'mask'")])
def test_a_study_over_a_column_that_is_not_there_is_an_error_in_words(
    tmp_path: Path, settings: Settings, column: str, says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        evaluated(write_folder(tmp_path / "data", parts()), settings, agreement=column)


def test_without_an_operating_point_scores_stand_alone(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "tasks" / "bright" / "operating_point.json").unlink()

    page = evaluated(write_folder(tmp_path / "data", parts()), settings)

    assert "There is no operating point, so nothing was decided" in page.text
    assert "no sensitivity to compare" in page.text
    assert "The lowest-scoring positives" in page.text
    assert "ROC" in page.text


@pytest.mark.parametrize("label", ["flag", "pass"])
def test_one_side_alone_drops_its_sections_with_a_sentence(tmp_path: Path, settings: Settings, label: str) -> None:
    rows = [row for row in parts() if row[1] == label]

    page = evaluated(write_folder(tmp_path / "data", rows), settings)

    assert "no curve of one side against the other" in page.text
    assert "cannot be compared with truth" in page.text
    missing = "negatives" if label == "flag" else "positives"
    assert f"There are no {missing} here" in page.text


def test_a_single_group_still_makes_a_page_and_no_map_of_itself(tmp_path: Path, settings: Settings) -> None:
    rows = [(f"p{i}.png", "flag" if i % 2 else "pass", "one", 200 if i % 2 else 60, "0", False) for i in range(6)]

    page = evaluated(write_folder(tmp_path / "data", rows), settings)

    assert "No calibrated scores are shown" in page.text
    assert "have no masks" in page.text


def test_a_page_that_cannot_be_written_says_so_and_leaves_nothing(tmp_path: Path, settings: Settings) -> None:
    folder = write_folder(tmp_path / "data", parts(4))
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(UsageError, match="--report"):
        evaluate_task("bright", folder, settings=settings, split="val", report=tmp_path / "file" / "page.html")


def test_a_place_is_one_where_masks_are_near_and_two_where_they_are_far() -> None:
    mask = np.zeros((100, 200), np.uint8)
    mask[50, 20] = mask[50, 40] = mask[50, 150] = 1

    places = places_of(mask, 15)

    assert places[50, 20] == places[50, 30] == places[50, 40] > 0
    assert places[50, 150] not in (0, places[50, 20])
    assert places[50, 36] == places[50, 20]
    assert places[50, 165] == places[50, 150]  # at 15 px
    assert places[50, 166] == 0
    assert places_of(np.zeros((5, 5), np.uint8), 15).max() == 0


def test_a_shift_moves_every_pixel_and_mirrors_the_edge() -> None:
    picture = np.arange(20, dtype=np.uint16).reshape(4, 5)

    moved = shifted(picture, 1, -2)

    assert moved.dtype == np.uint16
    np.testing.assert_array_equal(moved[1:, :3], picture[:-1, 2:])
    np.testing.assert_array_equal(moved[0, :3], picture[0, 2:])


def test_looks_that_differ_are_told_from_looks_that_agree() -> None:
    """Jitter is decided as at work: a judge that a shift confuses is seen to be confused."""
    calls: dict[str, Outcome] = {}
    assert set(JITTERS) > {"as it is"}
    image = Image(pixels=np.arange(96 * 96, dtype=np.uint8).reshape(96, 96))
    for name, move in JITTERS.items():
        moved = replace(image, pixels=move(image.pixels))
        assert moved.pixels.shape == image.pixels.shape
        same = bool((moved.pixels == image.pixels).all())
        calls[name] = Outcome.FLAG if same else Outcome.CLEAR

    found = agreement([AppraisedPart(bad=True, calls=tuple(calls.values()), group="a")])
    assert found.missed.k == len(calls) - 1  # every move changes the picture


@pytest.mark.slow
def test_memory_stays_flat_over_many_pictures(tmp_path: Path, settings: Settings) -> None:
    peaks = []
    for n in (26, 78):  # both fill a sheet of twelve
        good = [row for row in parts(n) if not row[5] and row[4] == "0"]
        folder = write_folder(tmp_path / str(n), good)
        tracemalloc.start()
        evaluated(folder, settings)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    # 52 pictures more: the unit of each is 600 kB and not kept; its look is (16 kB, and again while looks are compared)
    assert peaks[1] < peaks[0] + 5_000_000
