"""Pictures that a person leaves out of training: a table with column `file`, such as the sheet of suspected labels.

Out of training alone. A calibration or evaluation part without the positives that a network scored low would prove a
sensitivity that new pictures do not have; so whatever the list names there stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from inspect_ai.datasets.folder import LabelledFolder
from inspect_ai.datasets.score_file import unquoted
from inspect_ai.datasets.table import RawRow, read_table
from inspect_ai.errors import UsageError
from inspect_ai.text import printable

MARK, DATA = "exclude", "data"  # columns: a mark beside a picture to leave out; name of the folder that it lies in
NO_MARK = ("", "0", "no", "false")


@dataclass(frozen=True, slots=True, kw_only=True)
class Excluded:
    """Names of the files that training leaves out, one set a folder, and sentences on what the list did."""

    files: tuple[frozenset[str], ...]
    said: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Number of pictures that are left out."""
        return sum(len(files) for files in self.files)


def excluded(path: Path | None, folders: Sequence[LabelledFolder]) -> Excluded:
    """Find the listed pictures in the folders, whose splits are settled; nothing is excluded without a list.

    Where the table has a column `exclude`, only the rows with a mark in it count. Raises UsageError for a list without
    a mark and for a picture that is in no folder, InputError for a file that cannot be read.
    """
    if path is None:
        return Excluded(files=(frozenset(),) * len(folders))
    out: list[set[str]] = [set() for _ in folders]
    kept: dict[str, int] = {}
    for row in _marked(path):
        name = unquoted(row.values["file"])
        where = [i for i, folder in enumerate(folders) if row.get(DATA) in ("", folder.root.resolve().name)]
        splits = [(i, one.split) for i in where for one in folders[i].rows if one.file == name]
        if not splits and not any(name == gone.file for i in where for gone in folders[i].skipped):
            raise UsageError(
                f"{path} line {row.line} lists {printable(name, 120)!r}, which is in none of the folders. Write the "
                f"name as labels.csv has it, or delete the line."
            )
        for i, split in splits:
            if split == "train":
                out[i].add(name)
            else:
                kept[split] = kept.get(split, 0) + 1
    return Excluded(files=tuple(map(frozenset, out)), said=tuple(_said(path, sum(map(len, out)), kept)))


def _marked(path: Path) -> list[RawRow]:
    rows = read_table(path).rows
    marked = [row for row in rows if not row.has(MARK) or row.get(MARK).casefold() not in NO_MARK]
    if not marked:
        raise UsageError(
            f"{path} marks no picture. Look at each one, write x into column {MARK} beside those whose label is wrong "
            f"or that show nothing, and start again."
        )
    return marked


def _said(path: Path, count: int, kept: dict[str, int]) -> list[str]:
    pictures = "1 picture of train is" if count == 1 else f"{count} pictures of train are"
    said = [f"{pictures} left out, as {printable(str(path), 200)} says"]
    if kept:
        splits = ", ".join(f"{n} of {split}" for split, n in sorted(kept.items()))
        said.append(f"{splits} on that list stay: a part without its hardest positives would prove more than is true")
    return said
