"""Results on disk: JSON for programs, CSV for table programs, Markdown for people. Each file is whole or absent."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from inspect_ai.errors import UsageError


def write_files(out: Path, texts: Mapping[str, str]) -> tuple[Path, ...]:
    """Write each text below OUT under its file name. Raises UsageError if the folder cannot be written."""
    with output_folder(out):
        for name, text in texts.items():
            write_text(out / name, text)
    return tuple(out / name for name in texts)


@contextmanager
def output_folder(out: Path) -> Iterator[None]:
    """Make the folder that the body writes to. Raises UsageError where the body or the folder cannot be written."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as e:
        raise UsageError(f"{out} cannot be written ({e.strerror}). Choose another folder with --out.") from e


def write_text(path: Path, text: str) -> None:
    """Write the file whole or not at all. Raises OSError."""
    partial = path.with_name(path.name + ".part")
    partial.write_text(text, "utf-8", newline="")  # csv ends its lines itself
    partial.replace(path)


def json_text(values: Any) -> str:
    """Indented JSON; NaN and infinity, which it does not know, become null."""
    return json.dumps(finite(values), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def finite(value: Any) -> Any:
    """The same plain values with None for every float that is not finite."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(part) for key, part in value.items()}
    return [finite(part) for part in value] if isinstance(value, list | tuple) else value


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[Any] | Mapping[str, Any]]) -> str:
    """A line of column names and one line a row; a row is in column order, or by column with "" for what it lacks."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([row.get(name, "") for name in columns] if isinstance(row, Mapping) else row)
    return text.getvalue()


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]], *, left: int | None = None) -> str:
    """A table that ends in a line break; the first `left` columns (None: all) are set left, the others right."""
    left = len(head) if left is None else left
    lines = [head, ["---"] * left + ["---:"] * (len(head) - left), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
