"""Case: its picture, what the machine answered and proved, and the reader's answer."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from inspect_ai import review
from inspect_ai.audit import AccessAction
from inspect_ai.errors import InputError, UsageError
from inspect_ai.web.cases.drawn import drawn_from, drawn_view
from inspect_ai.web.pages.queue import answered_last, filter_of, suffix
from inspect_ai.web.pages.reading import PRESETS, Reading, answers, machine_view, marks_view, reading, said_view, warm
from inspect_ai.web.pages.slice_heat import heat_alone, slice_heat
from inspect_ai.web.people.roles import Right
from inspect_ai.web.viewer_words import viewer_words
from inspect_ai.web.visit import Refused, Visit, looks, moves

router = APIRouter()
Looking = Annotated[Visit, Depends(looks(Right.LOOK))]
Answering = Annotated[Visit, Depends(moves(Right.ANSWER))]
Assigning = Annotated[Visit, Depends(moves(Right.ASSIGN))]
UNDONE = "undone by the reader who gave it"


@router.get("/cases/{entry}")
def case_page(request: Request, visit: Looking, entry: int) -> Response:
    """Page of a case; the look is an entry of the log before anything is shown."""
    desk, chosen = visit.desk, filter_of(request)
    shown = _reading(visit, entry)
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


@router.get("/cases/{entry}/manifest.json")
def manifest(visit: Looking, entry: int) -> Response:
    """Content of the viewer: a volume, a picture, or the stored picture with the reason why not more."""
    shown = _opened(visit, entry)
    top = shown.decision.findings[0].image_index if shown.decision.findings and not shown.hidden else 0
    words = viewer_words(visit.session.language)
    drawn = [] if shown.hidden else drawn_view(shown.said)
    try:
        found = visit.desk.pixels.geometry(shown.case.decision, top)
    except InputError as e:
        return JSONResponse(_stored(visit, shown) | {"words": words, "why": str(e), "drawn": []})
    if found.is_volume:
        marks = [] if shown.hidden else marks_view(shown.decision, found.spacing_mm[1:])
        volume = {
            "kind": "volume", "depth": found.shape[0], "rows": found.shape[1], "columns": found.shape[2],
            "spacing_mm": found.spacing_mm, "slices": f"/cases/{entry}/slices/{{index}}", "presets": PRESETS,
            "heat": slice_heat(visit, shown), "orientation": found.orientation,
            "first": top if top or not shown.hidden else found.shape[0] // 2,
            "marks": [mark | {"slice": mark["image"]} for mark in marks],
        }  # fmt: skip
        return JSONResponse(volume | {"words": words, "why": "", "drawn": drawn})
    height, width = found.sizes[min(top, len(found.sizes) - 1)]
    marks = [] if shown.hidden else [mark for mark in marks_view(shown.decision) if mark["image"] == top]
    picture = {
        "kind": "picture", "width": width, "height": height, "url": f"/cases/{entry}/pictures/{top}.png",
        "heat": _heat_url(visit, shown), "marks": marks,
    }  # fmt: skip
    return JSONResponse(picture | {"words": words, "why": "", "drawn": drawn})


@router.get("/cases/{entry}/slices/{index}")
def slice_of(request: Request, visit: Looking, entry: int, index: int) -> Response:
    """[H, W] little-endian int16 Hounsfield units of one slice."""
    shown = _opened(visit, entry)
    raw = _pixels(lambda: visit.desk.pixels.slice(shown.case.decision, index))
    kind = "application/octet-stream"
    if visit.desk.entrance.secure and "gzip" in request.headers.get(
        "accept-encoding", ""
    ):  # elsewhere costs more than it saves
        return Response(gzip.compress(raw, 1), media_type=kind, headers={"Content-Encoding": "gzip"})
    return Response(raw, media_type=kind)


@router.get("/cases/{entry}/pictures/{index}.png")
def picture_of(visit: Looking, entry: int, index: int) -> Response:
    """One picture at full size."""
    shown = _opened(visit, entry)
    return Response(_pixels(lambda: visit.desk.pixels.picture(shown.case.decision, index)), media_type="image/png")


@router.get("/cases/{entry}/{which}.png")
def stored_picture(visit: Looking, entry: int, which: str) -> Response:
    """Picture that was stored with the decision, or the same with heat and marks."""
    shown = _opened(visit, entry)
    if which == "heat_alone":
        return heat_alone(visit, shown)
    if which not in ("stored", "heat") or (which == "heat" and shown.hidden):
        raise Refused(404, "There is no such picture.")
    found = visit.desk.pictures.find(entry, visit.desk.log)[which == "heat"]
    if found is None:
        raise Refused(404, "No picture was stored with this decision.")
    return Response(_read(found), media_type="image/png")


@router.post("/cases/{entry}/answer")
def answer(
    request: Request,
    visit: Answering,
    entry: int,
    verdict: Annotated[str, Form()],
    reason: Annotated[str, Form()] = "",
    label: Annotated[str, Form()] = "",
    drawn: Annotated[str, Form()] = "",
) -> Response:
    """Write the answer as a new entry; then the next case, or this one with the machine's answer in blinded reading."""
    desk, shown = visit.desk, _reading(visit, entry)
    if verdict not in [str(known) for known in answers(visit, shown)]:
        desk.note(
            visit.account.name, AccessAction.MOVE_REFUSED, f"answer {verdict[:40]} is not this account's now", entry
        )
        raise Refused(409, "This case does not take that answer from you now. Open it again.")
    named = label if label in shown.words.side(verdict) else ""
    side = shown.words.side(verdict)
    said = reason.strip() or named or (side[0] if len(side) == 1 else verdict.replace("_", " "))
    chosen = filter_of(request)
    _, after = desk.index.neighbours(entry, chosen, blinded=visit.blinded)
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
def undo(request: Request, visit: Answering, entry: int) -> Response:
    """Reopen a case that this reader answered last; the answer stays in the log."""
    shown = _reading(visit, entry)
    if shown.case.last is None or shown.case.last.operator != visit.account.name:
        raise Refused(409, "The last answer to this case is not yours, so there is nothing of yours to undo.")
    try:
        review.decide(visit.desk.log, entry, "reopen", UNDONE, operator=visit.account.name)
    except UsageError as e:
        raise Refused(409, str(e)) from e
    visit.desk.index.update()
    return RedirectResponse(f"/cases/{entry}" + suffix(filter_of(request)), 303)


