"""Desk on a real log with pictures, and a browser without a screen of its own for its pages (Starlette's client)."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import httpx2
import numpy as np
from starlette.testclient import TestClient

from inspect_ai.audit import Entry, open_log
from inspect_ai.domain import Decision, Outcome, SourceFile
from inspect_ai.settings import Settings
from inspect_ai.web.app import create_app
from inspect_ai.web.desk import Desk, Entrance, StartToken, open_desk
from tests.support.logs import decision

PASSWORD = "correct horse battery"  # noqa: S105 - of accounts in tests
HTML = {"accept": "text/html"}
HOST = "desk.test"


def picture(folder: Path, number: int) -> SourceFile:
    """A picture of its own in `parts/NUMBER.png`."""
    import hashlib

    path = folder / "parts" / f"{number}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 256, (48, 64), dtype=np.uint8)
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    content = path.read_bytes()
    return SourceFile(path=f"parts/{number}.png", sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))


def decided(folder: Path, number: int, outcome: Outcome = Outcome.FLAG, score: float | None = 0.5) -> Decision:
    """Decision on a picture that lies in the folder."""
    made = decision(number, outcome=outcome, score=score)
    return replace(made, study=replace(made.study, files=(picture(folder, number),)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Desk, its application's clients by account, and the log's file."""

    desk: Desk
    db: Path

    def client(self, *roles: str, name: str = "") -> TestClient:
        """Browser of somebody with these roles, signed in; of nobody without roles."""
        client = TestClient(create_app(self.desk), base_url=f"http://{HOST}", headers=HTML, follow_redirects=False)
        if roles:
            name = name or roles[0]
            if self.desk.accounts.find(name) is None:
                self.desk.accounts.add(name, PASSWORD, roles)
            answer = client.post("/sign-in", data={"name": name, "password": PASSWORD})
            assert answer.status_code == 303, answer.text
        return client

    def rows(self, kind: str) -> list[Entry]:
        """Entries of a kind, first to last."""
        return list(self.desk.log.entries(kind=kind))


@contextmanager
def opened(
    folder: Path,
    decisions: list[Decision],
    *,
    start: StartToken | None = None,
    entrance: Entrance | None = None,
    settings: Settings | None = None,
) -> Iterator[Opened]:
    """Open a desk on a new log that holds these decisions."""
    db = folder / "log.db"
    with open_log(db, operator="tester") as log:
        log.append(decisions)
    settings = settings or Settings(db=db, out=folder / "out", workers=1)
    entrance = entrance or Entrance(hosts=(HOST,))
    with open_desk(settings, entrance=entrance, roots=[folder], start=start) as desk:
        yield Opened(desk=desk, db=db)


def csrf(client: httpx2.Client, path: str = "/") -> str:
    """Token against forged requests that a page carries."""
    found = re.search(r'name="csrf" (?:content|value)="([^"]+)"', client.get(path).text)
    assert found is not None, path
    return found[1]


def answer(client: TestClient, entry: int, verdict: str, **fields: str) -> int:
    """Answer a case as its page does; returns the status."""
    data = {"csrf": csrf(client, f"/cases/{entry}"), "verdict": verdict, **fields}
    return client.post(f"/cases/{entry}/answer", data=data).status_code
