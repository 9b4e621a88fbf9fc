"""Filter of the queue: which cases it chooses and in which order, and what it may not tell to a blinded reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select, and_, func, or_, select, union_all

from inspect_ai.review import ReviewState
from inspect_ai.web.store import ASSIGNMENTS, CASES, CLAIMS

WAITING, ANSWERED, ALL = "waiting", "answered", "all"
BLINDED_STATES = (WAITING, ANSWERED, ALL)  # the states of their own names tell what others answered
DRAWN = "random_audit"  # clear cases that chance drew for a person, and that wait: blinded, it would tell the outcome
STATES = (*BLINDED_STATES, DRAWN, *(state.value for state in ReviewState))
REPLACED = "replaced"  # decided again on demand
_UNANSWERED = (ReviewState.OPEN.value, REPLACED)
_COUNT = select(func.count()).select_from(CASES)
_COUNT_MINE = select(func.count()).select_from(CASES.join(ASSIGNMENTS, CASES.c.entry == ASSIGNMENTS.c.entry))
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Choice of cases; an empty text leaves a column open. state: one of STATES.

    blinded: neither the choice nor its order follows from the machine's answer, or from the answers of others.
    """

    task: str = ""
    outcome: str = ""
    state: str = WAITING
    since: str = ""  # day, 2026-01-31
    site: str = ""
    certified: str = ""  # yes or no
    mine: str = ""  # account that the case is assigned to
    find: str = ""  # number of the entry, beginning of the name, part of a reader's name or of a site's
    blinded: bool = False

    @property
    def order(self) -> tuple[Column[Any], ...]:
        """Columns that cases are ordered by: worst first; blinded by number, which tells nothing."""
        return (CASES.c.entry,) if self.blinded else (CASES.c.turn, CASES.c.unscored, CASES.c.below, CASES.c.entry)


def chosen_cases(query: Select[Any], chosen: Filter, connection: Connection, now: float) -> Select[Any]:
    """Query over cases and assignments with the filter's conditions. now: seconds since 1970, for who holds a case."""
    query = query.where(_in_state(chosen, CASES.c.waiting), *_conditions(chosen))
    return query.where(CASES.c.entry.in_(_found(chosen.find, connection, now))) if chosen.find else query


def counted_cases(chosen: Filter, connection: Connection, now: float) -> Select[Any]:
    """Query for how many cases the filter chooses."""
    query = _COUNT_MINE if chosen.mine else _COUNT
    if not chosen.find:
        return chosen_cases(query, chosen, connection, now)
    found = CASES.c.entry.in_(_found(chosen.find, connection, now))
    # "+ 0" keeps SQLite from walking the index of all that waits: what the text finds is less
    return query.where(found, _in_state(chosen, CASES.c.waiting + 0), *_conditions(chosen))


def _conditions(chosen: Filter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    found += [CASES.c[name] == getattr(chosen, name) for name in ("task", "site") if getattr(chosen, name)]
    if chosen.since:
        found.append(CASES.c.day >= chosen.since)
    if chosen.mine:
        found.append(ASSIGNMENTS.c.account == chosen.mine)
    if chosen.outcome and not chosen.blinded:
        found.append(CASES.c.outcome == chosen.outcome)
    if chosen.certified and not chosen.blinded:
        found.append(CASES.c.certified == int(chosen.certified == "yes"))
    return found


def _in_state(chosen: Filter, waiting: ColumnElement[int]) -> ColumnElement[bool]:
    """Condition of the state. Blinded, `all` leaves out what no person was asked about: it was cleared."""
    answered = and_(waiting == 0, CASES.c.state.not_in(_UNANSWERED))
    if chosen.state == ANSWERED:
        return answered
    if chosen.state == ALL:
        return or_(waiting == 1, answered) if chosen.blinded else CASES.c.entry > 0
    if chosen.state == WAITING or chosen.blinded:
        return waiting == 1
    if chosen.state == DRAWN:
        return and_(CASES.c.drawn == 1, waiting == 1)
    return CASES.c.state == chosen.state


def _found(text: str, connection: Connection, now: float) -> Any:
    """Entries that a text finds among what every reader's page shows; each road to them has its index."""
    held = select(CLAIMS.c.entry).where(CLAIMS.c.until >= now)
    roads = [select(CASES.c.entry).where(_begins(column, text)) for column in (CASES.c.key, CASES.c.file)]
    roads.append(select(CASES.c.entry).where(CASES.c.site.in_(_with(text, values_of(connection, CASES.c.site)))))
    roads.append(select(ASSIGNMENTS.c.entry).where(_names(connection, ASSIGNMENTS.c.account, text)))
    roads.append(held.where(_names(connection, CLAIMS.c.account, text)))
    if text.isascii() and text.isdigit():
        roads.append(select(CASES.c.entry).where(CASES.c.entry == int(text[:18])))
    return union_all(*roads)


def _begins(column: Column[Any], text: str) -> ColumnElement[bool]:
    """Condition that a column begins with a text, as a range that its index serves; LIKE would read signs in it."""
    return and_(column >= text, column < text + _LAST)


def _names(connection: Connection, column: Column[Any], text: str) -> ColumnElement[bool]:
    return column.in_(_with(text, values_of(connection, column)))


def values_of(connection: Connection, column: Column[Any]) -> list[str]:
    """Values of a column that has an index, ascending, each by one step in it: DISTINCT would read all of it."""
    found: list[str] = []
    step = select(func.min(column))
    value = connection.execute(step).scalar()
    while value is not None:
        found.append(value)
        value = connection.execute(step.where(column > value)).scalar()
    return found


def _with(text: str, values: Sequence[str]) -> list[str]:
    """Values that hold a text, in any case of letters."""
    return [value for value in values if text.casefold() in value.casefold()]
