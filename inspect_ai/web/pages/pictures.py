"""Pictures of a case: what the viewer is to show, slices of a volume, and pictures at full size or as stored."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from inspect_ai.errors import InputError
from inspect_ai.web.cases.drawn import drawn_view
from inspect_ai.web.pages.reading import PRESETS, Reading, marks_view, opened_case
from inspect_ai.web.pages.slice_heat import heat_alone, slice_heat
from inspect_ai.web.people.roles import Right
from inspect_ai.web.viewer_words import viewer_words
from inspect_ai.web.visit import EntryNumber, Refused, Visit, looks

router = APIRouter()
Looking = Annotated[Visit, Depends(looks(Right.LOOK))]


@router.get("/cases/{entry}/manifest.json")
def manifest(visit: Looking, entry: EntryNumber) -> Response:
    """Content of the viewer: a volume, a picture, or the stored picture with the reason why not more."""
    shown = opened_case(visit, entry)
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
def slice_of(request: Request, visit: Looking, entry: EntryNumber, index: int) -> Response:
    """[H, W] little-endian int16 Hounsfield units of one slice."""
    shown = opened_case(visit, entry)
    raw = _pixels(lambda: visit.desk.pixels.slice(shown.case.decision, index))
    kind = "application/octet-stream"
    if visit.desk.entrance.secure and "gzip" in request.headers.get(
        "accept-encoding", ""
    ):  # elsewhere costs more than it saves
        return Response(gzip.compress(raw, 1), media_type=kind, headers={"Content-Encoding": "gzip"})
    return Response(raw, media_type=kind)


@router.get("/cases/{entry}/pictures/{index}.png")
def picture_of(visit: Looking, entry: EntryNumber, index: int) -> Response:
    """One picture at full size."""
    shown = opened_case(visit, entry)
    return Response(_pixels(lambda: visit.desk.pixels.picture(shown.case.decision, index)), media_type="image/png")


@router.get("/cases/{entry}/{which}.png")
def stored_picture(visit: Looking, entry: EntryNumber, which: str) -> Response:
    """Picture that was stored with the decision, or the same with heat and marks."""
    shown = opened_case(visit, entry)
    if which == "heat_alone":
        return heat_alone(visit, shown)
    if which not in ("stored", "heat") or (which == "heat" and shown.hidden):
        raise Refused(404, "There is no such picture.")
    found = visit.desk.pictures.find(entry, visit.desk.log)[which == "heat"]
    if found is None:
        raise Refused(404, "No picture was stored with this decision.")
    return Response(_read(found), media_type="image/png")


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
