"""Labelled folders: labels.csv with images beside it or in images.zip, or one folder a class.

Groups never cross splits. Where train has no calibration part beside it, a share of its groups is set aside before
training, always the same ones. Without torch, so that calibrate and evaluate can read folders fast.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from inspect_ai.config import LabelSet, TaskConfig
from inspect_ai.datasets.account import BLANK, HIDDEN, IGNORED, LISTED_TWICE, NOT_LISTED, Skipped
from inspect_ai.datasets.archive import extract, opened
from inspect_ai.datasets.class_folders import Listing, files_below, read_class_folders, split_name, why_no_picture
from inspect_ai.datasets.exports import read_coco, read_yolo
from inspect_ai.datasets.file_names import FileNames
from inspect_ai.datasets.labelling import labelled
from inspect_ai.datasets.table import RawRow, read_table, table_in
from inspect_ai.errors import InputError, UsageError
from inspect_ai.ingest.formats import is_temporary
from inspect_ai.text import printable


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One labelled picture. `grade` and `masks` only where the label set defines them.

    `columns`: (name, value) of every column that tells pictures apart: all but file, split, group, masks and stacks.
    `stack`: the slices around `file` in order, itself among them, and `votes` their readers' votes; () of a picture.
    """

    file: str
    label: str
    split: str
    group: str
    grade: int | None = None
    masks: tuple[str, ...] = ()
    stack: tuple[str, ...] = ()
    votes: tuple[str, ...] = ()
    columns: tuple[tuple[str, str], ...] = ()
    unit: str = ""  # what counts once in a proof: its group or itself, as the label set says, with all its copies
    line: int = 0  # of labels.csv

    @property
    def files(self) -> tuple[str, ...]:
        """Names of all files that belong to the row, each once."""
        return tuple(dict.fromkeys((self.file, *self.stack, *self.masks, *self.votes)))


def unit_of(row: Row, labels: LabelSet) -> str:
    """Independent unit of a row: what its folder says, after copies were joined."""
    return row.unit or (row.group if labels.independent == "group" else row.file)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledFolder:
    """Rows of one folder and the label set that their labels come from.

    source: the table, or the folder where its layout labels the pictures. skipped: all other files that were found.
    understood: sentences on what was read other than it is written. grouped: every row names its group. ignored: rows
    whose label counts neither way; they stand among `skipped`, and say where no negative may be looked for.
    """

    root: Path
    labels: LabelSet
    rows: tuple[Row, ...]
    source: Path = Path()
    skipped: tuple[Skipped, ...] = ()
    understood: tuple[str, ...] = ()
    grouped: bool = False
    ignored: tuple[Row, ...] = ()

    @property
    def vouched(self) -> bool:
        """True where a person vouches for the groups: near copies in different ones are told, and not joined."""
        return self.grouped and self.labels.near_copies == "report"

    def names(self) -> FileNames:
        """Names of the files that are there."""
        return FileNames(self.root)

    def part(self, split: str) -> tuple[Row, ...]:
        """Rows of one split; all rows where no row names a split. Raises UsageError that lists what there is."""
        if all(row.split == "" for row in self.rows):
            return self.rows
        rows = tuple(row for row in self.rows if row.split == split)
        if not rows:
            there = ", ".join(sorted({row.split for row in self.rows}))
            raise UsageError(f"{self.root} has no rows of split {split!r}; it has: {there}. Choose one with --split.")
        return rows

    @contextmanager
    def unpacked(self, rows: Iterable[Row]) -> Iterator[Path]:
        """Folder with the rows' pictures and masks as files: the folder itself, or a temporary one from images.zip."""
        archive = self.root / "images.zip"
        if not archive.is_file():
            yield self.root
            return
        with TemporaryDirectory(prefix="inspect_ai_") as temporary, opened(archive) as pictures:
            for row in rows:
                for name in row.files:
                    extract(pictures, archive, name, Path(temporary))
            yield Path(temporary)