@router.post("/cases/{entry}/claim")
def claim(visit: Answering, entry: int) -> Response:
    """Renew the claim while the page is open; says who holds the case."""
    return JSONResponse({"holder": visit.desk.claims.take(entry, visit.account.name)})


@router.post("/cases/{entry}/assign")
def assign(request: Request, visit: Assigning, entry: int, to: Annotated[str, Form()] = "") -> Response:
    """Give the case to somebody, or to nobody."""
    _reading(visit, entry)
    if to and visit.desk.accounts.find(to) is None:
        raise Refused(409, "There is no such account.")
    visit.desk.claims.assign(entry, to)
    return RedirectResponse(f"/cases/{entry}" + suffix(filter_of(request)), 303)


def _opened(visit: Visit, entry: int) -> Reading:
    """Case whose page this account has opened: no picture is seen without a look in the log."""
    shown = _reading(visit, entry)
    if not visit.desk.index.has_looked(entry, visit.account.name):
        raise Refused(403, "Open the case first: every look at a picture is an entry of the log.")
    return shown


def _reading(visit: Visit, entry: int) -> Reading:
    try:
        return reading(visit, review.case(visit.desk.log, entry))
    except UsageError as e:
        raise Refused(404, str(e)) from e


def _stored(visit: Visit, shown: Reading) -> dict[str, object]:
    """Manifest of the stored picture; of nothing where none was stored."""
    entry = shown.case.decision.id
    picture, _ = visit.desk.pictures.find(entry, visit.desk.log)
    if picture is None:
        return {"kind": "none", "marks": []}
    height, width = png_size(_read(picture))
    return {
        "kind": "picture", "width": width, "height": height, "url": f"/cases/{entry}/stored.png",
        "heat": _heat_url(visit, shown), "marks": [],
    }  # fmt: skip


def png_size(png: bytes) -> tuple[int, int]:
    """Height and width from a PNG's header (ISO/IEC 15948, IHDR); zeros for what is none."""
    if png[:8] != b"\x89PNG\r\n\x1a\n":
        return 0, 0
    return int.from_bytes(png[20:24]), int.from_bytes(png[16:20])


def _heat_url(visit: Visit, shown: Reading) -> str | None:
    entry = shown.case.decision.id
    if shown.hidden or visit.desk.pictures.find(entry, visit.desk.log)[1] is None:
        return None
    return f"/cases/{entry}/heat.png"


def _pixels(read: Callable[[], bytes]) -> bytes:
    try:
        return read()
    except (InputError, OSError) as e:
        raise Refused(404, str(e)) from e


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as e:
        raise Refused(404, f"The stored picture cannot be read ({e.strerror}).") from e
