"""Labelled folders: labels.csv with images beside it or in images.zip, or one folder a class.

Groups never cross splits. Where train has no calibration part beside it, a share of its groups is set aside before
training, always the same ones. Without torch, so that calibrate and evaluate can read folders fast.
"""

from __future__ import annotations

import csv
import hashlib
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from inspect_ai.config import LabelSet, TaskConfig
from inspect_ai.errors import InputError, UsageError
from inspect_ai.ingest.formats import HEAD_BYTES, format_of, has_picture_ending, is_sidecar, is_temporary

MAX_FILE_BYTES = 256 << 20  # a picture in a zip that unpacks to more is no picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One labelled picture. `grade` and `masks` only where the label set defines them.

    `columns`: (name, value) of every column that tells pictures apart: all but file, split, group and masks.
    """

    file: str
    label: str
    split: str
    group: str
    grade: int | None = None
    masks: tuple[str, ...] = ()
    columns: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledFolder:
    """Rows of one folder and the label set that their labels come from."""

    root: Path
    labels: LabelSet
    rows: tuple[Row, ...]

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
        with TemporaryDirectory(prefix="inspect_ai_") as temporary, _opened(archive) as pictures:
            for row in rows:
                for name in (row.file, *row.masks):
                    _extract(pictures, archive, name, Path(temporary))
            yield Path(temporary)


def read_folder(root: Path, config: TaskConfig) -> LabelledFolder:
    """Read and check one labelled folder. Raises UsageError or InputError naming file, line and remedy."""
    if not root.is_dir():
        raise InputError(f"{root} is no folder. Give the folder that holds labels.csv, or one folder a class.")
    table = root / "labels.csv"
    raw = list(_table(table)) if table.is_file() else list(_class_folders(root))
    if not raw:
        raise InputError(f"{table if table.is_file() else root} lists no pictures.")
    # The column is part of the label set, and the values determine the label set, so each set's own column is tried.
    for labels in config.labels:
        if labels.column in raw[0] and {r[labels.column] for r in raw} <= set(labels.classes):
            rows = tuple(_row(r, labels, i, table) for i, r in enumerate(raw))
            _check_groups(rows, table)
            return LabelledFolder(root=root, labels=labels, rows=rows)
    config.label_set({r.get("label", "") for r in raw}, str(table))
    raise UsageError(f"{table} lacks the columns that task {config.name} reads its labels from.")


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


def _table(path: Path) -> Iterator[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as f:
            reader = csv.DictReader(f)
            if "file" not in (reader.fieldnames or ()):
                raise UsageError(
                    f"{path} needs a header line with a column 'file' (and 'label'); it has {reader.fieldnames}."
                )
            for line in reader:
                yield {key: value or "" for key, value in line.items() if key is not None}
    except (UnicodeDecodeError, csv.Error) as e:
        raise UsageError(f"{path} is not a UTF-8 CSV file: {e}.") from e


def _class_folders(root: Path) -> Iterator[dict[str, str]]:
    for folder in sorted(p for p in root.iterdir() if p.is_dir() and not is_temporary(p.name)):
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            name = file.relative_to(root)
            if not any(is_temporary(part) for part in name.parts) and _is_picture(file):
                yield {"file": name.as_posix(), "label": folder.name}


def _is_picture(file: Path) -> bool:
    """True for a file named as a picture, and for any other that is no sidecar by its content."""
    if has_picture_ending(file.name):
        return True
    with file.open("rb") as f:
        return not is_sidecar(file.name, format_of(f.read(HEAD_BYTES)))


def _row(raw: dict[str, str], labels: LabelSet, index: int, table: Path) -> Row:
    name = PurePosixPath(raw["file"])
    if name.is_absolute() or ".." in name.parts:
        raise UsageError(f"{table} line {index + 2}: {raw['file']!r} points out of the folder.")
    grade = raw.get(labels.grade_column or "", "")
    masks = [m for m in raw.get(labels.mask_column or "", "").split(";") if m]
    if labels.mask_kinds:
        masks = [m for m in masks if PurePosixPath(m).stem.rsplit("_", 1)[-1] in labels.mask_kinds]
    known = {"file", "split", "group", labels.mask_column}
    return Row(
        file=raw["file"],
        label=raw[labels.column],
        split=raw.get("split", ""),
        group=raw.get("group") or raw["file"],
        grade=int(grade) if grade.isdigit() else None,
        masks=tuple(masks),
        columns=tuple((column, value) for column, value in raw.items() if column not in known),
    )


def _check_groups(rows: tuple[Row, ...], table: Path) -> None:
    splits: dict[str, str] = {}
    for row in rows:
        if splits.setdefault(row.group, row.split) != row.split:
            both = f"{splits[row.group]!r} and {row.split!r}"
            raise UsageError(f"{table}: group {row.group!r} stands in splits {both}; a group belongs to one split.")


@contextmanager
def _opened(archive: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(archive) as pictures:
            yield pictures
    except zipfile.BadZipFile as e:
        raise InputError(f"{archive} is no readable zip file ({e}). Copy it again.") from e


def _extract(pictures: zipfile.ZipFile, archive: Path, name: str, into: Path) -> None:
    parts = PurePosixPath(name).parts
    if PurePosixPath(name).is_absolute() or ".." in parts:
        raise UsageError(f"{archive}: {name!r} points out of the folder.")
    try:
        info = pictures.getinfo(name)
    except KeyError as e:
        raise InputError(f"{archive} does not hold {name!r}, which labels.csv lists.") from e
    if info.file_size > MAX_FILE_BYTES:
        raise InputError(f"{archive}: {name!r} unpacks to {info.file_size >> 20} MiB, more than a picture may have.")
    target = into.joinpath(*parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(pictures.read(info))
