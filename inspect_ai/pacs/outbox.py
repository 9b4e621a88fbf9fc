"""Outbox at work: sends what the log says is queued, to each destination in turn, with growing pauses."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from inspect_ai.audit import Log
from inspect_ai.errors import InputError, InspectError, SetupError
from inspect_ai.pacs.deliveries import Deliveries, MakeObjects, Pending, failed, sent, sha256_of
from inspect_ai.pacs.destinations import destination_named
from inspect_ai.pacs.pauses import Pauses, Retry
from inspect_ai.pacs.received import Received
from inspect_ai.pacs.senders import sender_for
from inspect_ai.pacs.sending import NotReached, Sender, Sent
from inspect_ai.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """The objects of one decision are at their destination. held: of them, those that it had before."""

    entry: int
    destination: str
    objects: int
    held: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NotDelivered:
    """An attempt failed; the next one comes in `pause_s`."""

    entry: int
    destination: str
    reason: str
    pause_s: float


class Outbox:
    """Sends queued deliveries, one pass at a time. aet: our own title."""

    def __init__(
        self,
        store: Received,
        settings: Settings,
        make_objects: MakeObjects,
        aet: str,
        pauses: Pauses,
        sender: Callable[[str], Sender] | None = None,
    ) -> None:
        self._store, self._settings, self._make = store, settings, make_objects
        self._sender = sender or (lambda name: sender_for(destination_named(name, settings), aet))
        self._retry = Retry(pauses)
        self._deliveries = Deliveries()
        self._first: set[tuple[int, str]] = set()  # queued by this process and never tried: nothing to ask about

    def queued(self, entry_id: int, destination: str) -> None:
        """Tell that a delivery was queued just now."""
        self._first.add((entry_id, destination))

    def work(self, log: Log, now: Callable[[], float] = time.monotonic) -> Iterator[Delivered | NotDelivered]:
        """Try each delivery that is due, once. Raises AuditError where the log cannot be read or written."""
        for pending in self._deliveries.refresh(log).pending():
            key = (pending.entry_id, pending.destination)
            if not (self._retry.is_due(pending.destination, now()) and self._retry.is_due(key, now())):
                continue
            try:
                held, stored = self._deliver(log, pending)
            except NotReached as e:
                pause_s = self._retry.failed(pending.destination, now())  # others need not try it either
                yield self._missed(log, pending, str(e), pause_s)
            except (InspectError, OSError) as e:
                reason = str(e) if isinstance(e, InspectError) else f"its objects cannot be read ({e.strerror})"
                yield self._missed(log, pending, reason, self._retry.failed(key, now()))
            else:
                self._retry.passed(pending.destination)
                self._retry.passed(key)
                sent(log, pending, f"{stored} stored, {held} there before" if held else f"{stored} stored")
                yield Delivered(
                    entry=pending.entry_id, destination=pending.destination, objects=len(pending.objects), held=held
                )

    def _deliver(self, log: Log, pending: Pending) -> tuple[int, int]:
        """Send the objects of one delivery: how many were there before, and how many were stored now."""
        files = self._objects(log, pending)
        try:
            sender = self._sender(pending.destination)
        except InspectError as e:  # no such destination, or its secret is not there: so for all that goes to it
            raise NotReached(str(e)) from e
        key = (pending.entry_id, pending.destination)
        held: Sequence[Path] = ()
        if key in self._first:
            self._first.discard(key)
        else:  # an earlier attempt may have stored some of it
            held = sender.held(files)
        left = [path for path in files if path not in held]
        answers = sender.send(left) if left else ()
        if missing := [answer for answer in answers if not answer.stored]:
            raise SetupError(_refused(pending.destination, missing))
        return len(held), len(left)

    def _objects(self, log: Log, pending: Pending) -> list[Path]:
        """Files of a delivery; made again where they are gone. Raises InputError where they come out different."""
        folder = self._store.outbox(pending.entry_id)
        files = {sha256_of(path): path for path in sorted(folder.glob("*")) if path.is_file()}
        if not set(pending.objects) <= set(files):
            entry = log.entry(pending.entry_id)
            files |= {sha256_of(path): path for path in self._make(entry, log, self._store.root, folder)}
        if missing := set(pending.objects) - set(files):
            raise InputError(
                f"{len(missing)} of its {len(pending.objects)} objects are gone from {folder}, and made again they "
                "differ. Restore that folder."
            )
        return [files[digest] for digest in pending.objects]

    def _missed(self, log: Log, pending: Pending, reason: str, pause_s: float) -> NotDelivered:
        failed(log, pending, reason)
        return NotDelivered(entry=pending.entry_id, destination=pending.destination, reason=reason, pause_s=pause_s)


def _refused(destination: str, missing: Sequence[Sent]) -> str:
    first = missing[0]
    status = "" if first.status is None else f" (status {first.status:04X})"
    return f"Destination {destination} did not store {len(missing)} of its objects: {first.meaning}{status}."
