"""Many readers at one log: through the command, its own process and loopback."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import httpx2
import pytest

from inspect_ai.audit import open_log, verify
from inspect_ai.web.people.accounts import Accounts
from inspect_ai.web.store import Store, store_path
from tests.support.logs import decision
from tests.support.reader_desk import HTML, PASSWORD, csrf
from tests.support.served_desk import served

READERS, CASES = 20, 20
LIMIT_S = 300


def signed_in(url: str, name: str) -> httpx2.Client:
    client = httpx2.Client(base_url=url, headers=HTML, timeout=LIMIT_S)
    assert client.post("/sign-in", data={"name": name, "password": PASSWORD}).status_code == 303
    return client


def answered(client: httpx2.Client) -> list[tuple[int, int]]:
    """Entry and status of each case, all of them answered by one reader as fast as the desk takes it."""
    data = {"csrf": csrf(client), "verdict": "negative"}
    return [(entry, client.post(f"/cases/{entry}/answer", data=data).status_code) for entry in range(1, CASES + 1)]


@pytest.mark.timeout(LIMIT_S)
def test_twenty_readers_at_once_lose_and_double_no_answer(tmp_path: Path) -> None:
    db = tmp_path / "log.db"
    with open_log(db, operator="scan") as log:
        log.append([decision(number) for number in range(CASES)])
    store = Store(store_path(db))
    for number in range(READERS):
        Accounts(store).add(f"reader{number}", PASSWORD, ["reader"])
    store.close()

    with served(db) as url, ExitStack() as open_clients, ThreadPoolExecutor(READERS) as people:
        clients = [open_clients.enter_context(closing(signed_in(url, f"reader{number}"))) for number in range(READERS)]
        told = [one for said in people.map(answered, clients) for one in said]

    assert len(told) == READERS * CASES
    assert {status for _, status in told} == {303, 409}
    assert sorted(entry for entry, status in told if status == 303) == list(range(1, CASES + 1))
    with open_log(db) as log:
        assert sorted(row.refers or 0 for row in log.entries(kind="review")) == list(range(1, CASES + 1))
    assert verify(db).ok
