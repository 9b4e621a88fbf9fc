"""A receiver in this process, what callers of it look like, and a log with three decisions."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from inspect_ai.audit import Log, open_log
from inspect_ai.pacs.commitment import Commitments
from inspect_ai.pacs.destinations import Dimse, TlsFiles
from inspect_ai.pacs.received import Received
from inspect_ai.pacs.receiver import Listening, Receiver
from tests.support.logs import decision


@dataclass
class Open:
    """A receiver that listens, and what it told."""

    store: Received
    receiver: Receiver
    told: list[str] = field(default_factory=list)
    arrived: list[str] = field(default_factory=list)

    def there(self, aet: str = "INSPECT_AI", tls: TlsFiles | None = None) -> Dimse:
        return Dimse(name="here", aet=aet, host="127.0.0.1", port=self.receiver.port, tls=tls)

    def files(self) -> list[Path]:
        return sorted(self.store.root.glob("*/*/*.dcm"))


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Callable[..., Open]]:
    """Starts receivers below tmp_path; TESTER may call."""
    pytest.importorskip("pynetdicom", reason="needs the extra pacs")
    stopped: list[Any] = []

    def start(address: dict[str, Dimse] | None = None, **settings: Any) -> Open:
        store = Received(tmp_path / f"received{len(stopped)}")
        store.prepare()
        its = Listening(**{"port": 0, "allow": ("TESTER",), **settings})
        told: list[str] = []
        arrived: list[str] = []
        commitments = Commitments(store, its.aet, lambda aet: (address or {}).get(aet), told.append)
        commitments.__enter__()
        receiver = Receiver(its, store, commitments, lambda event: told.append(event.message), arrived.append)
        receiver.__enter__()
        stopped.extend([receiver, commitments])
        return Open(store, receiver, told, arrived)

    yield start
    for thing in stopped:
        thing.__exit__(None, None, None)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    with open_log(tmp_path / "log.db", operator="tester") as opened:
        opened.append([decision(number) for number in range(3)])
        yield opened
