"""Labelled folders made ready for a journey: readable pictures, one unit a content, splits, and the account of both."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from inspect_ai.config import TaskConfig
from inspect_ai.datasets.account import OTHER_SPLIT, UNREADABLE, Skipped, account, together
from inspect_ai.datasets.folder import LabelledFolder, read_folder, with_splits
from inspect_ai.datasets.joining import ORDER, CopyPair, joined, joined_too, without_seen
from inspect_ai.datasets.looks import read_looks
from inspect_ai.datasets.topping_up import ToppedUp, topped_up
from inspect_ai.domain import Account
from inspect_ai.errors import InputError
from inspect_ai.settings import Settings
from inspect_ai.text import printable

SHOWN = 5

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Folders whose rows may be used, the copies that were joined, and sentences on what was done.

    topped_up: of each folder, what its calibration part got from train; None where no promise asks for it.
    vouched: near copies in different groups that a person vouches for, which were not joined.
    """

    folders: tuple[LabelledFolder, ...]
    pairs: tuple[CopyPair, ...]
    said: tuple[str, ...]
    topped_up: tuple[ToppedUp | None, ...] = ()
    vouched: tuple[CopyPair, ...] = ()

    def positives_taken(self, folder: int = 0) -> int:
        """Number of independent positives that one folder's calibration part got from train."""
        found = self.topped_up[folder] if self.topped_up else None
        return found.taken if found else 0

    def account(self, splits: Collection[str] | None = None) -> Account:
        """Count the files of all folders; rows of other splits than these are skipped. None: all splits."""
        return together(self._of(folder, splits) for folder in self.folders)

    def left_if_joined(self, split: str, *, positive: bool = False) -> tuple[int, int] | None:
        """Number of one split's units, and how many joining the vouched copies would leave; None if there are none.

        positive: only those with a positive picture.
        """
        if not self.vouched:
            return None
        now, then = (
            {
                row.unit
                for folder in folders
                for row in folder.rows
                if (row.split == split or _without_splits(folder))
                and (not positive or row.label in folder.labels.positive)
            }
            for folders in (self.folders, joined_too(self.folders, self.vouched))
        )
        return len(now), len(then)

    def copies_within(self, split: str) -> int:
        """Number of pictures of one split that are copies of others in it."""
        return len(self.pairs_within(split))

    def pairs_within(self, split: str) -> list[tuple[str, str]]:
        """Names of the files of one split that were joined, pair by pair."""
        there = [
            {row.file for row in folder.rows if row.split == split or _without_splits(folder)}
            for folder in self.folders
        ]
        ends = [(pair.first, pair.second) for pair in self.pairs]
        return [(a.file, b.file) for (f, a), (g, b) in ends if a.file in there[f] and b.file in there[g]]

    def _of(self, folder: LabelledFolder, splits: Collection[str] | None) -> Account:
        whole = splits is None or all(row.split == "" for row in folder.rows)
        used = [row for row in folder.rows if whole or (splits is not None and row.split in splits)]
        other = [Skipped(file="", reason=OTHER_SPLIT)] * (len(folder.rows) - len(used))
        return account(len(used), [*folder.skipped, *other])


def prepare(
    roots: Sequence[Path],
    config: TaskConfig,
    settings: Settings,
    *,
    split: bool = True,
    progress: Progress = lambda done: None,
) -> Prepared:
    """Read labelled folders as `prepared` does."""
    folders = [read_folder(root, config) for root in roots]
    return prepared(folders, config, settings, split=split, progress=progress)


