"""Class folders: DIR/CLASS/picture, DIR/SPLIT/CLASS/picture (as ImageNet is laid out), and MVTec's train/good with
test/KIND and ground_truth/KIND.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from inspect_ai.datasets.account import HIDDEN, MASK, NO_PICTURE, OUTSIDE_CLASSES, UNREADABLE, Skipped
from inspect_ai.datasets.table import RawRow
from inspect_ai.ingest.formats import HEAD_BYTES, format_of, has_picture_ending, is_sidecar, is_temporary

SPLITS = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "calibration": "calibration", "calib": "calibration",
    "test": "test", "testing": "test",
}  # fmt: skip
MASK_FOLDER, GOOD = "ground_truth", "good"  # of an MVTec export
KIND = "kind"  # the column that keeps the name of a kind of defect


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Pictures that a folder's layout labels, what else lies there, and sentences on what was understood.

    any_defect: labels that are kinds of defects, whatever the task calls its positive class.
    """

    rows: tuple[RawRow, ...]
    skipped: tuple[Skipped, ...]
    understood: tuple[str, ...] = ()
    any_defect: frozenset[str] = frozenset()


def split_name(word: str) -> str:
    """Name of a split as the program calls it: valid and Validation are val."""
    return SPLITS.get(word.casefold(), word)


def read_class_folders(root: Path) -> Listing:
    """List the pictures of class folders by the folder that they lie in."""
    splits = _split_folders(root)
    is_mvtec = bool(splits) and (root / "train" / GOOD).is_dir() and (root / "test").is_dir()
    rows, skipped = [], []
    for name in sorted(files_below(root)):
        parts = PurePosixPath(name).parts
        label_at = 1 if splits else 0
        if any(is_temporary(part) for part in parts):
            skipped.append(Skipped(file=name, reason=HIDDEN))
        elif splits and parts[0] == MASK_FOLDER:
            skipped.append(Skipped(file=name, reason=MASK))
        elif len(parts) < label_at + 2:
            picture = why_no_picture(root / name) is None
            skipped.append(Skipped(file=name, reason=OUTSIDE_CLASSES if picture else NO_PICTURE))
        elif reason := why_no_picture(root / name):
            skipped.append(Skipped(file=name, reason=reason))
        else:
            values = {"file": name, "label": parts[label_at]}
            rows.append(RawRow(values=values | ({"split": split_name(parts[0])} if splits else {})))
    if not is_mvtec:
        said = (f"splits were taken from the folders {', '.join(splits)}",) if splits else ()
        return Listing(rows=tuple(rows), skipped=tuple(skipped), understood=said)
    kinds = frozenset(label for row in rows if (label := row.values["label"]) != GOOD)
    named = ", ".join(sorted(kinds)) or "none"
    said = (f"the folders are an MVTec export: {GOOD} is without defect; kinds of defects: {named}",)
    rows = [RawRow(values=row.values | {KIND: row.values["label"]}) for row in rows]
    return Listing(rows=tuple(rows), skipped=tuple(skipped), understood=said, any_defect=kinds)


def _split_folders(root: Path) -> list[str]:
    """Folders that are splits: every folder with files is one, or holds masks, and each has folders of classes."""
    folders = sorted(p for p in root.iterdir() if p.is_dir() and not is_temporary(p.name) and p.name != "__MACOSX")
    named = [p for p in folders if p.name != MASK_FOLDER]
    if not named or any(p.name.casefold() not in SPLITS for p in named):
        return []
    return [p.name for p in named] if any(any(c.is_dir() for c in p.iterdir()) for p in named) else []


def files_below(root: Path) -> Iterator[str]:
    """Names of all files below a folder, relative to it; hidden folders included, so that they are counted."""
    for folder, _, files in os.walk(root):
        for file in files:
            path = Path(folder) / file
            if path.is_file() or path.is_symlink():
                yield path.relative_to(root).as_posix()


def why_no_picture(file: Path) -> str | None:
    """Reason to skip a file that is not meant to be a picture, by its name and content; None for a picture."""
    if has_picture_ending(file.name):
        return None
    try:
        with file.open("rb") as f:
            return NO_PICTURE if is_sidecar(file.name, format_of(f.read(HEAD_BYTES))) else None
    except OSError:
        return UNREADABLE
