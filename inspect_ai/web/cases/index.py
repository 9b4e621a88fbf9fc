"""Index of cases in the desk's file, kept level with the log: worst first, a page at a time, at any length of log.

Review's queue reads every decision; here each entry is read once, when it is new. States and order are review's own.
"""

from __future__ import annotations

import json
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, tuple_, update
from sqlalchemy.dialects.sqlite import insert as insert_or

from inspect_ai.audit import AccessAction, Entry, Kind, Log
from inspect_ai.canonical import text_from_plain
from inspect_ai.domain import Outcome
from inspect_ai.review import WAITING, ReviewState
from inspect_ai.review.queue import TURN
from inspect_ai.review.random_audit import drawn
from inspect_ai.review.review_states import state_after
from inspect_ai.web.cases.filters import REPLACED, Filter, chosen_cases, counted_cases, values_of
from inspect_ai.web.store import ANSWERS, ASSIGNMENTS, CASES, FACTS, INDEX_TABLES, LOOKS, Store

PAGE = 50
TELL_EVERY = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRow:
    """Line of the queue."""

    entry: int
    key: str
    task: str
    outcome: str
    score: float | None
    state: str
    day: str
    site: str
    certified: bool
    assigned: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePage:
    """Page of the queue: its rows, how many cases the filter leaves, and the key of the next page ("" at the end)."""

    rows: tuple[CaseRow, ...]
    left: int
    next_key: str


