"""Log: entry by entry, whether its chain is whole and against which heads, and a copy of it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response, StreamingResponse

from inspect_ai.audit import AccessAction, Entry, Kind, export, verify
from inspect_ai.certificates.lapsed import lapsed
from inspect_ai.errors import AuditError, UsageError
from inspect_ai.web.people.roles import Right
from inspect_ai.web.visit import EntryNumber, Refused, Visit, looks, moves

router = APIRouter()
Reading = Annotated[Visit, Depends(looks(Right.READ_LOG))]
Exporting = Annotated[Visit, Depends(moves(Right.EXPORT))]
PAGE = 100
BLOCK = 1 << 16
BLINDED = "The log tells the machine's answers. Turn blinded reading off to read it."


@router.get("/log")
def log_page(visit: Reading, kind: str = "", before: int = 0) -> Response:
    """Newest entries first."""
    _not_blinded(visit)
    kind = kind if kind in set(Kind) else ""
    newest = visit.desk.log.head().rows
    start = min(before - 1, newest) if before > 0 else newest
    found, head = list(_down_from(visit, start, kind)), visit.desk.log.head()
    return visit.page(
        "log.html", here="log", entries=found, kinds=list(Kind), kind=kind, rows=head.rows, head=head.hash,
        older=found[-1].id if len(found) == PAGE else 0,
    )  # fmt: skip


@router.get("/log/verify")
def log_verify(visit: Reading) -> Response:
    """Walk the chain and compare it with the heads kept elsewhere."""
    settings = visit.desk.settings
    folder = Path(settings.heads) if settings.heads and "://" not in settings.heads else None
    try:
        found = verify(settings.db, heads=folder if folder is not None and folder.is_dir() else None)
    except (AuditError, UsageError) as e:
        raise Refused(503, str(e)) from e
    return visit.page("verified.html", here="log", found=found)


@router.get("/log/{entry}")
def log_entry(visit: Reading, entry: EntryNumber) -> Response:
    """Everything that one entry holds."""
    _not_blinded(visit)
    try:
        found = visit.desk.log.entry(entry)
    except UsageError as e:
        raise Refused(404, str(e)) from e
    document = json.loads(found.document)
    return visit.page(
        "entry.html", here="log", entry=found, leaves=list(_leaves(document)), ended=lapsed(visit.desk.log, found)
    )


@router.post("/log/export")
def log_export(visit: Exporting) -> Response:
    """Copy of the log as JSON Lines, with its head; the export is an entry of it."""
    visit.desk.note(visit.account.name, AccessAction.EXPORTED, "exported the log")
    folder = tempfile.TemporaryDirectory(prefix="inspect_ai_export_")
    to = Path(folder.name) / "log.jsonl"
    export(visit.desk.log, to)

    def blocks() -> Iterator[bytes]:
        with folder, to.open("rb") as f:
            while block := f.read(BLOCK):
                yield block

    name = {"Content-Disposition": 'attachment; filename="inspect_ai_log.jsonl"'}
    return StreamingResponse(blocks(), media_type="application/jsonl", headers=name)


def _not_blinded(visit: Visit) -> None:
    if visit.blinded:
        raise Refused(409, BLINDED)


def _down_from(visit: Visit, start: int, kind: str) -> Iterator[Entry]:
    """PAGE entries backwards from number `start`."""
    left = PAGE
    for entry in visit.desk.log.entries(kind=kind or None, newest_first=True, up_to=start):
        yield entry
        left -= 1
        if not left:
            return


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Names and values of a document, one line each; sealed names stay sealed."""
    if isinstance(value, dict):
        for key, part in value.items():
            if key != "sealed":
                yield from _leaves(part, f"{name}.{key}" if name else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict | list):
        for number, part in enumerate(value, 1):
            yield from _leaves(part, f"{name} {number}")
    else:
        yield name, ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
