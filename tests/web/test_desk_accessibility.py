"""Every page of the desk against axe-core's rules for WCAG 2.0 and 2.1, levels A and AA, light and dark."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.viewer.browser import browser, missing, run
from inspect_ai.audit import open_log
from inspect_ai.domain import Outcome
from inspect_ai.review import decide
from inspect_ai.web.people.accounts import Accounts
from inspect_ai.web.store import Store, store_path
from tests.support.reader_desk import PASSWORD, decided
from tests.support.served_desk import served
from tests.web.test_desk_browser import CASES, Page, cases

LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
RUN = f"return await axe.run(document, {{runOnly: {{type: 'tag', values: {LEVELS}}}}});"
# axe-core 4.4 gives the contrast of a whole page up where one colour is written as color(srgb ...), as Chromium says
# what color-mix() made: the same colours, written as rgba
AS_RGBA = """
const share = (part) => part.endsWith('%') ? parseFloat(part) / 100 : Number(part);
for (const each of document.querySelectorAll('*')) {
  const shown = getComputedStyle(each);
  for (const name of ['color', 'background-color', 'border-top-color', 'fill', 'stroke', 'outline-color']) {
    const found = shown.getPropertyValue(name).match(/^color\\(srgb ([^/]+)(?:\\/ (.+))?\\)$/);
    if (!found) continue;
    const rgb = found[1].trim().split(/\\s+/).map((part) => Math.round(255 * share(part)));
    each.style.setProperty(name, `rgba(${rgb.join(', ')}, ${found[2] ? share(found[2]) : 1})`);
  }
}
"""
SERIES, PHOTOGRAPH = 1, CASES  # entries
PAGES = {
    "sign-in": "/sign-in",
    "queue": "/",
    "empty queue": "/?find=nothing+has+this+name",
    "random audit": "/?state=random_audit",
    "answered cases": "/?state=answered",
    "series": f"/cases/{SERIES}",
    "photograph": f"/cases/{PHOTOGRAPH}",
    "answered case": "/cases/3",
    "no such case": "/cases/999999",
    "performance": "/performance",
    "drift": "/performance?task=fundus&watch=yes",
    "log": "/log",
    "decision": "/log/1",
    "chain": "/log/verify",
    "accounts": "/accounts",
}


def axe() -> Path:
    """Script of axe-core as it lies in the package: no network is asked for it."""
    found = importlib.util.find_spec("axe_core_python")
    if found is None or found.origin is None:
        pytest.skip('axe-core is not installed: pip install "inspect-ai-vision[dev]"')
    return Path(found.origin).with_name("axe.min.js")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Desk with series, photographs, answers and a random audit, and somebody signed in who may see every page."""
    if why := missing():
        pytest.skip(why)
    axe()
    folder = tmp_path_factory.mktemp("accessible")
    db = folder / "log.db"
    with open_log(db, operator="scan") as log:
        log.append([*cases(folder), decided(folder, 900, Outcome.CLEAR, 0.01), decided(folder, 901, Outcome.ABSTAIN)])
        for entry, verdict in ((3, "positive"), (4, "negative"), (5, "negative")):
            decide(log, entry, verdict, "seen", operator="anna")
    store = Store(store_path(db))
    Accounts(store).add("anna", PASSWORD, ["lead", "administrator"])
    store.close()
    options = ("--out", str(folder / "out"), "--root", str(folder), "--audit-rate", "1")
    with served(db, *options) as url, browser(1280, 900) as driver:
        yield Page(driver=driver, url=url, db=db)


def violations(page: Page) -> list[str]:
    """Rules that the page on the screen breaks, each with the elements that do."""
    page.driver.execute_script(axe().read_text("utf-8"))
    page.run(AS_RGBA)
    found: dict[str, Any] = run(page.driver, RUN)
    assert "color-contrast" in {one["id"] for one in found["passes"]}, "axe has not looked at contrast"
    assert not [one["id"] for one in found["incomplete"] if not one["nodes"]], "a rule of axe failed"
    return [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary'][:300]}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


def show(page: Page, path: str, scheme: str) -> None:
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    if path == "/sign-in":
        page.driver.delete_all_cookies()
    elif not page.driver.get_cookies():
        page.sign_in("anna")
    page.open(path)
    page.until(lambda: page.run("return document.readyState") == "complete", "never complete")
    if page.run("return document.querySelector('#viewer') !== null"):
        page.until_shown()
    dark = page.run("return matchMedia('(prefers-color-scheme: dark)').matches")
    assert dark == (scheme == "dark")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_breaks_no_rule_of_wcag_2_a_and_aa(desk: Page, name: str, scheme: str) -> None:
    show(desk, PAGES[name], scheme)

    assert violations(desk) == []


def test_a_blinded_case_breaks_no_rule_either(desk: Page) -> None:
    show(desk, "/", "dark")
    desk.keys("b")
    desk.until(lambda: desk.run("return document.querySelector('[data-key=b]').ariaPressed") == "true", "blinded")
    queue = violations(desk)
    show(desk, f"/cases/{SERIES}", "dark")
    case = violations(desk)
    desk.keys("b")
    desk.until(lambda: desk.run("return document.querySelector('[data-key=b]').ariaPressed") == "false", "not blinded")

    assert queue == case == []


def test_the_check_finds_what_is_wrong(desk: Page) -> None:
    show(desk, "/", "light")
    desk.run(
        "document.querySelector('[name=find]').closest('label').replaceWith(document.querySelector('[name=find]'))"
    )
    desk.run("document.querySelector('[name=find]').placeholder = ''")

    assert any(one.startswith("label:") for one in violations(desk))
