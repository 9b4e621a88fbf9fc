from __future__ import annotations

import hashlib
import os
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from inspect_ai.domain import Decision, Finding, Outcome, Provenance, Rejection, SourceFile, StudyRef, Verdict
from inspect_ai.errors import SetupError
from inspect_ai.inspection.pictures.drawing import draw
from inspect_ai.report import Backing, Item, write_report
from inspect_ai.report.page import CARDS_MOST
from tests.support.points import changed, make_point

PICTURE = draw(np.random.default_rng(0).random((300, 300)).astype(np.float32), heat=None)[0]
HOSTILE = (
    '</style></td><script>alert(1)</script><img src=x onerror=alert(2)>"\' onload="x'
    + "\x1b[31m\u202e\u2028\0\ud800{{7*7}}"
)
VOID = {"meta", "img", "br", "link", "input", "rect", "circle"}


@dataclass(frozen=True)
class Counts:
    files: int = 0
    consumed: int = 0
    rejected: int = 0
    set_aside: int = 0
    studies: int = 0
    clear: int = 0
    flag: int = 0
    abstain: int = 0
    seconds: float = 1.0


class Parsed(HTMLParser):
    """What a browser would see: elements with their attributes, and the text outside of style."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


def item(
    entry: int,
    outcome: Outcome,
    score: float | None,
    *,
    text: str = "",
    picture: bytes | None = None,
    certified: bool = True,
) -> Item:
    digest = hashlib.sha256(str(entry).encode()).hexdigest()
    key = text or f"part_{entry}.png"
    study = StudyRef(
        key=key, source=key, kind="image", digest=digest, files=(SourceFile(path=key, sha256=digest, size_bytes=1),),
        rows=300, columns=200, modality=text, notes=(text or "one duplicate counted once",), study_uid=text or None,
    )  # fmt: skip
    provenance = Provenance(
        task=text or "metal_surface", task_version="1", model_sha256="a" * 64, config_sha256="b" * 64,
        operating_point_sha256="c" * 64, engine=text or "onnx", software="0",
    )  # fmt: skip
    finding = Finding(
        name=text or "scratch", score=score or 0.0, row=12, col=34, image_index=4, position_mm=(-1.25, 2.0, 1234.56),
        diameter_mm=6.54, series_uid=text,
    )  # fmt: skip
    decision = Decision(
        study=study,
        provenance=provenance,
        verdict=Verdict(outcome=outcome, reason=text or f"the reason of {entry}", certified=certified),
        score=score,
        threshold=0.25,
        findings=(finding,) if score is not None else (),
        decoders=(text,),
    )
    return Item(entry_id=entry, decision=decision, picture_png=picture, heat_png=picture)


def page(tmp_path: Path, items: list[Item], rejections: tuple[Rejection, ...] = (), **more: object) -> Parsed:
    outcomes = [i.decision.verdict.outcome for i in items]
    counts = Counts(
        files=len(items) + len(rejections), consumed=len(items), rejected=len(rejections), studies=len(items),
        clear=outcomes.count(Outcome.CLEAR), flag=outcomes.count(Outcome.FLAG), abstain=outcomes.count(Outcome.ABSTAIN),
    )  # fmt: skip
    path = write_report(
        tmp_path / "out" / "report.html", items=iter(items), rejections=rejections, summary=counts, **more
    )  # type: ignore[arg-type]
    assert sorted(p.name for p in path.parent.iterdir()) == ["report.html"]
    return Parsed(path.read_text("utf-8"))


MIXED = [
    item(3, Outcome.CLEAR, 0.01, picture=PICTURE),
    item(4, Outcome.FLAG, 0.5),
    item(5, Outcome.ABSTAIN, None, certified=False),
    item(6, Outcome.FLAG, 0.9, picture=PICTURE),
    item(7, Outcome.CLEAR, 0.2),
]


def test_hostile_text_in_every_field_stays_text(tmp_path: Path) -> None:
    point = make_point(
        task=HOSTILE, clear_below=0.1, flag_from=0.1, sensitivity=0.9, confidence=0.9, n_positive=9, n_missed=0,
        proved_sensitivity=0.7, covers=HOSTILE, model_sha256=HOSTILE, config_sha256=HOSTILE, engine=HOSTILE,
        calibration_sha256=HOSTILE, refusal=HOSTILE,
    )  # fmt: skip
    hostile = [item(n, outcome, 0.5, text=HOSTILE, picture=PICTURE) for n, outcome in enumerate(Outcome)]
    log = Path(HOSTILE.replace("\0", ""))
    parsed = page(
        tmp_path, hostile, (Rejection(file=HOSTILE, reason=HOSTILE),), note=HOSTILE, log=log, head=HOSTILE,
        backings=[Backing(point=point, doubts=(HOSTILE,))], remarks=[HOSTILE],
    )  # fmt: skip

    written = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert not set(written) & set("\x1b\u202e\u2028\x00")
    assert {name for name, _ in parsed.elements} <= {
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "b", "div", "span", "a", "br", "table",
        "thead", "tbody", "tr", "th", "td", "section", "header", "figure", "figcaption", "img", "svg", "rect", "circle",
        "code", "details", "summary",
    }  # fmt: skip
    assert not [name for _, attributes in parsed.elements for name in attributes if name.startswith("on")]
    assert parsed.words.count("<script>alert(1)</script>") >= 20
    assert r"\x1b[31m\u202e\u2028\x00\ud800{{7*7}}" in parsed.words


def test_nothing_is_fetched_from_anywhere(tmp_path: Path) -> None:
    parsed = page(tmp_path, MIXED)

    policy = next(m["content"] for m in parsed.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert all((image["src"] or "").startswith("data:image/jpeg;base64,") for image in parsed.all("img"))
    assert all((link["href"] or "").startswith("#entry-") for link in parsed.all("a"))
    assert not [tag for tag, attributes in parsed.elements if tag in {"link", "script", "iframe", "object", "form"}]
    assert "url(" not in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_the_worst_comes_first(tmp_path: Path) -> None:
    words = page(tmp_path, MIXED).words
    table = words[: words.index("Pictures and findings")]

    places = [table.index(f"part_{n}.png") for n in (6, 4, 5, 7, 3)]
    assert places == sorted(places)


def test_counts_and_the_caution_stand_at_the_top(tmp_path: Path) -> None:
    words = page(tmp_path, MIXED, (Rejection(file="notes.txt", reason="plain text"),), note="Made studies.").words
    top = words[: words.index("Studies")]

    assert "Research software: not a medical device." in top
    assert "2 flagged 1 abstained: a person must look 2 clear 6 files found = 5 consumed + 1 rejected; 5 studies" in top
    assert "Made studies." in top
    assert "notes.txt plain text" in words


def test_each_link_leads_to_a_card_and_only_what_a_person_looks_at_has_one(tmp_path: Path) -> None:
    parsed = page(tmp_path, MIXED)

    cards = {section["id"] for section in parsed.all("section")}
    assert cards == {"entry-3", "entry-4", "entry-5", "entry-6"}  # 7 is clear and has no picture
    assert {str(link["href"]) for link in parsed.all("a")} == {f"#{card}" for card in cards}


def test_findings_are_in_millimetres_and_count_slices_from_one(tmp_path: Path) -> None:
    words = page(tmp_path, [MIXED[3]]).words

    assert "1 scratch 0.90000 slice 5, row 12, column 34 -1.2, 2.0, 1234.6 6.5" in words


def test_the_bar_places_score_and_line_on_log_odds(tmp_path: Path) -> None:
    parsed = page(tmp_path, [item(1, Outcome.FLAG, 0.5)])

    dot = float(parsed.all("circle")[0]["cx"] or "nan")
    line = float(parsed.all("rect")[1]["x"] or "nan") + 0.75
    assert dot == pytest.approx(75)  # half of 150
    assert line == pytest.approx(75 - 75 * np.log(3) / np.log(65535), abs=0.1)


@pytest.mark.parametrize("score", [0.0, 2.0**-16, 1 - 2.0**-16, 1.0])
def test_the_dot_stays_on_the_bar(tmp_path: Path, score: float) -> None:
    parsed = page(tmp_path, [item(1, Outcome.FLAG, score)])

    assert 0 <= float(parsed.all("circle")[0]["cx"] or "nan") <= 150


def test_how_to_verify_names_log_hash_and_command(tmp_path: Path) -> None:
    words = page(tmp_path, MIXED, log=Path("/data/ward 3/inspect_ai.db"), head="9f" * 32).words

    assert "inspect-ai audit verify --db '/data/ward 3/inspect_ai.db'" in words
    assert "9f" * 32 in words


def test_what_is_proved_is_rounded_down_and_a_refusal_is_said(tmp_path: Path) -> None:
    proved = make_point(
        task="lung_nodule", clear_below=0.012, flag_from=0.012, sensitivity=0.987, confidence=0.95, n_positive=315,
        n_missed=0, proved_sensitivity=0.98999, covers="one candidate", model_sha256="a" * 64, config_sha256="b" * 64,
        engine="onnx", calibration_sha256="c" * 64,
    )  # fmt: skip
    refused = changed(proved, task="fundus", refusal="50 positives prove at most 0.941.")

    words = page(tmp_path, MIXED, backings=[Backing(point=proved), Backing(point=refused)]).words

    assert "lung_nodule : proved: at least 98.7 % of positives reach 0.01200 (95 % confidence)." in words
    assert "Calibrated on 315 independent positives, 0 of them below 0.01200; these counts prove 98.9 %." in words
    assert "fundus : not certified: 50 positives prove at most 0.941." in words


def test_the_number_of_pictures_is_bounded_and_what_is_left_out_is_said(tmp_path: Path) -> None:
    items = [item(n, Outcome.CLEAR, n / 1000, picture=PICTURE) for n in range(1, 41)]

    parsed = page(tmp_path, items)

    assert len(parsed.all("section")) == CARDS_MOST[2] == 24
    assert f"{40 - 24} more studies have no card here" in parsed.words
    assert {section["id"] for section in parsed.all("section")} == {f"entry-{n}" for n in range(17, 41)}  # the highest


def test_more_rejections_than_a_page_holds_are_counted(tmp_path: Path) -> None:
    words = page(tmp_path, [], tuple(Rejection(file=f"{n}.txt", reason="text") for n in range(5003))).words

    assert "No study was found." in words
    assert "3 more are not listed here" in words
    assert "5003 rejected" in words


def test_a_picture_that_cannot_be_read_leaves_the_rest(tmp_path: Path) -> None:
    parsed = page(tmp_path, [item(1, Outcome.FLAG, 0.5, picture=b"no picture")])

    assert parsed.all("img") == []
    assert "the reason of 1" in parsed.words


def test_memory_does_not_grow_with_the_number_of_studies(tmp_path: Path) -> None:
    small = cv2.imencode(".png", np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8))[1].tobytes()

    def many(count: int) -> Iterator[Item]:
        for n in range(count):
            yield item(n, Outcome.FLAG, 0.5, text=f"part {n} " + "x" * 180, picture=small + bytes(10_000))

    peaks = []
    for count in (100, 100, 1000):  # the first fills caches
        tracemalloc.start()
        write_report(tmp_path / "report.html", items=many(count), rejections=(), summary=Counts(studies=count))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    grown = peaks[2] - peaks[1]
    assert grown < 500_000  # of some 30 MB that went through


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_place_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(SetupError, match="cannot be written"):
        write_report(tmp_path / "report.html", items=(), rejections=(), summary=Counts())


def test_a_place_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")

    with pytest.raises(SetupError, match=r"report\.html cannot be written"):
        write_report(tmp_path / "out" / "report.html", items=(), rejections=(), summary=Counts())


def test_a_failure_on_the_way_leaves_the_old_page_whole(tmp_path: Path) -> None:
    page(tmp_path, MIXED)
    old = (tmp_path / "out" / "report.html").read_bytes()

    def breaking() -> Iterator[Item]:
        yield MIXED[0]
        raise RuntimeError("the log went away")

    with pytest.raises(RuntimeError):
        write_report(tmp_path / "out" / "report.html", items=breaking(), rejections=(), summary=Counts())

    assert (tmp_path / "out" / "report.html").read_bytes() == old
    assert len(list((tmp_path / "out").iterdir())) == 1
