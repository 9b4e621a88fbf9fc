"""labels.csv as spreadsheets and tools write it: rows with their line numbers, or a sentence with table and line.

Read are UTF-8 and UTF-16, with and without a byte order mark, and Windows-1252 where neither fits; columns separated by
commas, semicolons, tabs or bars (the one that makes `file` a column); capitals and spaces in names of columns.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from inspect_ai.domain import OBSERVABLE
from inspect_ai.errors import InputError, UsageError
from inspect_ai.text import printable

NAMES = ("labels.csv", "labels.tsv", "labels.txt")  # in any capitals
SEPARATORS = ",;\t|"
FILE_COLUMNS = ("file", "filename", "file_name", "image", "path")  # in this order of preference
LABEL_COLUMNS = ("label", "class")
PLAIN_COLUMNS = frozenset({"split", "group", *OBSERVABLE})
LARGEST_BYTES = 500_000_000
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRow:
    """One line of labels by the names of its columns. line: of the table, 0 without one.

    kinds: names of what is marked on the picture, where marks and no label say what it is; None with a label.
    """

    values: dict[str, str]
    line: int = 0
    kinds: frozenset[str] | None = None

    def get(self, column: str) -> str:
        """Value of a column, in whatever capitals the column is named; empty without it."""
        if column in self.values:
            return self.values[column]
        return next((value for name, value in self.values.items() if name.casefold() == column.casefold()), "")

    def has(self, column: str) -> bool:
        """True if there is a column of this name, in whatever capitals."""
        return column in self.values or column.casefold() in {name.casefold() for name in self.values}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of a table, how many of its lines are blank, and sentences on what was understood."""

    path: Path
    rows: tuple[RawRow, ...]
    blank: int
    understood: tuple[str, ...]


def table_in(root: Path) -> Path | None:
    """Find the table of a labelled folder, whatever its capitals; None without one. Raises UsageError for two."""
    there = sorted(path for path in root.iterdir() if path.name.lower() in NAMES and path.is_file())
    if len(there) > 1 and not (root / NAMES[0]).is_file():
        raise UsageError(f"{root} holds {' and '.join(p.name for p in there)}. Keep one of them.")
    return root / NAMES[0] if len(there) > 1 else next(iter(there), None)


def read_table(path: Path) -> Table:
    """Read all rows. Raises UsageError or InputError that names the table and the line."""
    text, encoding = _decoded(path)
    said = [f"{path.name} was read as {encoding}"] if encoding not in ("utf-8", "utf-8-sig") else []
    first, _, rest = text.partition("\n")
    skipped_lines = 0
    if first.strip().lower().startswith("sep=") and len(first.strip()) == 5:  # a line that Excel writes and hides
        text, skipped_lines, separator = rest, 1, first.strip()[4]
    else:
        separator = _separator(first)
    if separator != ",":
        said.append(f"{path.name} separates its columns by {'tabs' if separator == chr(9) else repr(separator)}")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        columns = _columns(next(reader, []), path)
        rows, blank = [], 0
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                blank += 1
                continue
            rows.append(_row(cells, columns, path, reader.line_num + skipped_lines))
    except csv.Error as e:
        line = reader.line_num + skipped_lines
        raise UsageError(f"{path} line {line} cannot be read as CSV ({e}). Check the quotes in it.") from e
    return Table(path=path, rows=tuple(rows), blank=blank, understood=tuple(said))


def _decoded(path: Path) -> tuple[str, str]:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise InputError(f"{path} is larger than {LARGEST_BYTES >> 20} MiB: no table of labels.")
        data = path.read_bytes()
    except OSError as e:
        raise InputError(f"{path} cannot be read ({e.strerror}).") from e
    for encoding in _encodings(data):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text, encoding
    raise UsageError(f"{path} is no text table: it is neither UTF-8 nor UTF-16. Save it as CSV UTF-8.")


def _encodings(data: bytes) -> Iterator[str]:
    """Encodings worth trying. UTF-16 without a mark has a zero in every second byte of its ASCII."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            yield encoding
            return
    head = data[:400]
    if head[1::2].count(0) > len(head) // 4:
        yield "utf-16-le"
    if head[0::2].count(0) > len(head) // 4:
        yield "utf-16-be"
    yield from ("utf-8", "cp1252")


def _separator(header: str) -> str:
    """Separator that makes a column `file`; a comma where none does, so that the message names what is there."""
    for separator in SEPARATORS:
        if {_column(cell) for cell in next(csv.reader([header], delimiter=separator), [])} & set(FILE_COLUMNS):
            return separator
    return ","


def _column(cell: str) -> str:
    return cell.strip().strip('"').strip().casefold()


def _columns(header: list[str], path: Path) -> list[str]:
    """Names of the columns as written; those that the program knows under its own names."""
    folded = [_column(cell) for cell in header]
    columns = [name if name in PLAIN_COLUMNS else cell.strip() for name, cell in zip(folded, header, strict=True)]
    for known in (FILE_COLUMNS, LABEL_COLUMNS):
        found = next((name for name in known if name in folded), None)
        if found is not None:
            columns[folded.index(found)] = known[0]
    if FILE_COLUMNS[0] not in columns:
        there = printable(", ".join(cell.strip() for cell in header), 200) or "nothing"
        raise UsageError(f"{path} line 1 needs a header with a column 'file' (and 'label'); it has {there}.")
    written = [name.casefold() for name in columns]
    twice = sorted({name for name in written if name and written.count(name) > 1})
    if twice:
        raise UsageError(f"{path} line 1 names a column twice: {printable(', '.join(twice))}. Rename one.")
    return columns


def _row(cells: list[str], columns: list[str], path: Path, line: int) -> RawRow:
    if any(cell.strip() for cell in cells[len(columns) :]):
        raise UsageError(
            f"{path} line {line} has {len(cells)} cells, but line 1 names {len(columns)} columns. "
            f"Put text with a separator in it into double quotes."
        )
    values = dict.fromkeys(columns, "") | {
        name: cell.strip() for name, cell in zip(columns, cells, strict=False) if name
    }
    values.pop("", None)
    if not values["file"]:
        raise UsageError(f"{path} line {line} names no file. Add it, or delete the line.")
    return RawRow(values=values, line=line)
