"""Labels of a folder that no task knows yet: its classes, its columns, and the label set that fits both."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from inspect_ai.config import LabelSet
from inspect_ai.datasets.folder import listed
from inspect_ai.datasets.table import RawRow
from inspect_ai.errors import UsageError
from inspect_ai.planning.sides import Sides, sides_of
from inspect_ai.text import printable

MASKS = ("mask", "masks")  # names of the column that holds paths of masks
MOST_CLASSES = 60  # more values are measurements or names
PASS, FLAG = "pass", "flag"  # classes where marks, not names, say which pictures are in order


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Label set of a folder, and a sentence on how its sides were told apart."""

    labels: LabelSet
    because: str


def labels_of(root: Path, name: str, *, positive: tuple[str, ...] = (), column: str = "label") -> Found:
    """Read a label set called `name` off a labelled folder. positive: classes that a person names as such.

    Raises UsageError where the column is missing, or the classes do not say which of them must not be missed.
    """
    listing, source = listed(root)
    rows = listing.rows
    if listing.any_defect or rows[0].kinds is not None:
        sides = Sides(classes=(PASS, FLAG), positive=(FLAG,), because="pictures with a mark must not be missed")
    else:
        sides = sides_of(_classes(rows, column, source), positive)
    masks = next((c for c in MASKS if any(row.get(c) for row in rows)), None)
    grouped = any(row.get("group") for row in rows)
    labels = LabelSet(
        name=name,
        column=column,
        classes=sides.classes,
        positive=sides.positive,
        mask_column=masks,
        independent="group" if grouped else "picture",
        independent_name="group" if grouped else "picture",
    )
    return Found(labels=labels, because=sides.because)


def _classes(rows: tuple[RawRow, ...], column: str, source: Path) -> list[str]:
    """Values of the column, each as it is written most often: OK and ok are one class."""
    if not rows[0].has(column):
        there = printable(", ".join(rows[0].values), 200)
        raise UsageError(
            f"{source} has no column {column!r} to read labels from. It has {there}: choose with --column."
        )
    written = Counter(row.get(column) for row in rows)
    if "" in written:
        first = next(row for row in rows if not row.get(column))
        raise UsageError(f"{source} line {first.line} has no label. Add it, or take the line out.")
    spelt: dict[str, str] = {}
    for word, _ in written.most_common():
        spelt.setdefault("_".join(word.casefold().replace("-", " ").replace("_", " ").split()), word)
    if len(spelt) > MOST_CLASSES:
        raise UsageError(
            f"{source}: column {column!r} has {len(spelt)} values, too many for classes. Choose one with --column."
        )
    return list(spelt.values())
