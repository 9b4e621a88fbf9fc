"""Distance of a study from the calibration pictures, as one measure of its quality.

Only single pictures have such a reference. Candidates that were cut out of a whole CT series have none: calibration had
single pictures of candidates that a data set's makers chose, and dozens a series would use up the whole level.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inspect_ai.calibration.out_of_distribution import LEVEL, Typicality, p_value, together
from inspect_ai.domain import Measure, Unit, UnitOutput

NAME = "typical (p)"
ADVICE = "this picture is unlike those that the threshold was set on: check camera, body part and settings"
SMALLEST = 1e-3  # added before the logarithm: shares of a picture below it are alike


def measure(
    known: Typicality | None, units: Sequence[Unit], outputs: Sequence[UnitOutput], measures: Sequence[Measure]
) -> Measure | None:
    """Distance measure of a study of single pictures; None without a reference, without units, and for whole series."""
    if known is None or not units or any(unit.series_uid for unit in units):
        return None
    rows = vectors(measures, known.names)  # [pictures, M]
    inside = all(0 <= unit.image_index < len(rows) for unit in units)
    p = [
        p_value(known, rows[unit.image_index], output.features)
        for unit, output in zip(units, outputs, strict=True)
        if inside
    ]
    return as_measure(together(p))


def names_of(measures: Sequence[Measure]) -> tuple[str, ...]:
    """Names of the measures of each picture, in order."""
    return tuple(dict.fromkeys(m.name for m in measures if m.name != NAME))


def vectors(measures: Sequence[Measure], names: Sequence[str]) -> NDArray[np.float64]:
    """[pictures, names] logarithms: half the value counts as much as twice. NaN where a picture lacks a measure."""
    values: dict[str, list[float]] = defaultdict(list)
    for m in measures:
        values[m.name].append(m.value)
    pictures = max((len(values[name]) for name in names), default=0)
    found = np.full((pictures, len(names)), np.nan)
    for column, name in enumerate(names):
        found[: len(values[name]), column] = values[name]
    return np.asarray(np.log(np.maximum(found, 0.0) + SMALLEST))


def as_measure(p: float) -> Measure:
    """Convert the p-value to a measure of quality."""
    return Measure(name=NAME, value=float(p), limit=LEVEL, advice=ADVICE)
