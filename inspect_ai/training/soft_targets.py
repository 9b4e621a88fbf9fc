"""Soft targets of the decision, from a column of labels.csv: votes of readers, or how sure somebody was."""

from __future__ import annotations

import math
from collections.abc import Sequence

from inspect_ai.datasets.samples import IGNORE, Sample
from inspect_ai.datasets.windows import Window
from inspect_ai.errors import UsageError
from inspect_ai.text import printable


def soft_targets(samples: Sequence[Sample | Window]) -> list[float]:
    """Target of each sample in 0..1: its column's value where there is one, else its side; NaN where that is unknown.

    A window of a stack has its target from the votes in it, wherever it lies; here it is NaN.

    Raises UsageError that names the picture whose value is no share of `soft_of`.
    """
    return [math.nan if isinstance(sample, Window) else _target(sample) for sample in samples]


def _target(sample: Sample) -> float:
    if sample.positive == IGNORE:
        return math.nan
    said = _said(sample)
    if not said:
        return float(sample.positive)
    try:
        share = float(said) / sample.labels.soft_of
    except ValueError:
        share = math.nan
    if not 0.0 <= share <= 1.0:
        raise UsageError(
            f"labels.csv line {sample.row.line}: {sample.labels.soft_column} of {printable(sample.row.file, 120)} "
            f"is {printable(said, 40)!r}; it must be a number from 0 to {sample.labels.soft_of:g} (soft_of), or empty."
        )
    return share


def _said(sample: Sample) -> str:
    """Value of the soft column, in whatever capitals the column is named; empty without one."""
    wanted = (sample.labels.soft_column or "").casefold()
    return next((value.strip() for name, value in sample.row.columns if name.casefold() == wanted), "")
