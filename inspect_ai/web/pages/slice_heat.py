"""Heat map of a volume for the viewer: an address of its own, for the slice that the stored picture shows."""

from __future__ import annotations

from pathlib import Path

from starlette.responses import Response

from inspect_ai.errors import InputError
from inspect_ai.web.cases.heat import colours_of, shows_slice
from inspect_ai.web.pages.reading import Reading
from inspect_ai.web.visit import Refused, Visit


def slice_heat(visit: Visit, shown: Reading) -> dict[str, object] | None:
    """Slice of a volume's heat map and where it is read; None where there is none, or its slice is not certain."""
    entry, findings = shown.case.decision, shown.decision.findings
    picture, marked = visit.desk.pictures.find(entry.id, visit.desk.log)
    if shown.hidden or not findings or picture is None or marked is None:
        return None
    top = findings[0].image_index  # whose slice a scan draws, unless it kept no preview of it
    try:
        certain = colours_of(marked.read_bytes()) and shows_slice(
            picture.read_bytes(), visit.desk.pixels.hounsfield(entry, top)
        )
    except (InputError, OSError):
        return None
    return {"slice": top, "url": f"/cases/{entry.id}/heat_alone.png"} if certain else None


def heat_alone(visit: Visit, shown: Reading) -> Response:
    """PNG of the heat alone, to be laid over the slice."""
    _, marked = visit.desk.pictures.find(shown.case.decision.id, visit.desk.log)
    heat = None if marked is None or shown.hidden else _heat(marked)
    if heat is None:
        raise Refused(404, "No heat map was stored with this decision.")
    return Response(heat, media_type="image/png")


def _heat(marked: Path) -> bytes | None:
    try:
        return colours_of(marked.read_bytes())
    except OSError as e:
        raise Refused(404, f"The stored picture cannot be read ({e.strerror}).") from e
