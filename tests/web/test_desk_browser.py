"""A reader's day in a real browser: thirty cases of three tasks by keyboard, a mark, undo, blinded, second reader."""

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.viewer.browser import browser, missing, run
from inspect_ai.audit import open_log, verify
from inspect_ai.domain import Decision
from inspect_ai.web.people.accounts import Accounts
from inspect_ai.web.store import Store, store_path
from tests.support.dicom_factory import save_series
from tests.support.dicom_studies import PROVENANCE as LUNG
from tests.support.dicom_studies import nodule, study_of
from tests.support.logs import decision
from tests.support.reader_desk import PASSWORD, decided
from tests.support.served_desk import served as desk_served

CASES = 30
WAIT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The desk in one browser, driven by keys alone after the sign-in."""

    driver: Any
    url: str
    db: Path

    def open(self, path: str) -> None:
        self.driver.get(self.url + path)
        self.until(lambda: self.run("return document.hasFocus()"), "never takes keys")

    def keys(self, *keys: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def until(self, true: Callable[[], object], what: str) -> None:
        end = time.monotonic() + WAIT_S
        while True:
            try:
                if true():
                    return
            except Exception as e:  # noqa: BLE001 - the page is on its way
                what = f"{what} ({type(e).__name__})"
            assert time.monotonic() < end, f"{what}, but at {self.driver.current_url}: {self.text()[:600]}"
            time.sleep(0.05)

    def until_at(self, pattern: str) -> None:
        at = re.compile(pattern)
        self.until(lambda: at.search(self.driver.current_url), f"never came to {pattern}")
        self.until(lambda: self.run("return document.readyState") == "complete", "never complete")

    def until_shown(self) -> None:
        self.until(lambda: self.run("return document.body.dataset.viewer") == "ready", self.text()[-500:])

    def run(self, script: str) -> Any:
        return run(self.driver, script)

    def text(self) -> str:
        return str(self.run("return document.body.innerText"))

    def answers(self) -> list[tuple[int, str]]:
        with open_log(self.db) as log:
            return [(entry.refers or 0, entry.outcome or "") for entry in log.entries(kind="review")]

    def until_in(self, field: str) -> None:
        """Until the keyboard writes into a field: a page that has just come is not there yet for the next key."""
        self.until(lambda: self.run("return document.activeElement?.name") == field, f"never in {field}")

    def sign_in(self, name: str) -> None:
        self.open("/sign-in")
        self.until_in("name")
        self.keys(name, "\ue004", PASSWORD, "\ue007")  # Tab, Enter
        self.until_at("/$")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Desk in a process of its own, over thirty cases: photographs, metal and two CT series."""
    if why := missing():
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("desk")
    db = folder / "log.db"
    with open_log(db, operator="scan") as log:
        log.append(cases(folder))
    store = Store(store_path(db))
    for name in ("anna", "ben"):
        Accounts(store).add(name, PASSWORD, ["lead"])
    store.close()
    options = ("--out", str(folder / "out"), "--root", str(folder))
    with desk_served(db, *options) as url, browser(1280, 900) as driver:
        yield Page(driver=driver, url=url, db=db)


def cases(folder: Path) -> list[Decision]:
    """Thirty decisions by falling score: two series of slices, then photographs and metal in turn."""
    made = []
    for number in range(2):
        series = folder / f"ct{number}"
        save_series(
            series, [2.5 * z + number for z in range(6)], SOPClassUID="1.2.840.10008.5.1.4.1.1.2", PatientID=str(number)
        )
        ref = replace(study_of(folder, f"ct{number}"), key=f"ct{number}")
        base = decision(1000 + number, score=0.99 - 0.001 * number, provenance=LUNG)
        made.append(replace(base, study=ref, findings=(nodule(3, 20, 30), nodule(1, 40, 12))))
    for number in range(CASES - 2):
        base = decided(folder, number, score=0.9 - 0.01 * number)
        task = "fundus" if number % 2 else "metal_surface"
        made.append(replace(base, provenance=replace(base.provenance, task=task)))
    return made


