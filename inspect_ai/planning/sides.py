"""Sides of the decision, read from the names of classes: which must not be missed, and which are in order.

Names are read word by word ("no_defect" is in order, "not ok" is not). Where they do not say it, nothing is guessed: a
person names the positive classes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from inspect_ai.errors import UsageError
from inspect_ai.text import printable

# Words of inspection, screening and their data sets. Those of MISSED are general: they name no kind of defect.
# fmt: off
IN_ORDER = frozenset({
    "pass", "passed", "ok", "good", "fine", "other", "others", "normal", "healthy", "negative", "neg", "clean", "clear",
    "free", "none", "intact", "sound", "perfect", "benign", "accept", "accepted", "regular", "functional", "undamaged",
    "flawless", "unremarkable", "background",
})
MISSED = frozenset({
    "flag", "flagged", "fail", "failed", "faulty", "fault", "defect", "defects", "defective", "def", "ng", "nok", "bad",
    "positive", "pos", "reject", "rejected", "abnormal", "anomaly", "anomalous", "anomalies", "damaged", "damage",
    "broken", "nodule", "referable", "malignant", "tumor", "tumour", "lesion", "disease", "diseased", "sick",
    "pathological", "cancer",
})
# fmt: on
NOT = frozenset({"no", "not", "non", "without", "un", "free"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Classes in the order of the config, those that must not be missed, and the sentence that says why."""

    classes: tuple[str, ...]
    positive: tuple[str, ...]
    because: str


def sides_of(classes: Sequence[str], named: Sequence[str] = ()) -> Sides:
    """Tell the sides of the decision apart. named: positive classes, where a person names them.

    Raises UsageError where a named class is not there, or the names of two sides do not say which is which.
    """
    known = sorted(set(classes))
    shown = printable(", ".join(known), 300)
    if unknown := [name for name in named if name not in known]:
        raise UsageError(f"--positive {unknown[0]}: there is no such class. Classes are {shown}.")
    if len(known) < 2:
        raise UsageError(f"All pictures have the class {shown}. A task needs pictures of at least two classes.")
    if named:
        return _ordered(known, set(named), f"{', '.join(named)} was named with --positive")
    in_order = [name for name in known if side_of(name) is False]
    general = [name for name in known if side_of(name) is True]
    if in_order and len(in_order) < len(known):
        return _ordered(known, set(known) - set(in_order), f"{', '.join(in_order)} names what is in order")
    if len(known) == 2 and len(general) == 1:
        return _ordered(known, set(general), f"{general[0]} names what must not be missed")
    if len(known) > 2 and not general and not in_order:
        return Sides(
            classes=tuple(known),
            positive=tuple(known),
            because="no class is named as being in order, so this is a catalogue of defects: it teaches classes and "
            "never the decision; if some of them are harmless, name the others with --positive",
        )
    raise UsageError(
        f"The classes {shown} do not say which of them must not be missed. Name each such class: --positive {known[-1]}"
    )


def side_of(name: str) -> bool | None:
    """True for the name of what must not be missed, False for what is in order, None for any other."""
    words = [word for word in re.split(r"[^a-z]+", name.casefold()) if word]
    negated = bool(words) and (words[0] in NOT or words[-1] == "free")
    rest = [word for word in words if not (negated and word in NOT)]
    if any(word in MISSED for word in rest):
        return not negated
    if any(word in IN_ORDER for word in rest) or (negated and not rest):
        return negated if rest else False
    return False if negated and rest else None


def _ordered(known: Sequence[str], positive: set[str], because: str) -> Sides:
    if len(positive) == len(known):
        raise UsageError(f"All classes ({printable(', '.join(known), 300)}) are positive: leave at least one out.")
    classes = (*(name for name in known if name not in positive), *(name for name in known if name in positive))
    return Sides(classes=classes, positive=tuple(name for name in known if name in positive), because=because)
