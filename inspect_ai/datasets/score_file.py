"""Score files: one CSV row a scored picture, as `inspect-ai evaluate --scores` or another program wrote it.

Columns: unit (or file), positive, score; group and label where there are any; all further columns may tell groups
apart. Every row is checked before any is used, and the digest is of the bytes that were read.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from inspect_ai.errors import InputError, UsageError
from inspect_ai.text import printable

LARGEST_BYTES = 500_000_000
POSITIVE = {"1": True, "true": True, "0": False, "false": False}
FORMULA_STARTS = "=+-@\t\r"  # a table program takes such a cell for a formula, so a quote is put before it


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRow:
    """One scored picture. `group` is the independent unit that it belongs to, `unit` itself where no other is named.

    `label` is empty where the file has no such column.
    """

    unit: str
    group: str
    label: str
    positive: bool
    score: float
    columns: tuple[tuple[str, str], ...]  # (name, value) of label and all further columns


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreFile:
    """Rows of one file and the SHA-256 of its bytes."""

    path: Path
    sha256: str
    rows: tuple[ScoreRow, ...]

    @property
    def grouped(self) -> bool:
        """True when some group has several rows."""
        return len({row.group for row in self.rows}) < len(self.rows)


def read_score_file(path: Path) -> ScoreFile:
    """Read and check every row.

    Raises InputError for a file that cannot be read as UTF-8 CSV, UsageError that names column or line for all else.
    """
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise InputError(f"{path} is larger than {LARGEST_BYTES} bytes; give one row a picture, and no pixels.")
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as e:
        raise InputError(f"{path} cannot be read ({e.strerror}). Give a CSV file with a header line.") from e
    except UnicodeDecodeError as e:
        raise InputError(f"{path} is no UTF-8 text (byte {e.start}). Save it as CSV in UTF-8.") from e
    table = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(table, [])
        names = _names(path, header)
        rows = tuple(_rows(path, names, table))
    except csv.Error as e:
        raise InputError(f"{path} cannot be read as CSV (line {table.line_num}: {e}).") from e
    if not rows:
        raise UsageError(f"{path} holds no scores: there is no line after the header.")
    return ScoreFile(path=path, sha256=hashlib.sha256(content).hexdigest(), rows=rows)


def quoted(text: str) -> str:
    """Quote a cell so that no table program takes it for a formula."""
    return "'" + text if text[:1] in FORMULA_STARTS and text else text


def unquoted(cell: str) -> str:
    """Undo `quoted`."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in FORMULA_STARTS and cell[1:] else cell


def _names(path: Path, header: list[str]) -> list[str]:
    names = [name.strip() for name in header]
    if not any(names):
        raise UsageError(f"{path} is empty. Its first line must name the columns: unit,group,positive,score.")
    missing = [name for name in ("positive", "score") if name not in names]
    if "unit" not in names and "file" not in names:
        missing.insert(0, "unit (or file)")
    if missing:
        raise UsageError(
            f"{path} lacks columns: {', '.join(missing)}; its first line names: {printable(', '.join(names))}. "
            f"Separate columns by commas."
        )
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"{path} names a column twice: {printable(', '.join(twice))}.")
    return names


def _rows(path: Path, names: list[str], table: Iterator[list[str]]) -> Iterator[ScoreRow]:
    key = "unit" if "unit" in names else "file"
    further = [name for name in names if name and name not in (key, "group", "positive", "score")]
    seen: dict[str, int] = {}
    for number, cells in enumerate(table, 2):
        if not any(cells):
            continue
        if len(cells) != len(names):
            raise UsageError(f"{path}, row {number}: {len(cells)} cells, but the first line names {len(names)}.")
        row = dict(zip(names, map(unquoted, cells), strict=True))
        unit, where = row[key].strip(), f"{path}, row {number}"
        if not unit:
            raise UsageError(f"{where}: {key} is empty; give each row a name of its own.")
        if unit in seen:
            raise UsageError(
                f"{where}: {key} {printable(unit, 60)!r} is there already, in row {seen[unit]}. Name each picture "
                f"once; what belongs together (a patient, a part) goes into column group."
            )
        seen[unit] = number
        yield ScoreRow(
            unit=unit,
            group=row.get("group", "").strip() or unit,
            label=row.get("label", "").strip(),
            positive=_positive(row["positive"], where),
            score=_score(row["score"], where),
            columns=tuple((name, row[name]) for name in further),
        )


def _positive(text: str, where: str) -> bool:
    found = POSITIVE.get(text.strip().lower())
    if found is None:
        raise UsageError(f"{where}: positive is {printable(repr(text), 40)}; write 1 or 0, or true or false.")
    return found


def _score(text: str, where: str) -> float:
    try:
        value = float(text) if "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UsageError(
            f"{where}: the score is not a number ({printable(repr(text), 40)}). Write it in digits with a point, such "
            f"as 0.125, and leave no picture out: one that could not be scored is a result too."
        )
    return value
