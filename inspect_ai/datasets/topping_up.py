"""Topping up of a calibration part: whole groups of train are set aside for it before training.

A proof counts independent positives, and each further miss that they allow spares false alarms: at 0.987 and 95 %, 229
positives allow none, 364 one, 483 two. The groups are chosen by the digest of their names alone, neither by pictures
nor by scores, so every reader of the folder finds the same ones, and the proof is the exact one for so many positives.
It is then about positives as they come in calibration and train together.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from inspect_ai.calibration.bounds import smallest_n
from inspect_ai.config import Promise
from inspect_ai.datasets.folder import LabelledFolder, Row, unit_of
from inspect_ai.text import printable


@dataclass(frozen=True, slots=True, kw_only=True)
class ToppedUp:
    """Independent positives and pictures that went from train to calibration, and what they are enough for.

    `misses`: of the calibration positives that may lie below the threshold; None where they prove nothing.
    """

    source: str
    promise: Promise
    misses: int | None
    there: int  # independent positives that calibration held before
    taken: int
    of: int  # independent positives of train before
    most: int  # of them that may be taken
    pictures: int  # of all labels

    @property
    def sentence(self) -> str:
        """State what was taken and what it is for, or why nothing was."""
        asked = f"{_percent(self.promise.sensitivity)} at {_percent(self.promise.confidence)} confidence"
        has = f"calibration of {printable(self.source, 200)} holds {self.there} independent positives"
        if self.misses is None:
            return (
                f"{has}; {asked} takes {self._needed(0)}, and train may give {self.most} of its {self.of}: nothing is "
                f"taken from train, and that promise will be refused"
            )
        allows = f"{_times(self.misses)} with {self._needed(self.misses)}"
        more = f"; {_times(self.misses + 1)} would take {self._needed(self.misses + 1)}"
        if self.promise.misses > self.misses:
            more += f", more than train may give ({self.most} of {self.of})"
        if not self.taken:
            return f"{has}, enough for {asked}: it allows {allows}{more}; nothing is taken from train"
        return (
            f"{has}; {self.taken} of train's {self.of} are set aside for it before training, with {self.pictures} "
            f"pictures in all: {asked} allows {allows}{more}. Whole groups, chosen by their names alone, so always the "
            f"same"
        )

    def _needed(self, misses: int) -> int:
        return smallest_n(misses, self.promise.sensitivity, self.promise.confidence)


def topped_up(
    folder: LabelledFolder, promise: Promise | None, *, everything: bool = False
) -> tuple[LabelledFolder, ToppedUp | None]:
    """Move groups of train to calibration, until it holds as many independent positives as the promise asks for.

    Where `most_taken` allows no such number, one miss fewer is aimed at, and so on; where it does not even reach the
    number for no miss, nothing is moved. Groups without a positive go along in proportion. everything: move all that
    may be moved, for readers who cannot count calibration; no other call moves a group that this one leaves.
    """
    train = [row for row in folder.rows if row.split == "train"]
    if promise is None or not folder.labels.decides or not train:
        return folder, None
    by_group = _positives_by_group(train, folder)
    there = len(_positives([row for row in folder.rows if row.split == "calibration"], folder))
    of = sum(len(units) for units in by_group.values())
    most = math.floor(promise.most_taken * of)
    misses, groups = (None, _within(by_group, of, most)) if everything else _reachable(by_group, promise, there, most)
    taken = sum(len(by_group[group]) for group in groups)
    groups |= _in_proportion(by_group, taken / of if of else 0.0)
    moved = [row for row in train if row.group in groups]
    found = ToppedUp(
        source=str(folder.source), promise=promise, misses=misses, there=there, taken=taken, of=of, most=most,
        pictures=len(moved),
    )  # fmt: skip
    rows = tuple(
        replace(row, split="calibration") if row.split == "train" and row.group in groups else row
        for row in folder.rows
    )
    return replace(folder, rows=rows), None if everything else found


def _positives_by_group(rows: Sequence[Row], folder: LabelledFolder) -> dict[str, set[str]]:
    """Independent positive units of each group, in the order in which groups are taken."""
    groups = sorted({row.group for row in rows}, key=lambda group: hashlib.sha256(group.encode()).digest())
    found: dict[str, set[str]] = {group: set() for group in groups}
    for row in rows:
        if row.label in folder.labels.positive:
            found[row.group].add(unit_of(row, folder.labels))
    return found


def _positives(rows: Sequence[Row], folder: LabelledFolder) -> set[str]:
    return {unit_of(row, folder.labels) for row in rows if row.label in folder.labels.positive}


def _reachable(
    by_group: Mapping[str, set[str]], promise: Promise, there: int, most: int
) -> tuple[int | None, set[str]]:
    """Most misses, up to those asked for, that can be allowed, and the groups to take for them."""
    for misses in range(promise.misses, -1, -1):
        lacking = smallest_n(misses, promise.sensitivity, promise.confidence) - there
        groups = _within(by_group, lacking, most)
        if sum(len(by_group[group]) for group in groups) >= lacking:
            return misses, groups
    return None, set()


def _within(by_group: Mapping[str, set[str]], wanted: int, most: int) -> set[str]:
    """Take groups with positives in order until there are `wanted`; one that would exceed `most` is passed over."""
    groups: set[str] = set()
    count = 0
    for group, units in by_group.items():
        if count >= wanted:
            break
        if units and count + len(units) <= most:
            groups.add(group)
            count += len(units)
    return groups


def _in_proportion(by_group: Mapping[str, set[str]], share: float) -> set[str]:
    """Take so large a share of the groups without a positive, the first in order."""
    without = [group for group, units in by_group.items() if not units]
    return set(without[: round(share * len(without))])


def _percent(share: float) -> str:
    return f"{100 * share:.10g} %"


def _times(misses: int) -> str:
    return "no miss" if misses == 0 else f"{misses} miss{'es' * (misses > 1)}"
