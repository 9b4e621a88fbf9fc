"""Queue: what waits for a person, worst first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from inspect_ai import review
from inspect_ai.errors import UsageError
from inspect_ai.report.view import place
from inspect_ai.review import WAITING as OPEN_STATES
from inspect_ai.review import ReviewState
from inspect_ai.web.cases.filters import ANSWERED, BLINDED_STATES, STATES, WAITING, Filter
from inspect_ai.web.cases.index import CaseRow
from inspect_ai.web.pages.reading import warm
from inspect_ai.web.people.roles import Right
from inspect_ai.web.visit import Visit, looks

router = APIRouter()
Looking = Annotated[Visit, Depends(looks(Right.LOOK))]
EntryText = Annotated[str, Query(pattern=r"^[0-9]{0,18}$")]
NAMES = ("task", "outcome", "state", "since", "site", "certified", "mine", "find")


@router.get("/")
def queue(visit: Looking, key: EntryText = "") -> Response:
    """Cases that the filter chooses: the first page, or the one after case `key`, without scripts."""
    return queue_page(visit, key)


def queue_page(
    visit: Visit, key: str = "", *, given: int | None = None, given_to: str = "", hindered: Sequence[object] = ()
) -> Response:
    """The queue. given: cases assigned just now, to `given_to` ("": released); hindered: those that were left as is."""
    desk, chosen = visit.desk, filter_of(visit)
    desk.index.update()
    page = desk.index.page(chosen, key)
    warm(visit, page.rows[0].entry if page.rows else None)
    return visit.page(
        "queue.html",
        here="queue",
        rows=_shown(visit, page.rows),
        left=page.left,
        more=suffix(chosen, key=page.next_key) if page.next_key else "",
        chosen=chosen,
        suffix=suffix(chosen),
        states=BLINDED_STATES if visit.blinded else STATES,
        tasks=desk.index.values("task"),
        sites=desk.index.values("site"),
        first=page.rows[0].entry if page.rows else None,
        done=answered_last(visit),
        pace=desk.index.pace(visit.account.name),
        readers=readers(visit) if visit.may(Right.ASSIGN) else [],
        audit=(0, 0) if visit.blinded else desk.index.audit_left(),
        given=given,
        given_to=given_to,
        hindered=hindered,
    )


@router.get("/queue/rows")
def rows(visit: Looking, key: EntryText = "") -> Response:
    """Further rows, for the end of the table."""
    chosen = filter_of(visit)
    page = visit.desk.index.page(chosen, key)
    more = suffix(chosen, key=page.next_key) if page.next_key else ""
    return visit.page("queue_rows.html", rows=_shown(visit, page.rows), more=more, suffix=suffix(chosen))


def filter_of(visit: Visit) -> Filter:
    """Filter that the address carries; unknown words choose nothing more, and blinded nothing tells an answer."""
    given = {name: visit.request.query_params.get(name, "")[:64].strip() for name in NAMES}
    known = BLINDED_STATES if visit.blinded else STATES
    given["state"] = given["state"] if given["state"] in known else WAITING
    if visit.blinded:
        given |= {"outcome": "", "certified": ""}
    return Filter(**given, blinded=visit.blinded)


def state_shown(state: str, blinded: bool) -> str:
    """State of a case as a page says it; blinded without what others answered."""
    if not blinded or state not in set(ReviewState):
        return state
    return WAITING if state in OPEN_STATES else ANSWERED


def answered_last(visit: Visit) -> int | None:
    """Case that this reader has just answered, as the address says, while the answer can be undone."""
    given = visit.request.query_params.get("answered", "")
    if not (given.isascii() and given.isdigit() and len(given) < 16):
        return None
    try:
        last = review.case(visit.desk.log, int(given)).last
    except UsageError:
        return None
    is_mine = last is not None and last.operator == visit.account.name and last.outcome != "reopen"
    return int(given) if is_mine else None


def suffix(chosen: Filter, **more: str) -> str:
    """Filter and what else is given as the end of an address, with its question mark; "" for the plain queue."""
    given = {name: getattr(chosen, name) for name in NAMES} | more
    named = {name: value for name, value in given.items() if value and (name, value) != ("state", "waiting")}
    return f"?{urlencode(named)}" if named else ""


def readers(visit: Visit) -> list[str]:
    """Accounts that a case may be assigned to."""
    return [each.name for each in visit.desk.accounts.all() if each.active and Right.ANSWER in each.rights]


def _shown(visit: Visit, rows: Sequence[CaseRow]) -> list[dict[str, object]]:
    """Rows as the table shows them."""
    held = visit.desk.claims.held()
    return [_line(row, held.get(row.entry, ""), visit.blinded) for row in rows]


def _line(row: CaseRow, held: str, blinded: bool) -> dict[str, object]:
    return {
        "entry": row.entry,
        "key": row.key,
        "task": row.task or "no task",
        "outcome": row.outcome,
        "score": None if row.score is None else f"{row.score:.4f}",
        "at": None if row.score is None else place(row.score),
        "state": state_shown(row.state, blinded),
        "day": row.day,
        "site": row.site,
        "certified": row.certified,
        "assigned": row.assigned,
        "held": held,
    }