class CaseIndex:
    """Index over one log. audit_rate: share of clear cases that chance draws for a person, as in review.

    clock: seconds since 1970.
    """

    def __init__(self, log: Log, store: Store, audit_rate: float = 0.0, clock: Callable[[], float] = time.time) -> None:
        self._log, self._store, self._rate, self._clock = log, store, audit_rate, clock
        self._updating = threading.Lock()

    def update(self, progress: Callable[[int], None] = lambda done: None) -> None:
        """Read the entries that are new; all of them where another log or another rate made the index."""
        with self._updating:
            after = self._start()
            batch: list[Entry] = []
            for done, entry in enumerate(self._log.entries(after=after), 1):
                batch.append(entry)
                if len(batch) == TELL_EVERY:
                    self._take(batch)
                    batch = []
                    progress(done)
            if batch:
                self._take(batch)

    def page(self, chosen: Filter, key: str = "", size: int = PAGE) -> CasePage:
        """Cases by falling urgency, from the one after entry `key` on; blinded: by number, which tells nothing."""
        columns = chosen.order
        with self._store.reading() as connection:
            now = self._clock()
            ordered = chosen_cases(_WITH_ASSIGNED, chosen, connection, now).order_by(*columns)
            if key and (after := _place_of(connection, key, columns)) is not None:
                ordered = ordered.where(tuple_(*columns) > tuple_(*after))
            found = connection.execute(ordered.limit(size + 1)).all()
            left = connection.execute(counted_cases(chosen, connection, now)).scalar_one()
        rows = tuple(_row(row._mapping) for row in found[:size])
        return CasePage(rows=rows, left=left, next_key=str(rows[-1].entry) if len(found) > size else "")

    def rows(self, entries: Sequence[int]) -> list[CaseRow]:
        """Lines of these cases; nothing for what is none."""
        with self._store.reading() as connection:
            found = connection.execute(_WITH_ASSIGNED.where(CASES.c.entry.in_(entries))).all()
        return [_row(row._mapping) for row in found]

    def audit_left(self) -> tuple[int, int]:
        """Clear cases that chance drew for a person: how many still wait, and how many there are."""
        query = select(func.count(), func.coalesce(func.sum(CASES.c.waiting), 0)).where(CASES.c.drawn == 1)
        with self._store.reading() as connection:
            every, waiting = connection.execute(query).one()
        return waiting, every

    def neighbours(self, entry: int, chosen: Filter) -> tuple[int | None, int | None]:
        """Case before and case after one in the order of the queue; None at its ends."""
        columns = chosen.order
        with self._store.reading() as connection:
            query = chosen_cases(_ENTRIES, chosen, connection, self._clock())
            here = _place_of(connection, str(entry), columns)
            if here is None:
                return None, connection.execute(query.order_by(*columns).limit(1)).scalar()
            place = tuple_(*columns)
            before = query.where(place < tuple_(*here)).order_by(*(column.desc() for column in columns)).limit(1)
            after = query.where(place > tuple_(*here)).order_by(*columns).limit(1)
            return connection.execute(before).scalar(), connection.execute(after).scalar()

    def earlier(self, entry: int, most: int = 20) -> list[CaseRow]:
        """Other cases of the same pseudonymous patient, or of the same study, newest first."""
        own = select(CASES.c.subject).where(CASES.c.entry == entry).scalar_subquery()
        wanted = _WITH_ASSIGNED.where(CASES.c.subject == own, CASES.c.subject != "", CASES.c.entry != entry)
        with self._store.reading() as connection:
            found = connection.execute(wanted.order_by(CASES.c.entry.desc()).limit(most)).all()
        return [_row(row._mapping) for row in found]

    def pace(self, account: str, most: int = 200) -> float | None:
        """Median seconds from opening a case to answering it, of an account's last answers; None without any."""
        query = select(ANSWERS.c.seconds).where(ANSWERS.c.account == account, ANSWERS.c.seconds.is_not(None))
        with self._store.reading() as connection:
            found = connection.execute(query.order_by(ANSWERS.c.review.desc()).limit(most)).scalars().all()
        return statistics.median(found) if found else None

    def has_looked(self, entry: int, account: str) -> bool:
        """True if the log tells that the account has opened the case."""
        query = select(LOOKS.c.entry).where(LOOKS.c.entry == entry, LOOKS.c.account == account)
        with self._store.reading() as connection:
            return connection.execute(query).first() is not None

    def values(self, column: str) -> list[str]:
        """Values of a column that cases have: task or site."""
        with self._store.reading() as connection:
            return [value for value in values_of(connection, CASES.c[column]) if value]

    def _start(self) -> int:
        """Number of the last entry that was read; empties an index of another log or rate."""
        first = next(self._log.entries(limit=1), None)
        made_of = f"{'' if first is None else first.hash} {self._rate!r}"
        with self._store.writing() as connection:
            facts = dict(connection.execute(select(FACTS.c.name, FACTS.c.value)).all())
            if facts.get("made_of") == made_of:
                return int(facts.get("read", "0"))
            for table in INDEX_TABLES:
                connection.execute(table.delete())
            connection.execute(insert(FACTS), [{"name": "made_of", "value": made_of}, {"name": "read", "value": "0"}])
            return 0

    def _take(self, entries: list[Entry]) -> None:
        """Take entries into the index, all or none."""
        with self._store.writing() as connection:
            read = int(connection.execute(select(FACTS.c.value).where(FACTS.c.name == "read")).scalar_one())
            cases: list[dict[str, object]] = []
            for entry in entries:
                if entry.id <= read:
                    continue  # another desk on the same file was faster
                if entry.kind == Kind.DECISION and entry.refers is None:
                    cases.append(self._case(entry))
                elif entry.kind in (Kind.DECISION, Kind.REVIEW, Kind.ACCESS):
                    _insert(connection, cases)
                    self._change(connection, entry)
            _insert(connection, cases)
            last = max(read, entries[-1].id)
            connection.execute(update(FACTS).where(FACTS.c.name == "read").values(value=str(last)))

    def _change(self, connection: Connection, entry: Entry) -> None:
        """Take what changes a case that may be there."""
        if entry.kind == Kind.REVIEW:
            _review(connection, entry)
        elif entry.kind == Kind.DECISION:
            if entry.outcome != Outcome.CLEAR:  # no flag vanishes without a person
                replaced = update(CASES).where(CASES.c.entry == entry.refers)
                connection.execute(replaced.values(waiting=0, state=REPLACED))
            _insert(connection, [self._case(entry)])
        elif entry.outcome == AccessAction.LOOKED:
            _look(connection, entry)

    def _case(self, entry: Entry) -> dict[str, object]:
        """Row of a decision."""
        decision = json.loads(entry.document)["decision"]
        outcome = Outcome(entry.outcome or "")
        by_chance = outcome is Outcome.CLEAR and entry.refers is None and drawn(entry, self._rate)
        study = decision["study"]
        key = text_from_plain(study["key"])
        return {
            "entry": entry.id, "task": entry.task, "outcome": outcome.value, "turn": TURN.index(outcome),
            "unscored": int(entry.score is None), "below": -(entry.score or 0.0), "state": ReviewState.OPEN.value,
            "waiting": int(by_chance or outcome is not Outcome.CLEAR), "drawn": int(by_chance), "day": entry.time[:10],
            "site": str(dict(study.get("attributes") or []).get("site", "")),
            "certified": int(bool(decision["verdict"]["certified"])),
            "key": key, "file": key.rpartition("/")[2],
            "subject": str(study.get("patient_hash") or study.get("digest") or ""),
        }  # fmt: skip


