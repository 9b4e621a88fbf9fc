"""Words of a labelled folder read as classes of a task's label set: capitals, spaces, and marks of annotation tools.

What was not written exactly as the config has it is said; a word that is not known is refused, never guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from inspect_ai.config import LabelSet, TaskConfig
from inspect_ai.datasets.table import RawRow
from inspect_ai.errors import UsageError
from inspect_ai.text import printable

WITHOUT_DEFECT = ("good", "ok")  # read as the negative class where a set has exactly one
SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """The label set of a folder, the class of each row, and sentences on words that were read as another."""

    labels: LabelSet
    classes: tuple[str, ...]
    understood: tuple[str, ...]


def labelled(
    rows: Sequence[RawRow], config: TaskConfig, where: Path, any_defect: frozenset[str] = frozenset()
) -> Labelled:
    """Find the label set that knows every row; sets that know all words exactly come first.

    any_defect: words that are kinds of defects, in a layout that says so. Raises UsageError with the first row that no
    set knows.
    """
    known = _by_columns(rows, config)
    for labels in known:
        words = (*labels.classes, *labels.ignore)
        if all(row.kinds is None and row.has(labels.column) and row.get(labels.column) in words for row in rows):
            return Labelled(labels=labels, classes=tuple(row.get(labels.column) for row in rows), understood=())
    for labels in known:
        found = [_class(row, labels, any_defect) for row in rows]
        classes = [name for name in found if name is not None]
        if len(classes) == len(rows):
            return Labelled(labels=labels, classes=tuple(classes), understood=_said(rows, classes, labels))
    raise UsageError(_unknown(rows, config, where, any_defect))


def _by_columns(rows: Sequence[RawRow], config: TaskConfig) -> list[LabelSet]:
    """Label sets whose stacks are there come first; those whose stacks are not there are none of this folder's."""
    fit = [labels for labels in config.labels if labels.stack_column is None or rows[0].has(labels.stack_column)]
    return sorted(fit, key=lambda labels: labels.stack_column is None)


def _class(row: RawRow, labels: LabelSet, any_defect: frozenset[str]) -> str | None:
    """Class of one row; None where the set does not know it."""
    if row.kinds is None:
        return _known(row.get(labels.column), labels, any_defect) if row.has(labels.column) else None
    good, bad = _negative(labels), labels.positive
    if not row.kinds:
        return good
    named = {_known(kind, labels, row.kinds if len(bad) == 1 and labels.decides else frozenset()) for kind in row.kinds}
    shown = {name for name in named if name != good} or named
    return next(iter(shown)) if len(shown) == 1 else None


def _known(word: str, labels: LabelSet, any_defect: frozenset[str]) -> str | None:
    words = (*labels.classes, *labels.ignore)
    if word in words:
        return word
    alike = [name for name in words if _plain(name) == _plain(word)]
    if len(alike) == 1:
        return alike[0]
    if _plain(word) in WITHOUT_DEFECT:
        return _negative(labels)
    return labels.positive[0] if word in any_defect and labels.decides and len(labels.positive) == 1 else None


def _negative(labels: LabelSet) -> str | None:
    """The one negative class; None where a set has none or several."""
    negative = [name for name in labels.classes if name not in labels.positive]
    return negative[0] if len(negative) == 1 else None


def _plain(word: str) -> str:
    return "_".join(word.casefold().replace("-", " ").replace("_", " ").split())


def _said(rows: Sequence[RawRow], classes: Sequence[str], labels: LabelSet) -> tuple[str, ...]:
    read: dict[str, str] = {}
    for row, name in zip(rows, classes, strict=True):
        for word in [row.get(labels.column)] if row.kinds is None else sorted(row.kinds):
            if word != name:
                read.setdefault(word, name)
    return tuple(f"{printable(word, 60)!r} was read as {name!r}" for word, name in sorted(read.items())[:SHOWN])


def _unknown(rows: Sequence[RawRow], config: TaskConfig, where: Path, any_defect: frozenset[str]) -> str:
    """Sentence with the words that are there, those that the task knows, and the first row that fits no set."""
    columns = [labels.column for labels in config.labels if rows[0].has(labels.column) or rows[0].kinds is not None]
    if not columns:
        named = ", ".join(dict.fromkeys(labels.column for labels in config.labels))
        there = printable(", ".join(rows[0].values))
        return f"{where} lacks the column that task {config.name} reads its labels from ({named}); it has {there}."
    words = {word for row in rows for word in (row.kinds if row.kinds is not None else (row.get(columns[0]),))}
    sets = config.labels
    first = next((row for row in rows if all(_class(row, labels, any_defect) is None for labels in sets)), rows[0])
    line = f"line {first.line}, " if first.line else ""
    known = "; ".join(f"{labels.name}: {', '.join((*labels.classes, *labels.ignore))}" for labels in sets)
    some = printable(", ".join(sorted(word or "(empty)" for word in words)[:SHOWN]), 300)
    return (
        f"{where} has labels {some}, which task {config.name} does not know ({known}); the first such row is "
        f"{line}{printable(first.values['file'], 120)!r}. Add a label set to its config and train with --config."
    )
