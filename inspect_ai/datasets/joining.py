"""Joining of pictures with one content into one unit, also across folders, and their removal from later splits.

A proof counts independent units. Two pictures of one content are one unit, whatever their names; so are groups that
share a content. Where a unit lies in several splits it counts in the first of train, val, calibration, test alone: a
copy of a training picture proves nothing about new ones.

Where a person vouches for the groups of a folder, near copies in different groups are not joined; they are kept, so
that whoever relies on the groups is told what joining would have left (docs/decisions/025-who-vouches-for-groups.md).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from inspect_ai.datasets.account import SEEN_COPY, Skipped
from inspect_ai.datasets.folder import LabelledFolder, Row
from inspect_ai.datasets.look import Look
from inspect_ai.datasets.near_copies import near_pairs

ORDER = ("train", "val", "calibration", "test")
NEARLY = 1.0 - 2.0**-20  # most that a near copy counts: a picture that was only turned correlates at 1 too


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyPair:
    """Two rows of one content, by their folder's index. alike: 1 for identical pixels."""

    first: tuple[int, Row]
    second: tuple[int, Row]
    alike: float

    @property
    def across_labels(self) -> bool:
        """True where one content stands under two labels."""
        return self.first[1].label != self.second[1].label

    @property
    def across_splits(self) -> bool:
        """True where one content stands in two splits."""
        return self.first[1].split != self.second[1].split


def joined(
    folders: Sequence[LabelledFolder], looks: Sequence[Sequence[Look]]
) -> tuple[list[LabelledFolder], tuple[CopyPair, ...], tuple[CopyPair, ...]]:
    """Give the rows of one content one unit and one group. looks: of each folder's rows, all of them readable.

    Returns the folders with those names, the pairs that were joined, and those that were not, since a person vouches
    for the groups of both pictures.
    """
    rows = [(at, row) for at, folder in enumerate(folders) for row in folder.rows]
    found = [
        CopyPair(first=rows[i], second=rows[j], alike=alike)
        for i, j, alike in _pairs(rows, [look for of_folder in looks for look in of_folder])
    ]
    told_alone = [pair.alike < 1.0 and _vouched(pair, folders) for pair in found]
    pairs = tuple(pair for pair, alone in zip(found, told_alone, strict=True) if not alone)
    vouched = tuple(pair for pair, alone in zip(found, told_alone, strict=True) if alone)
    return named_together(folders, pairs), pairs, vouched


def named_together(folders: Sequence[LabelledFolder], pairs: Sequence[CopyPair]) -> list[LabelledFolder]:
    """Give the rows that the pairs connect one unit, also across folders, and one group within their folder.

    Of several folders, units that no labels.csv names carry their folder's name, since file names repeat.
    """
    rows = [(at, row) for at, folder in enumerate(folders) for row in folder.rows]
    ends = _indices(folders, pairs)
    units = _components([(at, row.unit) for at, row in rows], ends)
    groups = _components([(at, row.group) for at, row in rows], ends)
    named_unit: dict[int, str] = {}
    named_group: dict[tuple[int, int], str] = {}
    ready: list[list[Row]] = [[] for _ in folders]
    for (at, row), unit, group in zip(rows, units, groups, strict=True):
        ready[at].append(
            replace(
                row,
                unit=named_unit.setdefault(unit, _unit_name(row, folders[at], len(folders) > 1)),
                group=named_group.setdefault((at, group), row.group),
            )
        )
    return [replace(folder, rows=tuple(own)) for folder, own in zip(folders, ready, strict=True)]


def _unit_name(row: Row, folder: LabelledFolder, several: bool) -> str:
    named_by_a_person = folder.grouped and folder.labels.independent == "group"
    return f"{folder.root.resolve().name}/{row.unit}" if several and not named_by_a_person else row.unit


def _vouched(pair: CopyPair, folders: Sequence[LabelledFolder]) -> bool:
    return folders[pair.first[0]].vouched and folders[pair.second[0]].vouched


