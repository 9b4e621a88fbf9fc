"""Case: its picture, what the machine answered and proved, and the reader's answer."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from inspect_ai.audit import AccessAction
from inspect_ai.web.cases.index import CaseRow
from inspect_ai.web.pages.queue import answered_last, filter_of, readers, state_shown, suffix
from inspect_ai.web.pages.reading import answers, case_of, machine_view, said_view, warm
from inspect_ai.web.people.roles import Right
from inspect_ai.web.visit import EntryNumber, Visit, looks

router = APIRouter()
Looking = Annotated[Visit, Depends(looks(Right.LOOK))]


@router.get("/cases/{entry}")
def case_page(visit: Looking, entry: EntryNumber) -> Response:
    """Page of a case; the look is an entry of the log before anything is shown."""
    desk, chosen = visit.desk, filter_of(visit)
    shown = case_of(visit, entry)
    holder = desk.claims.take(entry, visit.account.name) if visit.may(Right.ANSWER) else visit.account.name
    how = "a case, the machine's answer hidden" if shown.hidden else "a case"
    desk.note(visit.account.name, AccessAction.LOOKED, f"looked at {how}", entry)
    desk.index.update()
    before, after = desk.index.neighbours(entry, chosen)
    warm(visit, after)
    own = [answer for answer in shown.said if answer.operator == visit.account.name]
    return visit.page(
        "case.html",
        here="queue",
        entry=entry,
        state=state_shown(shown.case.state.value, shown.hidden),
        words=shown.words,
        hidden=shown.hidden,
        machine=None if shown.hidden else machine_view(desk, shown),
        study=shown.decision.study,
        said=said_view(shown),
        answers=[answer.value for answer in answers(visit, shown)],
        mine=bool(own) and shown.case.last is not None and shown.case.last.id == own[-1].id,
        done=answered_last(visit),
        holder="" if holder == visit.account.name else holder,
        before=before,
        after=after,
        suffix=suffix(chosen),
        earlier=[_earlier(row, shown.hidden) for row in desk.index.earlier(entry)],
        accounts=readers(visit) if visit.may(Right.ASSIGN) else [],
    )


def _earlier(row: CaseRow, hidden: bool) -> dict[str, object]:
    """Another case of the same patient or part; without any answer while this one's is hidden."""
    state = state_shown(row.state, hidden)
    return {"entry": row.entry, "day": row.day, "task": row.task, "outcome": row.outcome, "state": state}