def prepared(
    folders: Sequence[LabelledFolder],
    config: TaskConfig,
    settings: Settings,
    *,
    split: bool = True,
    train_alone: bool = False,
    progress: Progress = lambda done: None,
) -> Prepared:
    """Leave out what cannot be read, join the copies, split where no split is given, and leave each unit in one split.

    Where the config states a promise, groups of train go to calibration for it (topping_up.py).

    split: False leaves a folder without splits as it is: all its rows serve. train_alone: rows of other splits are
    neither opened nor compared, so how many positives they hold is not known, and all that a promise may take is taken.
    Raises InputError for listed pictures that are not there, and where none can be read.
    """
    said = [line for folder in folders for line in folder.understood]
    ready, looks, closed = [], [], []
    for whole in folders:
        is_closed = [train_alone and row.split not in ("", "train") for row in whole.rows]
        closed.append(tuple(row for row, shut in zip(whole.rows, is_closed, strict=True) if shut))
        folder = replace(whole, rows=tuple(row for row, shut in zip(whole.rows, is_closed, strict=True) if not shut))
        every = read_looks(folder, settings, progress)
        bad = [(row, look) for row, look in zip(folder.rows, every, strict=True) if look.refusal]
        if bad and len(bad) == len(folder.rows):
            row, look = bad[0]
            raise InputError(f"{folder.source}: none of {len(bad)} pictures can be read; {row.file}: {look.refusal}.")
        skipped = [Skipped(file=row.file, reason=UNREADABLE, detail=look.refusal) for row, look in bad]
        said += [f"not readable: {printable(s.file, 120)} ({printable(s.detail, 200)})" for s in skipped[:SHOWN]]
        good = tuple(row for row, look in zip(folder.rows, every, strict=True) if not look.refusal)
        ready.append(replace(folder, rows=good, skipped=(*folder.skipped, *skipped)))
        looks.append([look for look in every if not look.refusal])
    ready, pairs, vouched = joined(ready, looks)
    ready = [replace(folder, rows=(*folder.rows, *rest)) for folder, rest in zip(ready, closed, strict=True)]
    said += _of_copies(pairs)
    if split:
        said += [_of_split(folder, config) for folder in ready if _without_splits(folder)]
        ready = with_splits(ready, calibration_share=config.train.calibration_share)
    ready, taken = without_seen(ready, pairs)
    ready = [replace(f, skipped=(*f.skipped, *out)) for f, out in zip(ready, taken, strict=True)]
    said += _of_seen([skipped for out in taken for skipped in out])
    # After the copies: moved earlier, a picture could lose its place in calibration to its copy in train.
    moved = [topped_up(folder, config.promise, everything=train_alone) for folder in ready]
    ready = [folder for folder, _ in moved]
    said += [found.sentence for _, found in moved if found is not None]
    said += _of_vouched(vouched, ready)
    return Prepared(
        folders=tuple(ready),
        pairs=pairs,
        said=tuple(said),
        topped_up=tuple(found for _, found in moved),
        vouched=vouched,
    )


def _without_splits(folder: LabelledFolder) -> bool:
    return all(row.split == "" for row in folder.rows)


def _of_split(folder: LabelledFolder, config: TaskConfig) -> str:
    share = config.train.calibration_share if folder.labels.decides else 0.0
    rest = f", and {100 * share:g} % of the others calibration" if share else ""
    return (
        f"no splits are named in {printable(str(folder.source), 200)}: a fifth of its groups became val{rest}, chosen "
        f"by their names alone, so always the same; the rest is train"
    )


def _of_copies(pairs: Sequence[CopyPair]) -> list[str]:
    if not pairs:
        return []
    same = sum(pair.alike == 1.0 for pair in pairs)
    how = f"({same} with identical pixels, {len(pairs) - same} nearly so)"
    said = [
        f"1 picture is a copy of another {how} and counts as one unit with it; `inspect-ai datasets check` shows it"
        if len(pairs) == 1
        else f"{len(pairs)} pictures are copies of others {how} and count as one unit with them; "
        f"`inspect-ai datasets check` shows them"
    ]
    if clash := [pair for pair in pairs if pair.across_labels]:
        one, other = clash[0].first[1], clash[0].second[1]
        said.append(
            f"{len(clash)} copies stand under two labels; the first are {printable(one.file, 100)} ({one.label}) and "
            f"{printable(other.file, 100)} ({other.label})"
        )
    return said


def _of_vouched(vouched: Sequence[CopyPair], ready: Sequence[LabelledFolder]) -> list[str]:
    if not vouched:
        return []
    both = ready, joined_too(ready, vouched)
    pictures, left = (sum(len(folder.rows) for folder in folders) for folders in both)
    now, then = (len({row.unit for folder in folders for row in folder.rows}) for folders in both)
    return [
        f"{len(vouched)} pictures are near copies of pictures in other groups, and count as other units all the same: "
        f"a person vouches for the groups (near_copies: report). Joined, they would leave {then:,} of {now:,} units "
        f"and {left:,} of {pictures:,} pictures; `inspect-ai datasets check` shows them"
    ]


def _of_seen(taken: Sequence[Skipped]) -> list[str]:
    if not taken:
        return []
    splits = ", ".join(sorted({skipped.detail or "no split" for skipped in taken}))
    are = (
        f"1 picture of {splits} does not count: it is"
        if len(taken) == 1
        else f"{len(taken)} pictures of {splits} do not count: each is"
    )
    return [f"{are} a copy of a picture in a split that comes first ({', '.join(ORDER)})"]