def without_seen(
    folders: Sequence[LabelledFolder], pairs: Sequence[CopyPair]
) -> tuple[list[LabelledFolder], list[list[Skipped]]]:
    """Leave every unit in its first split; returns the folders, and what was taken out of each."""
    keys = _components(
        [(at, row.unit) for at, folder in enumerate(folders) for row in folder.rows],
        _indices(folders, pairs),
    )
    every = [row for folder in folders for row in folder.rows]
    first: dict[int, int] = {}
    for row, key in zip(every, keys, strict=True):
        first[key] = min(first.get(key, len(ORDER)), _rank(row.split))
    kept: list[LabelledFolder] = []
    taken: list[list[Skipped]] = []
    start = 0
    for folder in folders:
        own = keys[start : start + len(folder.rows)]
        start += len(folder.rows)
        late = [_rank(row.split) > first[key] for row, key in zip(folder.rows, own, strict=True)]
        kept.append(
            replace(folder, rows=tuple(row for row, is_late in zip(folder.rows, late, strict=True) if not is_late))
        )
        taken.append(
            [
                Skipped(file=row.file, reason=SEEN_COPY, detail=row.split)
                for row, is_late in zip(folder.rows, late, strict=True)
                if is_late
            ]
        )
    return kept, taken


def joined_too(folders: Sequence[LabelledFolder], pairs: Sequence[CopyPair]) -> list[LabelledFolder]:
    """Folders as joining these pairs would leave them; pictures that are not there any more connect nothing."""
    there = [{row.file for row in folder.rows} for folder in folders]
    ends = [(pair, (pair.first, pair.second)) for pair in pairs]
    kept = [pair for pair, both in ends if all(row.file in there[at] for at, row in both)]
    return without_seen(named_together(folders, kept), kept)[0]


def _rank(split: str) -> int:
    return ORDER.index(split) if split in ORDER else len(ORDER)


def _pairs(rows: Sequence[tuple[int, Row]], looks: Sequence[Look]) -> list[tuple[int, int, float]]:
    """Pairs of indices that connect all copies: identical pixels by their digest, near copies by comparison."""
    first: dict[str, int] = {}
    pairs = []
    for i, look in enumerate(looks):
        j = first.setdefault(look.pixels_sha256, i)
        if j != i:
            pairs.append((j, i, 1.0))
    units = _components([(at, row.unit) for at, row in rows], pairs)
    distinct = [i for i in first.values() if not looks[i].blank]
    if len(distinct) > 1:
        near = near_pairs(
            np.stack([looks[i].thumbnail for i in distinct]),
            [looks[i].side_px for i in distinct],
            [units[i] for i in distinct],
        )
        pairs += [(distinct[pair.first], distinct[pair.second], min(pair.alike, NEARLY)) for pair in near]
    own = [(at, row.unit) for at, row in rows]
    return [(i, j, alike) for i, j, alike in pairs if own[i] != own[j]]


def _indices(folders: Sequence[LabelledFolder], pairs: Iterable[CopyPair]) -> list[tuple[int, int, float]]:
    """Pairs by the indices of all folders' rows as they are now."""
    at = {(f, row.file): i for i, (f, row) in enumerate((f, row) for f, d in enumerate(folders) for row in d.rows)}
    return [(at[p.first[0], p.first[1].file], at[p.second[0], p.second[1].file], p.alike) for p in pairs]


def _components(names: Sequence[Hashable], pairs: Iterable[tuple[int, int, float]]) -> list[int]:
    """Number of each one's connected component: equal names and pairs connect."""
    parent = list(range(len(names)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    first: dict[Hashable, int] = {}
    for i, name in enumerate(names):
        parent[root(i)] = root(first.setdefault(name, i))
    for i, j, _ in pairs:
        parent[root(j)] = root(i)
    return [root(i) for i in range(len(names))]
