"""`inspect-ai pacs list`: received studies with their state, and what a DICOMweb destination has besides."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inspect_ai.cli import common
from inspect_ai.cli.pacs.events import SHOWN
from inspect_ai.cli.pacs.options import Into, Quiet, existing, seconds
from inspect_ai.cli.pacs.web_source import web_source

if TYPE_CHECKING:
    from inspect_ai.pacs.destinations import Web
    from inspect_ai.pacs.web import Offered
    from inspect_ai.pacs.worklist import Listed

COLUMNS = ("study", "state", "outcome", "score", "instances", "date", "entries", "problem")


def list_studies(
    into: Into,
    source: Annotated[str, typer.Option("--from", help="List what this DICOMweb destination has.")] = "",
    quiet: Quiet = "60s",
    db: common.Db = None,
    as_json: common.Json = False,
) -> None:
    """List received studies with their state, flagged ones first; with --from, also those that can be fetched.

    Example: inspect-ai pacs list --into ./received
    """
    rows = _received(into if source else existing(into), quiet, db)
    if source:
        rows = _with_offered(rows, web_source(source))
    if as_json:
        for row in rows:
            common.emit(row)
        return
    common.table("", *COLUMNS, rows=[tuple(_cell(row, column) for column in COLUMNS) for row in rows])
    if not rows:
        print(f"No study in {into}.")


def _received(into: Path, quiet: str, db: Path | None) -> list[dict[str, Any]]:
    """A row for each study of the folder, flagged ones first."""
    from contextlib import nullcontext

    from inspect_ai.audit import open_log
    from inspect_ai.pacs.received import Received
    from inspect_ai.pacs.worklist import worklist

    settings = common.settings(db=db)
    log_or_none = open_log(settings.db, create=False) if settings.db.exists() else nullcontext(None)
    with log_or_none as log:
        return [_plain(row) for row in worklist(Received(into), log, seconds(quiet))]


def _plain(row: Listed) -> dict[str, Any]:
    from datetime import UTC, datetime

    return {
        "type": "received",
        "study": row.key,
        "state": row.state.value,
        "outcome": None if row.outcome is None else row.outcome.value,
        "score": row.score,
        "instances": row.instances,
        "date": datetime.fromtimestamp(row.newest, UTC).isoformat(timespec="seconds"),
        "entries": list(row.entries),
        "problem": row.problem or None,
    }


def _with_offered(rows: list[dict[str, Any]], there: Web) -> list[dict[str, Any]]:
    """Rows of received studies, flagged first, then what the destination has besides, newest first."""
    from inspect_ai.pacs.web import offered

    known = {row["study"] for row in rows}
    others = [found for found in offered(there) if found.key not in known]
    others.sort(key=lambda found: found.date, reverse=True)
    return [*rows, *map(_offered, others)]


def _offered(found: Offered) -> dict[str, Any]:
    return {
        "type": "offered",
        "study": found.key,
        "state": "not fetched",
        "outcome": None,
        "score": None,
        "instances": found.instances,
        "date": found.date or None,
        "entries": [],
        "problem": None,
    }


def _cell(row: dict[str, Any], column: str) -> object:
    value = row[column]
    if column == "study":
        return value[:SHOWN]
    if column == "score":
        return None if value is None else f"{value:.4f}"
    if column == "entries":
        return " ".join(f"#{number}" for number in value)
    return value
