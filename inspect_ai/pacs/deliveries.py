"""Deliveries of the log: what was queued for a destination and what became of it. The outbox is what the log says.

A delivery is queued once and sent once for each decision, or reader's answer, and destination (`audit.records.key`).
Between the answer of a destination and the row `sent` a crash is possible: the object is then sent again, under the
same SOP Instance UID, and is the same instance there. Before that the destination is asked whether it has it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from inspect_ai.audit import Delivery, DeliveryState, Entry, Kind, Log

MakeObjects = Callable[[Entry, Log, Path, Path], Sequence[Path]]
"""Makes the result objects of a decision, or of an answer to one: its entry, the log, the folder of received studies,
which the paths of the entry are relative to, and the folder to write to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """Delivery that is queued and not sent. attempts: those that are known; problem: of the last one."""

    entry_id: int
    destination: str
    objects: tuple[str, ...]
    attempts: int = 0
    problem: str = ""


class Deliveries:
    """Deliveries by decision and destination, as far as the log was read: each Pending, or the row that says sent."""

    def __init__(self) -> None:
        self.steps: dict[tuple[int, str], Pending | Delivery] = {}
        self._after = 0  # the newest entry that was read

    def refresh(self, log: Log) -> Deliveries:
        """Read on in the log."""
        for entry in log.entries(kind=Kind.DELIVERY, after=self._after):
            row = entry.delivery()
            self._after, key = entry.id, (row.entry_id, row.destination)
            if row.state is DeliveryState.SENT:
                self.steps[key] = row
            elif not isinstance(self.steps.get(key), Delivery):
                self.steps[key] = _pending(row)
        return self

    def pending(self) -> list[Pending]:
        """Those that are queued and not sent, oldest first."""
        return [step for step in self.steps.values() if isinstance(step, Pending)]


def queue(log: Log, entry_id: int, destination: str, files: Iterable[Path]) -> bool:
    """Write that the files are to be sent; False where that was written before."""
    objects = tuple(sorted(sha256_of(path) for path in files))
    if not objects:
        return False
    row = Delivery(entry_id=entry_id, destination=destination, objects=objects, state=DeliveryState.QUEUED)
    before = log.head().rows
    return log.append([row])[0].id > before


def sent(log: Log, pending: Pending, statement: str) -> None:
    """Write that every object is at the destination."""
    log.append([_step(pending, DeliveryState.SENT, statement)])


def failed(log: Log, pending: Pending, statement: str) -> None:
    """Write that an attempt failed and why, unless the attempt before it failed for the same reason."""
    if statement != pending.problem:
        log.append([_step(pending, DeliveryState.FAILED, statement)])


def sha256_of(path: Path) -> str:
    """Digest of a file. Raises OSError."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _step(pending: Pending, state: DeliveryState, statement: str) -> Delivery:
    return Delivery(
        entry_id=pending.entry_id,
        destination=pending.destination,
        objects=pending.objects,
        state=state,
        attempt=pending.attempts + 1,
        statement=statement,
    )


def _pending(row: Delivery) -> Pending:
    return Pending(
        entry_id=row.entry_id,
        destination=row.destination,
        objects=row.objects,
        attempts=row.attempt,
        problem=row.statement,
    )
