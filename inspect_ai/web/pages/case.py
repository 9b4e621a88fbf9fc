"""Case: its picture, what the machine answered and proved, and the reader's answer."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from inspect_ai.audit import AccessAction
from inspect_ai.web.pages.queue import answered_last, filter_of, suffix
from inspect_ai.web.pages.reading import answers, case_of, machine_view, said_view, warm
from inspect_ai.web.people.roles import Right
from inspect_ai.web.visit import Visit, looks

router = APIRouter()
Looking = Annotated[Visit, Depends(looks(Right.LOOK))]


@router.get("/cases/{entry}")
def case_page(request: Request, visit: Looking, entry: int) -> Response:
    """Page of a case; the look is an entry of the log before anything is shown."""
    desk, chosen = visit.desk, filter_of(request)
    shown = case_of(visit, entry)
    holder = desk.claims.take(entry, visit.account.name) if visit.may(Right.ANSWER) else visit.account.name
    how = "a case, the machine's answer hidden" if shown.hidden else "a case"
    desk.note(visit.account.name, AccessAction.LOOKED, f"looked at {how}", entry)
    desk.index.update()
    before, after = desk.index.neighbours(entry, chosen, blinded=visit.blinded)
    warm(visit, after)
    own = [answer for answer in shown.said if answer.operator == visit.account.name]
    return visit.page(
        "case.html",
        here="queue",
        entry=entry,
        state=shown.case.state.value,
        words=shown.words,
        hidden=shown.hidden,
        machine=None if shown.hidden else machine_view(desk, shown),
        study=shown.decision.study,
        said=said_view(shown),
        answers=[answer.value for answer in answers(visit, shown)],
        mine=bool(own) and shown.case.last is not None and shown.case.last.id == own[-1].id,
        done=answered_last(request, visit),
        holder="" if holder == visit.account.name else holder,
        before=before,
        after=after,
        suffix=suffix(chosen),
        earlier=desk.index.earlier(entry),
        accounts=[account.name for account in desk.accounts.all()] if visit.may(Right.ASSIGN) else [],
    )
