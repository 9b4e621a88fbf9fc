"""Account of a labelled folder: every file that was found is used, or skipped for a reason that is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from inspect_ai.domain import Account

HIDDEN = "hidden or temporary names"
NO_PICTURE = "no picture"
UNREADABLE = "unreadable"
BLANK = "blank lines"
LISTED_TWICE = "listed twice"
NOT_LISTED = "not listed"
OUTSIDE_CLASSES = "in no class folder"
MASK = "masks"
ANNOTATION = "annotations"
OTHER_SPLIT = "of other splits"
IGNORED = "of labels that count neither way"
SEEN_COPY = "copies of pictures in another split"
COUNTED_COPY = "copies of counted pictures"
EXCLUDED = "left out of training by a list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """One file that is not used, the reason to count it under, and what a person should know besides."""

    file: str
    reason: str
    detail: str = ""


def account(used: int, skipped: Iterable[Skipped]) -> Account:
    """Count used and skipped files."""
    return Account(used=used, skipped=tuple(Counter(one.reason for one in skipped).most_common()))


def together(accounts: Iterable[Account]) -> Account:
    """Sum of several folders' accounts."""
    every = list(accounts)
    counts: Counter[str] = Counter()
    for one in every:
        counts.update(dict(one.skipped))
    return Account(used=sum(one.used for one in every), skipped=tuple(counts.most_common()))


def counted_copies(whole: Account, copies: int) -> Account:
    """Take further copies of counted pictures from the used files."""
    return taken_out(whole, copies, COUNTED_COPY)


def taken_out(whole: Account, count: int, reason: str) -> Account:
    """Take so many files from the used ones, for one reason."""
    if not count:
        return whole
    return Account(used=whole.used - count, skipped=(*whole.skipped, (reason, count)))
