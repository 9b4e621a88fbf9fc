"""Queue: what waits for a person, worst first."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from inspect_ai import review
from inspect_ai.errors import UsageError
from inspect_ai.report.view import place
from inspect_ai.review import ReviewState
from inspect_ai.web.cases.index import ALL, ANSWERED, CaseRow, Filter
from inspect_ai.web.pages.reading import warm
from inspect_ai.web.people.roles import Right
from inspect_ai.web.visit import Visit, looks

router = APIRouter()
Looking = Annotated[Visit, Depends(looks(Right.LOOK))]
STATES = ("waiting", ANSWERED, ALL, *(state.value for state in ReviewState))
NAMES = ("task", "outcome", "state", "since", "site", "certified", "mine")


@router.get("/")
def queue(request: Request, visit: Looking) -> Response:
    """First page of the cases that the filter chooses."""
    desk, chosen = visit.desk, filter_of(request)
    desk.index.update()
    page = desk.index.page(chosen, blinded=visit.blinded)
    warm(visit, page.rows[0].entry if page.rows else None)
    return visit.page(
        "queue.html",
        here="queue",
        rows=[_shown(row, desk.claims.held()) for row in page.rows],
        left=page.left,
        more=_more(page.next_key, chosen),
        chosen=chosen,
        suffix=suffix(chosen),
        states=STATES,
        tasks=desk.index.values("task"),
        sites=desk.index.values("site"),
        first=page.rows[0].entry if page.rows else None,
        done=answered_last(request, visit),
        pace=desk.index.pace(visit.account.name),
    )


@router.get("/queue/rows")
def rows(request: Request, visit: Looking, key: str = "") -> Response:
    """Further rows, for the end of the table."""
    chosen = filter_of(request)
    page = visit.desk.index.page(chosen, key, blinded=visit.blinded)
    held = visit.desk.claims.held()
    shown = [_shown(row, held) for row in page.rows]
    return visit.page("queue_rows.html", rows=shown, more=_more(page.next_key, chosen), suffix=suffix(chosen))


def filter_of(request: Request) -> Filter:
    """Filter that the address carries; unknown words choose nothing more."""
    given = {name: request.query_params.get(name, "")[:64] for name in NAMES}
    given["state"] = given["state"] if given["state"] in STATES else "waiting"
    return Filter(**given)


def answered_last(request: Request, visit: Visit) -> int | None:
    """Case that this reader has just answered, as the address says, while the answer can be undone."""
    given = request.query_params.get("answered", "")
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


def _more(key: str, chosen: Filter) -> str:
    if not key:
        return ""
    tail = suffix(chosen).lstrip("?")
    return f"/queue/rows?key={key}" + (f"&{tail}" if tail else "")


def _shown(row: CaseRow, held: dict[int, str]) -> dict[str, object]:
    return {
        "entry": row.entry,
        "task": row.task or "no task",
        "outcome": row.outcome,
        "score": None if row.score is None else f"{row.score:.4f}",
        "at": None if row.score is None else place(row.score),
        "state": row.state,
        "day": row.day,
        "site": row.site,
        "certified": row.certified,
        "assigned": row.assigned,
        "held": held.get(row.entry, ""),
    }
