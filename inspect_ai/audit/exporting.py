"""Export of every entry and the head, so that a copy kept elsewhere can prove the log later."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import IO, Any

from inspect_ai.audit.chain import ORIGIN, Head
from inspect_ai.audit.log import Log
from inspect_ai.audit.records import Entry
from inspect_ai.errors import UsageError
from inspect_ai.whole_file import whole_file

COLUMNS = (
    "id", "time", "kind", "subject", "task", "outcome", "certified", "score", "reason", "refers", "operator", "hash"
)  # fmt: skip
_FORMULA = frozenset("=+-@\t\r")  # what spreadsheets take for the start of a formula (OWASP, CSV injection)


def export_jsonl(log: Log, to: IO[str]) -> Head:
    """Write one line per entry (document as hashed, previous, hash) and last {"type": "head", "rows", "head"}."""
    head = Head(rows=0, hash=ORIGIN)
    for entry in log.entries():
        chained = {"document": entry.document, "previous": entry.previous, "hash": entry.hash}
        _line(to, {"type": "entry", "id": entry.id, **chained})
        head = Head(rows=entry.id, hash=entry.hash)
    _line(to, {"type": "head", "rows": head.rows, "head": head.hash})
    return head


def export_csv(log: Log, to: IO[str]) -> Head:
    """Write one row per entry for spreadsheets. Formulas get a leading quote, control characters are left out."""
    head = Head(rows=0, hash=ORIGIN)
    table = csv.writer(to, lineterminator="\n")
    table.writerow(COLUMNS)
    for entry in log.entries():
        table.writerow([_cell(value) for value in _values(entry)])
        head = Head(rows=entry.id, hash=entry.hash)
    return head


def export(log: Log, to: Path, *, as_csv: bool = False) -> Head:
    """Write the file `to` (JSON Lines, or CSV), whole or not at all, for its owner alone, and return the head.

    Raises UsageError if it cannot be written.
    """
    try:
        to.parent.stat()  # a folder that is misspelt is not made
        with whole_file(to, private=True) as draft, draft.open("w", encoding="utf-8", newline="") as file:
            head = export_csv(log, file) if as_csv else export_jsonl(log, file)
    except OSError as e:
        raise UsageError(f"The export {to} cannot be written ({e.strerror}). Name another file.") from e
    return head


def _line(to: IO[str], value: dict[str, Any]) -> None:
    """Write one line in ASCII, so that no text from a header reaches a terminal as a control code."""
    to.write(json.dumps(value, ensure_ascii=True) + "\n")


def _values(entry: Entry) -> list[object]:
    return [getattr(entry, name) for name in COLUMNS]


def _cell(value: object) -> str:
    """Text of a cell; header text may be anything."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = repr(value) if isinstance(value, float) else str(value)
    text = "".join(character if character.isprintable() else " " for character in text)
    return f"'{text}" if text.lstrip()[:1] in _FORMULA and text.lstrip() else text
