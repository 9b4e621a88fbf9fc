"""Several labelled folders that answer as one: one label set, and units apart or together as they are named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from inspect_ai.config import LabelSet
from inspect_ai.datasets.folder import LabelledFolder
from inspect_ai.errors import UsageError


def one_label_set(folders: Sequence[LabelledFolder]) -> LabelSet:
    """Label set of all folders. Raises UsageError where they have several: these answer different questions."""
    sets = {folder.labels.name: folder.labels for folder in folders}
    if len(sets) > 1:
        named = ", ".join(f"{folder.root} has {folder.labels.name}" for folder in folders)
        raise UsageError(f"One threshold answers one question, and these have several: {named}. Give each alone.")
    return next(iter(sets.values()))


def apart(folders: Sequence[LabelledFolder]) -> list[LabelledFolder]:
    """Folders whose groups carry the folder's name where no labels.csv names them, since file names repeat."""
    if len(folders) < 2:
        return list(folders)
    return [
        folder
        if folder.grouped
        else replace(
            folder,
            rows=tuple(replace(row, group=f"{folder.root.resolve().name}/{row.group}") for row in folder.rows),
        )
        for folder in folders
    ]


def named_twice(folders: Sequence[LabelledFolder], split: str) -> list[str]:
    """Sentence on groups of one name in several folders, which count as one unit: nothing tells that they are two."""
    seen: dict[str, set[int]] = {}
    for at, folder in enumerate(folders):
        for row in folder.rows:
            if folder.grouped and row.split in ("", split):
                seen.setdefault(row.group, set()).add(at)
    twice = sorted(group for group, where in seen.items() if len(where) > 1)
    if not twice:
        return []
    return [
        f"{len(twice)} groups have one name in several folders and count as one each (the first is {twice[0]!r}); "
        f"rename them in one labels.csv if they are different"
    ]
