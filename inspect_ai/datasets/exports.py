"""Exports of annotation tools that mark defects on pictures: COCO (JSON) and YOLO (data.yaml with labels/*.txt).

A picture with a mark shows what the marks name; a picture without any shows no defect.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from inspect_ai.datasets.account import ANNOTATION, HIDDEN, NOT_LISTED, Skipped
from inspect_ai.datasets.class_folders import SPLITS, Listing, files_below, split_name, why_no_picture
from inspect_ai.datasets.file_names import FileNames
from inspect_ai.datasets.table import RawRow
from inspect_ai.errors import UsageError
from inspect_ai.ingest.formats import is_temporary
from inspect_ai.text import printable

LARGEST_BYTES = 500_000_000
YAMLS = ("data.yaml", "data.yml", "dataset.yaml")


def read_coco(root: Path) -> Listing | None:
    """List the pictures of a COCO export; None where no JSON below the folder is one."""
    exports = {path: content for path in _json_files(root) if (content := _coco(path)) is not None}
    if not exports:
        return None
    names = FileNames(root)
    rows = [row for path, content in exports.items() for row in _coco_rows(root, path, content, names)]
    listed = {row.values["file"] for row in rows}
    used = ", ".join(sorted(path.relative_to(root).as_posix() for path in exports))
    said = (f"marks were read from {printable(used)} (COCO)", _without_marks(rows))
    return Listing(rows=tuple(rows), skipped=tuple(_others(root, listed, ".json")), understood=said)


def read_yolo(root: Path) -> Listing | None:
    """List the pictures of a YOLO export; None without its data.yaml. Raises UsageError for one without classes."""
    found = next((root / name for name in YAMLS if (root / name).is_file()), None)
    if found is None:
        return None
    classes = _yolo_classes(found)
    rows = []
    for name in sorted(files_below(root)):
        path = PurePosixPath(name)
        if "images" in path.parts[:-1] and not _hidden(name) and why_no_picture(root / name) is None:
            at = len(path.parts) - 2 - path.parts[:-1][::-1].index("images")
            marks = root.joinpath(*path.parts[:at], "labels", *path.parts[at + 1 :]).with_suffix(".txt")
            split = next((split_name(p) for p in path.parts[:-1] if p.casefold() in SPLITS), "")
            values = {"file": name} | ({"split": split} if split else {})
            rows.append(RawRow(values=values, kinds=frozenset(_yolo_marks(marks, classes))))
    if not rows:
        raise UsageError(f"{found} names classes, but no picture lies in a folder 'images' beside 'labels'.")
    listed = {row.values["file"] for row in rows}
    said = (f"classes were read from {found.name} (YOLO): {printable(', '.join(classes.values()))}",)
    skipped = tuple(_others(root, listed, ".txt", ".cache", *Path(found.name).suffixes))
    return Listing(rows=tuple(rows), skipped=skipped, understood=(*said, _without_marks(rows)))


def _json_files(root: Path) -> Iterator[Path]:
    folders = [root, *(p for p in sorted(root.iterdir()) if p.is_dir() and _may_hold_json(p.name))]
    for folder in folders:
        yield from sorted(p for p in folder.glob("*.json") if not is_temporary(p.name))


def _may_hold_json(name: str) -> bool:
    return name.casefold() in {*SPLITS, "annotations", "labels", "result"}


def _coco(path: Path) -> dict[str, Any] | None:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            return None
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or not all(isinstance(content.get(k), list) for k in ("images", "categories")):
        return None
    return content if isinstance(content.get("annotations"), list) else None


def _coco_rows(root: Path, path: Path, content: dict[str, Any], names: FileNames) -> Iterator[RawRow]:
    """Rows of one file. Raises UsageError that names the file for entries that are not COCO's."""
    marks: dict[Any, set[str]] = {}
    try:
        categories = {entry["id"]: str(entry["name"]) for entry in content["categories"]}
        for mark in content["annotations"]:
            marks.setdefault(mark["image_id"], set()).add(categories[mark["category_id"]])
        pictures = [(entry["id"], str(entry["file_name"])) for entry in content["images"]]
    except (KeyError, TypeError) as e:
        raise UsageError(f"{path} is no COCO export: an entry lacks {e}, or names no category of the file.") from e
    words = [path.parent.name, *path.stem.replace("-", "_").replace("2017", "").split("_")]
    split = next((split_name(word) for word in words if word.casefold() in SPLITS), "")
    folder = path.parent.relative_to(root).as_posix()
    for picture, name in pictures:
        values = {"file": _coco_file(name, folder, words, names, path)} | ({"split": split} if split else {})
        yield RawRow(values=values, kinds=frozenset(marks.get(picture, ())))


def _coco_file(name: str, folder: str, words: list[str], names: FileNames, path: Path) -> str:
    """Find the picture that an entry names: beside the JSON, in images/, or in the folder of its split."""
    split = next((word for word in words if word.casefold() in SPLITS), "")
    places = (folder, f"{folder}/images", ".", "images", split, f"images/{split}", f"{split}/images", f"{split}2017")
    for place in dict.fromkeys(places):
        found = names.find(PurePosixPath(place, name).as_posix(), str(path))
        if names.has(found):
            return found
    return names.find(name, str(path))


def _yolo_classes(path: Path) -> dict[int, str]:
    try:
        names = yaml.safe_load(path.read_text("utf-8"))["names"]
        pairs = names.items() if isinstance(names, dict) else enumerate(names)
        return {int(number): str(name) for number, name in pairs}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as e:
        raise UsageError(f"{path} names no classes (YOLO: a list 'names'). Add it, or write a labels.csv.") from e


def _yolo_marks(path: Path, classes: dict[int, str]) -> Iterator[str]:
    """Names of the classes marked in one file; none where there is no file. Raises UsageError with file and line."""
    if not path.is_file():
        return
    for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
        if words := line.split():
            if not words[0].isdigit() or int(words[0]) not in classes:
                raise UsageError(f"{path} line {number}: {printable(words[0], 20)!r} is no class of data.yaml.")
            yield classes[int(words[0])]


def _without_marks(rows: list[RawRow]) -> str:
    n = sum(not row.kinds for row in rows)
    return f"{n} of {len(rows)} pictures have no marks, and count as pictures without defect"


def _others(root: Path, listed: set[str], *annotations: str) -> Iterator[Skipped]:
    for name in sorted(files_below(root)):
        if name in listed:
            continue
        if _hidden(name):
            yield Skipped(file=name, reason=HIDDEN)
        elif PurePosixPath(name).suffix.lower() in annotations:
            yield Skipped(file=name, reason=ANNOTATION)
        else:
            yield Skipped(file=name, reason=why_no_picture(root / name) or NOT_LISTED)


def _hidden(name: str) -> bool:
    return any(is_temporary(part) for part in PurePosixPath(name).parts)
