"""Assignments by a lead: one case from its page, or those that are chosen in the queue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.responses import RedirectResponse, Response

from inspect_ai import review
from inspect_ai.audit import AccessAction
from inspect_ai.review import WAITING
from inspect_ai.web.cases.filters import REPLACED
from inspect_ai.web.cases.index import CaseRow
from inspect_ai.web.pages.queue import filter_of, queue_page, suffix
from inspect_ai.web.pages.reading import case_of
from inspect_ai.web.people.roles import Right
from inspect_ai.web.visit import EntryNumber, Refused, Visit, moves

router = APIRouter()
Assigning = Annotated[Visit, Depends(moves(Right.ASSIGN))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hindrance:
    """Chosen case that was left as it is. why: none, answered, replaced or open; name: who answered or has it open."""

    entry: int
    why: str
    name: str = ""


@router.post("/cases/{entry}/assign")
def assign(visit: Assigning, entry: EntryNumber, to: Annotated[str, Form()] = "") -> Response:
    """Give the case to somebody, or to nobody."""
    case_of(visit, entry)
    _reader(visit, to)
    _give(visit, [entry], to)
    return RedirectResponse(f"/cases/{entry}" + suffix(filter_of(visit)), 303)


@router.post("/queue/assign")
def assign_chosen(
    visit: Assigning,
    what: Annotated[str, Form()],
    entry: Annotated[list[EntryNumber] | None, Form()] = None,
    to: Annotated[str, Form()] = "",
) -> Response:
    """Give the chosen cases to somebody, or release them; those answered or opened meanwhile are told one by one."""
    to = to if what == "assign" else ""
    if what not in ("assign", "release") or (what == "assign" and not to):
        raise Refused(422, "Say to whom the chosen cases go, or release them.")
    _reader(visit, to)
    visit.desk.index.update()
    chosen = list(dict.fromkeys(entry or []))
    hindered = _hindered(visit, chosen, to)
    given = [number for number in chosen if number not in {each.entry for each in hindered}]
    _give(visit, given, to)
    return queue_page(visit, given=len(given), given_to=to, hindered=hindered)


def _reader(visit: Visit, name: str) -> None:
    """Nothing where the name is "", or of an account that may answer. Raises Refused for another."""
    account = visit.desk.accounts.find(name) if name else None
    if name and (account is None or Right.ANSWER not in account.rights):
        raise Refused(409, "There is no such account that may answer cases.")


def _give(visit: Visit, entries: list[int], to: str) -> None:
    """Assign the cases, each of them an entry of the log first."""
    said = f"assigned to {to}" if to else "released: assigned to nobody"
    visit.desk.note_each(visit.account.name, AccessAction.ASSIGNED, said, entries)
    visit.desk.claims.assign(entries, to)


def _hindered(visit: Visit, chosen: list[int], to: str) -> list[Hindrance]:
    rows = {row.entry: row for row in visit.desk.index.rows(chosen)}
    held, free = visit.desk.claims.held(), ("", to, visit.account.name)
    found = []
    for entry in chosen:
        if (holder := held.get(entry, "")) not in free:
            found.append(Hindrance(entry=entry, why="open", name=holder))
        elif (hindrance := _done(visit, entry, rows.get(entry))) is not None:
            found.append(hindrance)
    return found


def _done(visit: Visit, entry: int, row: CaseRow | None) -> Hindrance | None:
    """Reason why nobody needs to read the case any more."""
    if row is None:
        return Hindrance(entry=entry, why="none")
    if row.state == REPLACED:
        return Hindrance(entry=entry, why=REPLACED)
    if row.state in WAITING:
        return None
    last = review.case(visit.desk.log, entry).last
    return Hindrance(entry=entry, why="answered", name="" if last is None else last.operator)