def test_a_reader_works_through_thirty_cases_by_keyboard_alone(served: Page) -> None:
    page = served
    page.sign_in("anna")
    assert f"{CASES} cases" in page.text()
    page.keys("j", "\ue007")
    page.until_at(r"/cases/1\b")
    page.until_shown()

    # a series: its finding, a box drawn by keys, an answer
    page.keys("2")
    page.until(lambda: page.run("return deskViewer.state().slice") == 1, "the second finding is on slice 1")
    page.run("document.querySelector('#viewer canvas, #viewer [tabindex]').focus?.()")
    page.keys("x", "\ue007", "\ue015", "\ue015", "\ue014", "\ue014", "\ue007")  # box: a corner, arrows, the other
    page.until(lambda: len(page.run("return deskViewer.drawn()")) == 1, "a box is drawn")
    page.keys("\ue00c")  # Escape: back to the first tool
    page.keys("p")
    page.keys("a nodule", "\ue007")
    page.until_at(r"/cases/2\b")

    # undo, and answered again
    page.keys("u")
    page.until(lambda: page.answers()[-1] == (1, "reopen"), "undone")
    page.until_at(r"/cases/1\b(?!/)")
    page.keys("p")
    page.keys("\ue007")
    page.until(lambda: page.answers()[-1] == (1, "positive"), "answered again")

    # blinded: nothing of the machine, then its answer
    page.until_at(r"/cases/2\b")
    page.keys("b")
    page.until(lambda: "Blinded: the machine" in page.text(), "blinded")
    assert "0.98" not in page.text()
    page.keys("n")
    page.keys("\ue007")
    page.until(lambda: page.answers()[-1] == (2, "negative"), "answered blinded")
    page.until(lambda: "0.98900" in page.text(), "the machine's answer after mine")
    page.keys("b")
    page.until(lambda: page.run("return document.querySelector('[data-key=b]').ariaPressed") == "false", "not blinded")
    page.until_at(r"/cases/2\b(?!/)")

    # a second reader, and the rest
    page.open("/cases/3")
    page.keys("s")
    page.keys("unsure", "\ue007")
    page.until(lambda: page.answers()[-1] == (3, "second_reader"), "asked for a second reader")
    for entry in range(4, CASES + 1):
        page.until_at(rf"/cases/{entry}\b(?!/)")
        page.keys("n" if entry % 2 else "r")
        page.keys("\ue007")
        page.until(lambda entry=entry: page.answers()[-1][0] == entry, f"answered {entry}")  # type: ignore[misc]

    with open_log(page.db) as log:
        last = {entry.refers: entry for entry in log.entries(kind="review")}
        box = last[1].review()
        first = next(iter(log.entries(kind="review"))).review()
    assert sorted(last) == list(range(1, CASES + 1))
    assert [mark.kind for mark in first.marks] == ["box"]
    assert first.marks[0].slice == 1
    assert box.reason
    assert last[2].review().blinded
    assert not last[4].review().blinded


def test_b_the_second_reader_is_somebody_else_and_the_log_is_whole(served: Page) -> None:
    page = served
    page.open("/")
    page.run("document.querySelector('form[action=\"/sign-out\"]').requestSubmit()")
    page.until_at("/sign-in")
    page.sign_in("ben")
    assert "1 case" in page.text()
    page.keys("j", "\ue007")
    page.until_at(r"/cases/3\b")
    page.keys("p")
    page.keys("\ue007")
    page.until(lambda: page.answers()[-1] == (3, "positive"), "the second reader answered")

    page.open("/performance?task=lung_nodule")
    assert "anna" in page.text()
    page.open("/log/verify")
    assert "Whole:" in page.text()
    page.open("/accounts")
    assert "403" in page.text()
    found = run(
        page.driver,
        """const token = document.querySelector('meta[name=csrf]')?.content ??
             await fetch('/').then((a) => a.text()).then((t) => t.match(/name="csrf" content="([^"]+)"/)[1]);
           const answer = await fetch('/log/export', {method: 'POST', headers: {'X-CSRF-Token': token}});
           return answer.text();""",
    )
    assert json.loads(found.splitlines()[-1])["type"] == "head"
    assert verify(page.db).ok


def test_c_no_page_broke_its_policy_or_asked_another_host(served: Page) -> None:
    told = [entry["message"] for entry in served.driver.get_log("browser")]

    assert not [line for line in told if "Content Security Policy" in line or "Refused to" in line]
    for path in ("/", "/cases/1", "/performance", "/log"):
        served.open(path)
        hosts = served.run("return performance.getEntriesByType('resource').map((r) => new URL(r.name).host)")
        assert set(hosts) <= {served.url.removeprefix("http://")}


def test_d_a_lead_finds_chooses_and_assigns_by_keyboard_alone(served: Page) -> None:
    page = served
    page.open("/?state=all")
    page.keys("/")
    page.until_in("find")
    page.keys(str(CASES), "\ue007")
    page.until_at(rf"find={CASES}\b.*state=all")
    while page.run("return document.querySelector('tr.here')?.dataset.entry") != str(CASES):
        page.keys("j")  # a name that begins with the same signs may be found too
    page.keys("x")
    page.keys("a")
    page.until_in("to")
    page.keys("anna", "\ue004", "\ue007")  # Tab, Enter
    page.until_at("/queue/assign")
    assert "0 cases are assigned to anna." in page.text()
    assert f"Case {CASES} stays as it is: anna has answered it." in page.text()
