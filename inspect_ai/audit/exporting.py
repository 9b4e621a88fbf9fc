"""Export of every entry and the head, so that a copy kept elsewhere can prove the log later."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, TypeAlias

from inspect_ai.audit.chain import ORIGIN, Head
from inspect_ai.audit.heads import SignedHead, log_name, place_of
from inspect_ai.audit.log import Log
from inspect_ai.audit.records import Entry, utc_text
from inspect_ai.errors import UsageError
from inspect_ai.whole_file import whole_file

COLUMNS = (
    "id", "time", "kind", "subject", "task", "outcome", "certified", "score", "reason", "refers", "operator", "hash",
    "certified_now", "standing", "remarks",
)  # fmt: skip
Lapsed: TypeAlias = Callable[[Entry], str]
_FORMULA = frozenset("=+-@\t\r")  # what spreadsheets take for the start of a formula (OWASP, CSV injection)


def export_jsonl(log: Log, to: IO[str], *, kept: Sequence[SignedHead] = (), key_file: str = "") -> Head:
    """Write one line per entry (document as hashed, previous, hash), the heads `kept` elsewhere, and last the head.

    key_file: private key that signs the head. Raises SetupError where it cannot be read.
    """
    from inspect_ai.signature import read_key

    head = Head(rows=0, hash=ORIGIN)
    first = ""
    for entry in log.entries():
        chained = {"document": entry.document, "previous": entry.previous, "hash": entry.hash}
        _line(to, {"type": "entry", "id": entry.id, **chained})
        first = first or entry.hash
        head = Head(rows=entry.id, hash=entry.hash)
    for earlier in kept:
        to.write(earlier.line() + "\n")
    last = SignedHead(rows=head.rows, head=head.hash)
    if first:
        last = replace(last, log=log_name(first), place=place_of(log.path))
    if key_file and first:
        last = replace(last, time=utc_text(datetime.now(UTC))).signed(read_key(Path(key_file)))
    to.write(last.line() + "\n")
    return head


def export_csv(log: Log, to: IO[str], lapsed: Lapsed | None = None) -> Head:
    """Write one row per entry for spreadsheets. Formulas get a leading quote, control characters are left out.

    `lapsed`: gives the reason why a certified decision is certified no longer, "" for all others.
    """
    head = Head(rows=0, hash=ORIGIN)
    table = csv.writer(to, lineterminator="\n")
    table.writerow(COLUMNS)
    for entry in log.entries():
        table.writerow([_cell(value) for value in _values(entry, lapsed(entry) if lapsed else "")])
        head = Head(rows=entry.id, hash=entry.hash)
    return head


def export(
    log: Log,
    to: Path,
    *,
    as_csv: bool = False,
    lapsed: Lapsed | None = None,
    kept: Sequence[SignedHead] = (),
    key_file: str = "",
) -> Head:
    """Write the file `to` (JSON Lines, or CSV), whole or not at all, for its owner alone, and return the head.

    Raises UsageError if it cannot be written.
    """
    try:
        to.parent.stat()  # a folder that is misspelt is not made
        with whole_file(to, private=True) as draft, draft.open("w", encoding="utf-8", newline="") as file:
            head = export_csv(log, file, lapsed) if as_csv else export_jsonl(log, file, kept=kept, key_file=key_file)
    except OSError as e:
        raise UsageError(f"The export {to} cannot be written ({e.strerror}). Name another file.") from e
    return head


def _line(to: IO[str], value: dict[str, Any]) -> None:
    """Write one line in ASCII, so that no text from a header reaches a terminal as a control code."""
    to.write(json.dumps(value, ensure_ascii=True) + "\n")


def _values(entry: Entry, lapsed: str) -> list[object]:
    now = None if entry.certified is None else entry.certified and not lapsed
    return [*(getattr(entry, name) for name in COLUMNS[:-3]), now, lapsed, " | ".join(entry.remarks)]


def _cell(value: object) -> str:
    """Text of a cell; header text may be anything."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = repr(value) if isinstance(value, float) else str(value)
    text = "".join(character if character.isprintable() else " " for character in text)
    return f"'{text}" if text.lstrip()[:1] in _FORMULA and text.lstrip() else text