def _insert(connection: Connection, cases: list[dict[str, object]]) -> None:
    """Write the rows together, and empty the list."""
    if cases:
        connection.execute(insert_or(CASES).on_conflict_do_nothing(), cases)
        cases.clear()


def _review(connection: Connection, entry: Entry) -> None:
    state = state_after(entry)
    was = connection.execute(select(CASES.c.state).where(CASES.c.entry == entry.refers)).scalar()
    if was is not None and was != REPLACED:
        changed = update(CASES).where(CASES.c.entry == entry.refers)
        connection.execute(changed.values(state=state.value, waiting=int(state in WAITING)))
    operator = entry.operator
    looked = connection.execute(
        select(LOOKS.c.time).where(LOOKS.c.entry == entry.refers, LOOKS.c.account == operator)
    ).scalar()
    seconds = None if looked is None else _seconds(looked, entry.time)
    row = {
        "review": entry.id, "entry": entry.refers, "account": operator, "verdict": entry.outcome,
        "blinded": int(entry.review().blinded), "seconds": seconds,
    }  # fmt: skip
    connection.execute(insert_or(ANSWERS).values(row).on_conflict_do_nothing())


def _look(connection: Connection, entry: Entry) -> None:
    row = {"entry": entry.refers, "account": entry.operator, "time": entry.time}
    made = insert_or(LOOKS).values(row)
    connection.execute(made.on_conflict_do_update(index_elements=["entry", "account"], set_={"time": entry.time}))


def _seconds(earlier: str, later: str) -> float:
    return max(0.0, (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds())


_ASSIGNED = CASES.c.entry == ASSIGNMENTS.c.entry
_WITH_ASSIGNED = select(CASES, ASSIGNMENTS.c.account).join_from(CASES, ASSIGNMENTS, _ASSIGNED, isouter=True)
_ENTRIES = select(CASES.c.entry).join_from(CASES, ASSIGNMENTS, _ASSIGNED, isouter=True)


def _place_of(connection: Connection, key: str, columns: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Place of an entry in the order; None where there is no such case."""
    if not key.isascii() or not key.isdigit():
        return None
    row = connection.execute(select(*columns).where(CASES.c.entry == int(key))).first()
    return None if row is None else tuple(row)


def _row(row: Any) -> CaseRow:
    return CaseRow(
        entry=row["entry"],
        key=row["key"],
        task=row["task"],
        outcome=row["outcome"],
        score=None if row["unscored"] else -row["below"],
        state=row["state"],
        day=row["day"],
        site=row["site"],
        certified=bool(row["certified"]),
        assigned=row["account"] or "",
    )
