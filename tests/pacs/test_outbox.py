"""Outbox: queued once, sent once, tried again with growing pauses, whatever happens between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from inspect_ai.audit import DeliveryState, Entry, Kind, Log, verify
from inspect_ai.pacs.deliveries import Deliveries, queue
from inspect_ai.pacs.outbox import Delivered, NotDelivered, Outbox
from inspect_ai.pacs.pauses import Pauses, Retry
from inspect_ai.pacs.received import Received
from inspect_ai.pacs.sending import NotReached, Sent
from inspect_ai.settings import Settings
from tests.pacs.conftest import Open
from tests.support.dicom_factory import save
from tests.support.pacs import free_port, photograph

Start = Callable[..., Open]


def make(entry: Entry, log: Log, root: Path, folder: Path) -> Sequence[Path]:
    return (save(photograph(entry.id), folder / "result.dcm"),)


def queued(store: Received, log: Log, entry_id: int, destination: str = "archive") -> bool:
    files = make(log.entry(entry_id), log, store.root, store.outbox(entry_id))
    return queue(log, entry_id, destination, files)


def states(log: Log) -> list[tuple[int, str, int]]:
    return [
        (row.entry_id, row.state.value, row.attempt) for row in (e.delivery() for e in log.entries(kind="delivery"))
    ]


class Archive:
    """Destination that is scripted: away, refusing, or holding what it was sent. It counts what it is asked."""

    def __init__(self) -> None:
        self.away = self.refuses = False
        self.has: list[bytes] = []
        self.asked = self.tried = 0
        self.dies_after_storing = False

    def send(self, files: Sequence[Path]) -> tuple[Sent, ...]:
        self.tried += 1
        if self.away:
            raise NotReached("Destination archive cannot be reached.")
        if self.refuses:
            return tuple(Sent(path=p, stored=False, status=0xA700, meaning="out of resources") for p in files)
        self.has += [path.read_bytes() for path in files]
        if self.dies_after_storing:
            raise KeyboardInterrupt
        return tuple(Sent(path=path, stored=True, status=0, meaning="stored") for path in files)

    def held(self, files: Sequence[Path]) -> tuple[Path, ...]:
        self.asked += 1
        if self.away:
            raise NotReached("Destination archive cannot be reached.")
        return tuple(path for path in files if path.read_bytes() in self.has)


def outbox(store: Received, archive: Archive, **pauses: float) -> Outbox:
    its = Pauses(**{"first_s": 1.0, **pauses})
    return Outbox(store, Settings(), make, "INSPECT_AI", its, sender=lambda name: archive)


def test_a_delivery_is_queued_once_and_sent_once(log: Log, tmp_path: Path) -> None:
    store, archive, other = Received(tmp_path / "received"), Archive(), Archive()

    assert [queued(store, log, 1), queued(store, log, 1), queued(store, log, 2)] == [True, False, True]
    assert queued(store, log, 1, "other")
    places = {"archive": archive, "other": other}
    box = Outbox(store, Settings(), make, "INSPECT_AI", Pauses(), sender=places.__getitem__)
    done = [event for _ in range(3) for event in box.work(log)]

    assert [event.entry for event in done] == [1, 2, 1]
    assert (len(archive.has), len(other.has)) == (2, 1)
    assert Deliveries().refresh(log).pending() == []
    assert states(log)[3:] == [(1, "sent", 1), (2, "sent", 1), (1, "sent", 1)]


def test_rows_of_deliveries_are_part_of_the_chain(log: Log, tmp_path: Path) -> None:
    store = Received(tmp_path / "received")
    queued(store, log, 1)
    list(outbox(store, Archive()).work(log))

    assert verify(log.path).ok
    (first, second) = log.entries(kind=Kind.DELIVERY)
    assert (first.outcome, second.outcome, second.refers) == ("queued", "sent", 1)
    assert first.delivery().state is DeliveryState.QUEUED
    assert "Secret" not in first.document + second.document


def test_while_the_destination_is_away_pauses_grow_and_nothing_is_lost(log: Log, tmp_path: Path) -> None:
    store, archive, now = Received(tmp_path / "received"), Archive(), [0.0]
    for number in (1, 2, 3):
        queued(store, log, number)
    archive.away = True
    box = outbox(store, archive, longest_s=60.0)

    pauses = []
    for _ in range(4000):  # a look each second
        pauses += [event.pause_s for event in box.work(log, lambda: now[0]) if isinstance(event, NotDelivered)]
        now[0] += 1.0
    assert len(pauses) == archive.asked + archive.tried
    assert len(pauses) < 4000 / 45 + 10  # one attempt for all that goes there, at last one a minute
    assert all(later > earlier * 1.1 for earlier, later in pairwise(pauses[:5]))
    assert max(pauses) <= 60.0 * 1.25
    assert [state for state in states(log) if state[1] == "failed"] == [(1, "failed", 1)]  # one reason, one row

    archive.away = False
    now[0] += 100.0
    assert [event.entry for event in box.work(log, lambda: now[0])] == [1, 2, 3]
    assert len(archive.has) == 3


def test_a_refusal_holds_up_that_delivery_alone(log: Log, tmp_path: Path) -> None:
    store, archive, now = Received(tmp_path / "received"), Archive(), [0.0]
    queued(store, log, 1)
    archive.refuses = True
    box = outbox(store, archive)
    (missed,) = box.work(log, lambda: now[0])
    assert isinstance(missed, NotDelivered)
    assert "out of resources (status A700)" in missed.reason

    archive.refuses = False
    queued(store, log, 2)
    assert [event.entry for event in box.work(log, lambda: now[0])] == [2]
    now[0] += 10.0
    assert [event.entry for event in box.work(log, lambda: now[0])] == [1]


def test_killed_between_storing_and_its_row_the_next_process_asks_and_stores_nothing_twice(
    log: Log, tmp_path: Path
) -> None:
    store, archive = Received(tmp_path / "received"), Archive()
    queued(store, log, 1)
    archive.dies_after_storing = True
    with pytest.raises(KeyboardInterrupt):
        list(outbox(store, archive).work(log))
    assert states(log) == [(1, "queued", 0)]

    archive.dies_after_storing = False
    (done,) = outbox(store, archive).work(log)

    assert isinstance(done, Delivered)
    assert done.held == 1
    assert len(archive.has) == 1
    assert list(outbox(store, archive).work(log)) == []


def test_objects_that_are_gone_are_made_again_and_never_replaced_by_others(log: Log, tmp_path: Path) -> None:
    store, archive = Received(tmp_path / "received"), Archive()
    queued(store, log, 1)
    queued(store, log, 2)
    (store.outbox(1) / "result.dcm").unlink()
    box = outbox(store, archive)
    assert [event.entry for event in box.work(log)] == [1, 2]

    queued(store, log, 3)
    (store.outbox(3) / "result.dcm").unlink()

    def other(entry: Entry, log: Log, root: Path, folder: Path) -> Sequence[Path]:
        return (save(photograph(77), folder / "result.dcm"),)

    changed = Outbox(store, Settings(), other, "INSPECT_AI", Pauses(), sender=lambda name: archive)
    (missed,) = changed.work(log)
    assert isinstance(missed, NotDelivered)
    assert "made again they differ" in missed.reason
    assert len(archive.has) == 2


def test_a_destination_that_the_settings_lost_is_said_and_tried_again(log: Log, tmp_path: Path) -> None:
    store = Received(tmp_path / "received")
    queued(store, log, 1)

    (missed,) = Outbox(store, Settings(), make, "INSPECT_AI", Pauses()).work(log)

    assert isinstance(missed, NotDelivered)
    assert "no destination 'archive'" in missed.reason


def test_a_real_destination_that_comes_later_gets_everything_once(log: Log, tmp_path: Path, listening: Start) -> None:
    store, port, now = Received(tmp_path / "results"), free_port(), [0.0]
    settings = Settings(destinations=(("archive", f"dimse://THERE@127.0.0.1:{port}"),))
    for number in (1, 2):
        queued(store, log, number)
    box = Outbox(store, settings, make, "TESTER", Pauses(first_s=1.0))
    (missed,) = box.work(log, lambda: now[0])
    assert isinstance(missed, NotDelivered)
    assert missed.reason == "Destination archive cannot be reached."

    there = listening(port=port, aet="THERE")
    now[0] += 10.0
    assert [event.entry for event in box.work(log, lambda: now[0])] == [1, 2]
    assert len(there.files()) == 2


@pytest.mark.parametrize("failures", [1, 2, 5, 10_000])
def test_a_pause_is_never_nothing_and_never_above_its_limit(failures: int) -> None:
    pauses = Pauses(first_s=2.0, longest_s=300.0)

    found = [pauses.after(failures) for _ in range(200)]

    assert 0 < min(found) < max(found) <= 375  # jitter: not all alike


def test_what_passed_begins_again_with_the_first_pause() -> None:
    retry = Retry(Pauses(first_s=1.0))
    first = [retry.failed("a", 0.0) for _ in range(6)]
    assert not retry.is_due("a", 0.5)
    assert retry.passed("a")
    assert retry.is_due("a", 0.5)

    assert retry.failed("a", 0.0) < first[-1] / 4