def read_folder(root: Path, config: TaskConfig) -> LabelledFolder:
    """Read and check one labelled folder. Raises UsageError or InputError naming file, line and remedy."""
    listing, source = listed(root)
    path = table_in(root)
    names = FileNames(root)
    found = labelled(listing.rows, config, source, listing.any_defect)
    files = [names.find(raw.values["file"], f"{source} line {raw.line}") for raw in listing.rows]
    every = [
        _row(raw, file, label, found.labels)
        for raw, file, label in zip(listing.rows, files, found.classes, strict=True)
    ]
    rows, again = _once(every, source)
    _check_groups(rows, source)
    unlisted = _unlisted(root, path, rows, names) if path is not None else ()
    ignored = tuple(row for row in rows if row.label in found.labels.ignore)
    return LabelledFolder(
        root=root,
        labels=found.labels,
        rows=tuple(row for row in rows if row.label not in found.labels.ignore),
        source=source,
        skipped=(*listing.skipped, *again, *unlisted, *(Skipped(file=row.file, reason=IGNORED) for row in ignored)),
        understood=(*listing.understood, *_other_names(listing.rows, files), *found.understood),
        grouped=all(raw.get("group") for raw in listing.rows),
        ignored=ignored,
    )


def listed(root: Path) -> tuple[Listing, Path]:
    """Rows of a labelled folder as they are written, and the table or folder that says so.

    Raises UsageError or InputError naming file and line.
    """
    if not root.is_dir():
        raise InputError(f"{root} is no folder. Give the folder that holds labels.csv, or one folder a class.")
    path = table_in(root)
    if path is not None:
        table = read_table(path)
        blank = [Skipped(file="", reason=BLANK)] * table.blank
        listing = Listing(rows=table.rows, skipped=tuple(blank), understood=table.understood)
    else:
        listing = read_coco(root) or read_yolo(root) or read_class_folders(root)
    if not listing.rows:
        raise InputError(f"{path or root} lists no pictures.")
    return listing, path or root


def _other_names(raw: Sequence[RawRow], files: Sequence[str]) -> list[str]:
    other = [(row.values["file"], file) for row, file in zip(raw, files, strict=True) if row.values["file"] != file]
    if not other:
        return []
    (written, there), more = other[0], len(other) - 1
    return [
        f"{printable(written, 80)!r} was read as {printable(there, 80)!r}"
        f"{f', and {more} more names like it' if more else ''}"
    ]


def with_splits(folders: list[LabelledFolder], *, calibration_share: float) -> list[LabelledFolder]:
    """Split folders for training: each label set gets train, val and calibration groups.

    Without any split column, a fifth of the groups becomes val. Where no folder of a label set has a calibration part
    and the set decides, `calibration_share` of train's groups becomes one.
    """
    ready = []
    for folder in folders:
        rows = folder.rows
        if all(row.split == "" for row in rows):
            rows = _resplit(rows, "", "val", 0.2)
            rows = tuple(replace(row, split="train") if row.split == "" else row for row in rows)
        mates = [f for f in folders if f.labels.name == folder.labels.name]
        if folder.labels.decides and not any(row.split == "calibration" for f in mates for row in f.rows):
            rows = _resplit(rows, "train", "calibration", calibration_share)
        if not any(row.split == "val" for row in rows):
            rows = _resplit(rows, "train", "val", 0.2)
        ready.append(replace(folder, rows=rows))
    return ready


def _resplit(rows: tuple[Row, ...], source: str, target: str, share: float) -> tuple[Row, ...]:
    """Move a share of a split's groups, chosen by their names alone, with labels kept balanced."""
    groups: dict[str, str] = {}
    for row in rows:
        if row.split == source:
            groups[row.group] = max(groups.get(row.group, ""), row.label)
    moved = set()
    for label in sorted(set(groups.values())):
        mine = sorted(
            (g for g, kind in groups.items() if kind == label), key=lambda g: hashlib.sha256(g.encode()).digest()
        )
        moved.update(mine[: round(share * len(mine))])
    return tuple(replace(row, split=target) if row.split == source and row.group in moved else row for row in rows)


