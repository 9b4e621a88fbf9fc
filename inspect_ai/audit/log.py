"""Open log: append, find, read. Reads use short transactions, so that no reader holds up a writer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Select, insert, select

from inspect_ai.audit import records
from inspect_ai.audit.chain import ORIGIN, Head, link
from inspect_ai.audit.connection import DamagedLog, reading, writing
from inspect_ai.audit.failpoint import reach
from inspect_ai.audit.patients import key_path, patient_key
from inspect_ai.audit.pseudonyms import Pseudonyms
from inspect_ai.audit.records import Access, Entry, Item, Review
from inspect_ai.audit.schema import Row
from inspect_ai.domain import Decision, Provenance, Rejection
from inspect_ai.errors import UsageError

PAGE = 500  # rows read in one transaction
TABLE: Any = Row.__table__
_ENTRY = select(*(TABLE.c[name] for name in (
    "seq", "time", "kind", "subject", "task", "outcome", "score", "reason", "refers", "document", "previous", "hash"
)))  # fmt: skip


class Log:
    """Open audit log, made by `open_log`. Names of files and folders enter it as pseudonyms alone, and sealed where
    `keep_names` is given.
    """

    def __init__(
        self, engine: Engine, path: Path, operator: str, clock: Callable[[], datetime], keep_names: bool = True
    ) -> None:
        self.path = path
        self.operator = operator
        self._engine = engine
        self._clock = clock
        self._keep_names = keep_names

    @cached_property
    def names(self) -> Pseudonyms:
        """Pseudonyms under this log's key, which is made when first asked for."""
        return Pseudonyms(patient_key(self.path))

    def append(self, items: Sequence[Item]) -> list[Entry]:
        """Write all items, without the names of files, in one transaction and return their entries, on disk. What the
        log holds already is not written again: its entry is returned. Raises UsageError for a review whose case has
        moved on or is not there, AuditError where nothing could be written.
        """
        with writing(self._engine, self.path) as connection:
            last = self._last(connection)
            entries = []
            for item in items:
                hidden, sealed = self._without_names(item)
                entry = self._known(connection, item, hidden)
                if entry is None:
                    entry = last = self._add(connection, hidden, last, sealed)
                entries.append(entry)
            reach("inside_transaction")
        reach("after_commit")
        return entries

    def find(self, study_digest: str, provenance: Provenance) -> Entry | None:
        """The decision on this content by this task, model, configuration and operating point."""
        return self.find_any(study_digest, [provenance])

    def find_any(self, study_digest: str, provenances: Sequence[Provenance]) -> Entry | None:
        """A decision in the log that one of `provenances` made on this content; of one decided again, the newest."""
        found: Entry | None = None
        digests = [study_digest]
        if key_path(self.path).exists():  # else no entry has a keyed digest, and a search makes no key
            digests.append(self.names.digest(study_digest))
        with reading(self._engine, self.path) as connection:
            while True:
                seq = None if found is None else found.id
                keys = [records.decision_key(d, provenance, seq) for d in digests for provenance in provenances]
                newer = _one(connection, _ENTRY.where(TABLE.c.key.in_(keys)))
                if newer is None:
                    return found
                found = newer

    def entry(self, entry_id: int) -> Entry:
        """The entry of that number. Raises UsageError if there is none."""
        with reading(self._engine, self.path) as connection:
            entry = _one(connection, _ENTRY.where(TABLE.c.seq == entry_id))
        if entry is None:
            raise UsageError(f"The audit log {self.path} has no entry {entry_id}. Look with `inspect-ai audit list`.")
        return entry

    def entries(
        self,
        *,
        kind: str | None = None,
        outcome: str | None = None,
        task: str | None = None,
        subject: str | None = None,
        refers: int | None = None,
        after: int = 0,
        limit: int | None = None,
        newest_first: bool = False,
        up_to: int | None = None,
    ) -> Iterator[Entry]:
        """Entries in order (or backwards), those after number `after` up to `up_to`, filtered; at most `limit`."""
        wanted = {"kind": kind, "outcome": outcome, "task": task, "subject": subject, "refers": refers}
        query = _ENTRY.where(TABLE.c.seq > after)
        if up_to is not None:
            query = query.where(TABLE.c.seq <= up_to)
        for column, value in wanted.items():
            if value is not None:
                query = query.where(TABLE.c[column] == value)
        ordered = query.order_by(TABLE.c.seq.desc() if newest_first else TABLE.c.seq)
        left, page = limit, ordered
        while left is None or left > 0:
            with reading(self._engine, self.path) as connection:
                found = connection.execute(page.limit(PAGE if left is None else min(PAGE, left))).all()
            yield from (_entry(row) for row in found)
            if not found:
                return
            last = found[-1].seq
            page = ordered.where(TABLE.c.seq < last if newest_first else TABLE.c.seq > last)
            left = None if left is None else left - len(found)

    def head(self) -> Head:
        """Length of the log and its last hash: kept elsewhere, they prove the log later."""
        with reading(self._engine, self.path) as connection:
            last = _one(connection, _ENTRY.order_by(TABLE.c.seq.desc()))
        return Head(rows=0, hash=ORIGIN) if last is None else Head(rows=last.id, hash=last.hash)

    def _last(self, connection: Connection) -> Entry | None:
        """Last entry of the log. Raises DamagedLog if it is not what was written."""
        last = _one(connection, _ENTRY.order_by(TABLE.c.seq.desc()))
        if last is not None and link(last.previous, last.document) != last.hash:
            raise DamagedLog(
                f"Entry {last.id}, the last of the audit log {self.path}, was altered: nothing is written after it. "
                f"Run `inspect-ai audit verify --db {self.path}`."
            )
        return last

    def _without_names(self, item: Item) -> tuple[Item, str]:
        """Item as it is written, and its names sealed ("" for one without, or where they are not kept)."""
        if isinstance(item, Decision | Rejection):
            return self.names.hidden(item), self.names.sealed(item) if self._keep_names else ""
        return item, ""

    def _known(self, connection: Connection, item: Item, hidden: Item) -> Entry | None:
        """Entry that holds this item already; earlier versions wrote it with its names."""
        keys = {key for key in (records.key(hidden), records.key(item)) if key is not None}
        if not keys:
            return None
        entry = _one(connection, _ENTRY.where(TABLE.c.key.in_(keys)).order_by(TABLE.c.seq.desc()))
        if isinstance(item, Review):
            self._check_review(connection, item, entry)
        return entry

    def _check_review(self, connection: Connection, review: Review, taken: Entry | None) -> None:
        if taken is not None:
            raise UsageError(
                f"Entry {review.entry_id} was reviewed meanwhile by {taken.operator} ({taken.outcome}). "
                f"Look again with `inspect-ai review show {review.entry_id}`."
            )
        if _one(connection, _ENTRY.where(TABLE.c.seq == review.entry_id)) is None:
            raise UsageError(f"The audit log {self.path} has no entry {review.entry_id} that could be reviewed.")

    def _add(self, connection: Connection, item: Item, last: Entry | None, sealed: str = "") -> Entry:
        seq = 1 if last is None else last.id + 1
        previous = ORIGIN if last is None else last.hash
        now = self._clock()
        operator = self.operator
        if isinstance(item, Review):
            operator = item.operator or operator
            item = replace(item, operator=operator)
        elif isinstance(item, Access):
            operator = item.account
        document = records.document(
            item,
            seq=seq,
            time=records.utc_text(now),
            operator=operator,
            clock_back_us=0 if last is None else clock_back_us(last.time, records.utc_text(now)),
            sealed=sealed,
        )
        values = asdict(records.columns(json.loads(document)))
        values |= {"document": document, "previous": previous, "hash": link(previous, document)}
        connection.execute(insert(TABLE), {"seq": seq, **values})
        del values["key"]
        return Entry(id=seq, **values)


def clock_back_us(earlier: str, later: str) -> int:
    """Microseconds by which the clock went back between two entries, 0 if it did not."""
    return max(0, (datetime.fromisoformat(earlier) - datetime.fromisoformat(later)) // timedelta(microseconds=1))


def _one(connection: Connection, query: Select[Any]) -> Entry | None:
    row = connection.execute(query.limit(1)).first()
    return None if row is None else _entry(row)


def _entry(row: Any) -> Entry:
    seq, *rest = row
    return Entry(id=seq, **dict(zip(row._fields[1:], rest, strict=True)))
