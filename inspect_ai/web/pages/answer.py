"""Answers to a case, and the reader's other moves on it: take back, claim."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.responses import JSONResponse, RedirectResponse, Response

from inspect_ai import review
from inspect_ai.audit import AccessAction
from inspect_ai.errors import UsageError
from inspect_ai.web.cases.drawn import drawn_from
from inspect_ai.web.pages.queue import filter_of, suffix
from inspect_ai.web.pages.reading import answers, case_of
from inspect_ai.web.people.roles import Right
from inspect_ai.web.visit import EntryNumber, Refused, Visit, moves

router = APIRouter()
Answering = Annotated[Visit, Depends(moves(Right.ANSWER))]
UNDONE = "undone by the reader who gave it"


@router.post("/cases/{entry}/answer")
def answer(
    visit: Answering,
    entry: EntryNumber,
    verdict: Annotated[str, Form()],
    reason: Annotated[str, Form()] = "",
    label: Annotated[str, Form()] = "",
    drawn: Annotated[str, Form()] = "",
) -> Response:
    """Write the answer as a new entry; then the next case, or this one with the machine's answer in blinded reading."""
    desk, shown = visit.desk, case_of(visit, entry)
    if verdict not in [str(known) for known in answers(visit, shown)]:
        desk.note(
            visit.account.name, AccessAction.MOVE_REFUSED, f"answer {verdict[:40]} is not this account's now", entry
        )
        raise Refused(409, "This case does not take that answer from you now. Open it again.")
    named = label if label in shown.words.side(verdict) else ""
    side = shown.words.side(verdict)
    said = reason.strip() or named or (side[0] if len(side) == 1 else verdict.replace("_", " "))
    chosen = filter_of(visit)
    _, after = desk.index.neighbours(entry, chosen)
    try:
        review.decide(
            desk.log, entry, verdict, said, operator=visit.account.name, label=named, marks=drawn_from(drawn),
            blinded=shown.hidden,
        )  # fmt: skip
    except UsageError as e:
        raise Refused(409, str(e)) from e
    desk.claims.release(entry, visit.account.name)
    desk.index.update()
    if shown.hidden:
        return RedirectResponse(f"/cases/{entry}{suffix(chosen)}", 303)
    where = "/" if after is None else f"/cases/{after}"
    return RedirectResponse(f"{where}{suffix(chosen, answered=str(entry))}", 303)


@router.post("/cases/{entry}/undo")
def undo(visit: Answering, entry: EntryNumber) -> Response:
    """Reopen a case that this reader answered last; the answer stays in the log."""
    shown = case_of(visit, entry)
    if shown.case.last is None or shown.case.last.operator != visit.account.name:
        raise Refused(409, "The last answer to this case is not yours, so there is nothing of yours to undo.")
    try:
        review.decide(visit.desk.log, entry, "reopen", UNDONE, operator=visit.account.name)
    except UsageError as e:
        raise Refused(409, str(e)) from e
    visit.desk.index.update()
    return RedirectResponse(f"/cases/{entry}" + suffix(filter_of(visit)), 303)


@router.post("/cases/{entry}/claim")
def claim(visit: Answering, entry: EntryNumber) -> Response:
    """Renew the claim while the page is open; says who holds the case."""
    return JSONResponse({"holder": visit.desk.claims.take(entry, visit.account.name)})
