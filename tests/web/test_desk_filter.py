"""Text in the queue's filter: what it finds, and what it must not tell."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient

from inspect_ai.audit import open_log
from inspect_ai.domain import Decision, Outcome
from inspect_ai.web.cases.filters import Filter
from inspect_ai.web.cases.index import CaseIndex
from inspect_ai.web.people.accounts import Accounts
from inspect_ai.web.store import VERSION, Store, store_path
from tests.support.logs import decision
from tests.support.reader_desk import Opened, answer, csrf, decided, opened

SITES = ("Ulm", "Köln", "Ulm", "")


def at_site(number: int, site: str, **how: object) -> Decision:
    made = decision(number, **how)  # type: ignore[arg-type]
    return replace(made, study=replace(made.study, attributes=(("site", site),) if site else ()))


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Opened]:
    """Desk over four flagged cases of two sites."""
    with opened(tmp_path, [at_site(n, site, score=0.9 - n / 10) for n, site in enumerate(SITES, 1)]) as desk:
        yield desk


def found(client: TestClient, text: str, **more: str) -> list[int]:
    """Cases that the queue shows for a text."""
    page = client.get(f"/?{urlencode({'find': text, **more})}")
    assert page.status_code == 200
    return [int(entry) for entry in re.findall(r'data-entry="(\d+)"', page.text)]


def names(client: TestClient) -> dict[int, str]:
    """Name of each case as the queue shows it."""
    shown = re.findall(r'data-entry="(\d+)".*?<code>(.*?)</code>', client.get("/").text, re.S)
    return {int(entry): name for entry, name in shown}


def test_a_text_finds_entries_names_sites_and_readers(made: Opened) -> None:
    client = made.client("reader")
    made.desk.claims.assign([4], "zoe")
    made.desk.claims.take(2, "ben.zorn")
    shown = names(client)
    folder, file = shown[2].split("/")

    assert found(client, "3") == [n for n, name in shown.items() if n == 3 or f"/{name}".find("/3") >= 0]
    assert found(client, file[:8]) == found(client, file[:8].upper()) == found(client, shown[2]) == [2]
    assert found(client, folder) == [1, 2, 3, 4]
    assert found(client, file[1:8]) == []
    assert found(client, "ulm") == [1, 3]
    assert found(client, "KÖL") == [2]
    assert found(client, "zo") == [2, 4]
    assert found(client, "") == [1, 2, 3, 4]
    assert found(client, "%") == found(client, "_") == found(client, "no such case") == []


def test_a_text_keeps_to_the_rest_of_the_filter_and_goes_with_the_reader(made: Opened) -> None:
    client = made.client("reader")
    assert found(client, "ulm", outcome="clear") == []
    page = client.get("/?find=ulm").text
    assert 'value="ulm"' in page
    assert "2 cases" in page
    answered = client.post("/cases/1/answer?find=ulm", data={"csrf": csrf(client, "/cases/1"), "verdict": "negative"})

    assert answered.headers["location"] == "/cases/3?find=ulm&answered=1"


@pytest.mark.parametrize("text", ["flag", "clear", "0.9", "negative", "anna", "made of", "yes", "subject"])
def test_a_text_finds_nothing_that_a_blinded_page_does_not_show(tmp_path: Path, text: str) -> None:
    cases = [at_site(1, "Ulm", score=0.9), at_site(2, "Ulm", outcome=Outcome.CLEAR, score=0.01)]
    with opened(tmp_path, cases) as made:
        answer(made.client("reader", name="anna"), 1, "negative")
        client = made.client("reader", name="ben")
        client.post("/preferences", data={"csrf": csrf(client), "blinded": "yes"})

        assert found(client, text, state="all") == []


def test_a_blinded_filter_tells_neither_outcome_nor_the_answers_of_others(tmp_path: Path) -> None:
    cases = [
        decided(tmp_path, 1, score=0.9),
        decided(tmp_path, 2, outcome=Outcome.ABSTAIN, score=None),
        decided(tmp_path, 3, outcome=Outcome.CLEAR, score=0.01),
    ]
    with opened(tmp_path, cases) as made:
        answer(made.client("reader", name="anna"), 1, "negative")
        client = made.client("reader", name="ben")
        client.post("/preferences", data={"csrf": csrf(client), "blinded": "yes"})
        page = client.get("/?state=all").text

        assert found(client, "", state="all") == [1, 2]  # the third was cleared, and nobody was asked about it
        assert found(client, "", state="all", outcome="flag") == found(client, "", state="all", certified="yes")
        assert found(client, "", state="negative") == found(client, "", state="positive") == [2]
        assert "answered" in page
        assert "negative" not in page


def test_a_desk_file_of_an_older_program_is_indexed_again_and_keeps_its_accounts(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        made.client("reader", name="anna")
    path = store_path(tmp_path / "log.db")
    store = Store(path)
    with store.writing() as connection:
        connection.exec_driver_sql("DROP INDEX case_key")
        connection.exec_driver_sql("ALTER TABLE 'case' DROP COLUMN key")
        connection.exec_driver_sql(f"PRAGMA user_version = {VERSION - 1}")
    store.close()
    store = Store(path)
    with open_log(tmp_path / "log.db") as log:
        index = CaseIndex(log, store)
        index.update()
        assert [row.entry for row in index.page(Filter(find="1")).rows][:1] == [1]
    assert Accounts(store).find("anna") is not None
    store.close()