def _row(raw: RawRow, name: str, label: str, labels: LabelSet) -> Row:
    grade = raw.get(labels.grade_column or "")
    masks = list(_names(raw, labels.mask_column))
    if labels.mask_kinds:
        masks = [m for m in masks if PurePosixPath(m).stem.rsplit("_", 1)[-1] in labels.mask_kinds]
    stack, votes = (_names(raw, column) for column in (labels.stack_column, labels.votes_column))
    _check_stack(name, stack, votes, raw.line)
    beside = (labels.mask_column, labels.stack_column, labels.votes_column)
    known = {"file", "split", "group", *((column or "").casefold() for column in beside)}
    own = {labels.column.casefold(): label}
    group = raw.get("group") or name
    return Row(
        file=name,
        label=label,
        split=split_name(raw.get("split")),
        group=group,
        unit=group if labels.independent == "group" else name,
        grade=int(grade) if grade.isdigit() else None,
        masks=tuple(masks),
        stack=stack,
        votes=votes,
        columns=tuple((c, own.get(c.casefold(), v)) for c, v in raw.values.items() if c.casefold() not in known),
        line=raw.line,
    )


def _names(raw: RawRow, column: str | None) -> tuple[str, ...]:
    """Names of files that one cell joins by semicolons."""
    return tuple(name.replace("\\", "/") for name in raw.get(column or "").split(";") if name)


def _check_stack(name: str, stack: tuple[str, ...], votes: tuple[str, ...], line: int) -> None:
    """Check that the slices hold the row's own file, and that each has its votes. Raises UsageError."""
    shown = printable(name, 120)
    if stack and name not in stack:
        raise UsageError(f"labels.csv line {line}: the stack of {shown!r} does not hold the file itself. Add it there.")
    if votes and len(votes) != len(stack):
        raise UsageError(
            f"labels.csv line {line}: {shown!r} has {len(stack)} slices and {len(votes)} files of votes. "
            f"Name one for each slice, in the same order."
        )


def _once(rows: Sequence[Row], source: Path) -> tuple[list[Row], list[Skipped]]:
    """Each file once. Raises UsageError that names both lines where two rows of one file contradict each other."""
    first: dict[str, Row] = {}
    again = []
    for row in rows:
        there = first.setdefault(row.file, row)
        if there is row:
            continue
        if there.label != row.label:
            said = f"as {row.label!r}, and in line {there.line} as {there.label!r}"
        elif _rest(there) != _rest(row):
            said = f"with another split, group, mask, stack or grade than in line {there.line}"
        else:
            again.append(Skipped(file=row.file, reason=LISTED_TWICE))
            continue
        raise UsageError(f"{source} line {row.line} lists {printable(row.file, 120)!r} again {said}. Keep one of them.")
    return list(first.values()), again


def _rest(row: Row) -> tuple[object, ...]:
    return row.split, row.group, row.masks, row.stack, row.votes, row.grade


def _unlisted(root: Path, table: Path, rows: Sequence[Row], names: FileNames) -> Iterator[Skipped]:
    """Files beside a table that it does not list."""
    listed = {table.name, "images.zip", *(name for row in rows for name in row.files)}
    for name in sorted(names.archived if names.archived is not None else files_below(root)):
        if name in listed:
            continue
        hidden = any(is_temporary(part) for part in PurePosixPath(name).parts)
        if names.archived is None:
            yield Skipped(file=name, reason=HIDDEN if hidden else why_no_picture(root / name) or NOT_LISTED)
        else:
            yield Skipped(file=name, reason=HIDDEN if hidden else NOT_LISTED)


def _check_groups(rows: Sequence[Row], table: Path) -> None:
    splits: dict[str, str] = {}
    for row in rows:
        if splits.setdefault(row.group, row.split) != row.split:
            both = f"{splits[row.group]!r} and {row.split!r}"
            raise UsageError(f"{table}: group {row.group!r} stands in splits {both}; a group belongs to one split.")
