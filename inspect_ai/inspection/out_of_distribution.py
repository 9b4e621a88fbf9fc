"""Whether a study looks like those that the threshold was set on: from units, answers and measures to one Measure.

Only single pictures have such a reference. Candidates that were cut out of a whole CT series have none: calibration saw
single pictures of candidates that a data set's makers chose, and dozens a series would spend the whole level.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inspect_ai.calibration.out_of_distribution import LEVEL, Method, Seen, Typicality, p_value, together, typicality
from inspect_ai.calibration.typical_file import TYPICAL_FILE, read_typicality
from inspect_ai.domain import Floats, Measure, Unit, UnitOutput
from inspect_ai.errors import UsageError

if TYPE_CHECKING:
    from inspect_ai.inspection.dataset_scoring import Scored

NAME = "typical (p)"
ADVICE = "this picture is unlike those that the threshold was set on: check camera, body part and settings"
SMALLEST = 1e-3  # added before the logarithm: shares of a picture below it are alike


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What calibration saw, or None and the sentence why nothing can be told; and the pictures with their measure."""

    known: Typicality | None
    scored: list[Scored]
    refusal: str | None = None


def fit(scored: Sequence[Scored], *, quality: Method = Method.NEAREST, features: Method = Method.MAHALANOBIS) -> Fit:
    """The reference out of all calibration pictures that pass the fixed limits, whatever their label.

    Each picture comes back with the measure that it would have had as a new one: it is judged by the half of the
    pictures that it is not in. Pictures outside the reference come back as they are.
    """
    good = [i for i, s in enumerate(scored) if s.fit and s.measures]
    try:
        known, p = typicality(seen_of([scored[i] for i in good]), quality=quality, features=features)
    except UsageError as e:
        return Fit(known=None, scored=list(scored), refusal=str(e))
    own = dict(zip(good, p, strict=True))
    return Fit(known=known, scored=[_measured(s, own[i]) if i in own else s for i, s in enumerate(scored)])


def measure(
    known: Typicality | None, units: Sequence[Unit], outputs: Sequence[UnitOutput], measures: Sequence[Measure]
) -> Measure | None:
    """One measure of a study of single pictures; None without a reference, without units, and for whole series."""
    if known is None or not units or any(unit.series_uid for unit in units):
        return None
    rows = vectors(measures, known.names)  # [pictures, M]
    inside = all(0 <= unit.image_index < len(rows) for unit in units)
    p = [
        p_value(known, rows[unit.image_index], output.features)
        for unit, output in zip(units, outputs, strict=True)
        if inside
    ]
    return _typical(together(p))


def load(folder: Path) -> Typicality | None:
    """The reference beside a model; None where there is none. Raises UsageError for a damaged one."""
    path = folder / TYPICAL_FILE
    return read_typicality(path) if path.is_file() else None


def names_of(measures: Sequence[Measure]) -> tuple[str, ...]:
    """What is measured of each picture, in order."""
    return tuple(dict.fromkeys(m.name for m in measures if m.name != NAME))


def vectors(measures: Sequence[Measure], names: Sequence[str]) -> NDArray[np.float64]:
    """[pictures, names] logarithms: what halves counts as much as what doubles. NaN where a picture lacks a measure."""
    values: dict[str, list[float]] = defaultdict(list)
    for m in measures:
        values[m.name].append(m.value)
    pictures = max((len(values[name]) for name in names), default=0)
    found = np.full((pictures, len(names)), np.nan)
    for column, name in enumerate(names):
        found[: len(values[name]), column] = values[name]
    return np.asarray(np.log(np.maximum(found, 0.0) + SMALLEST))


def seen_of(good: Sequence[Scored]) -> Seen:
    """Measures and features of single pictures, row by row. Raises UsageError where measures differ."""
    names = names_of(good[0].measures) if good else ()
    rows = [vectors(s.measures, names) for s in good]
    if any(len(row) != 1 for row in rows) or not good:
        raise UsageError("What is typical is told of single pictures; calibration holds others, or none that is good.")
    features: list[Floats] = [s.features for s in good if s.features is not None and len(s.features) == 1]
    return Seen(
        names=names,
        quality=np.concatenate(rows),
        features=np.concatenate(features).astype(np.float64) if len(features) == len(good) else None,
        groups=[s.row.group for s in good],
        digests=[s.sha256 for s in good],
    )


def _measured(scored: Scored, p: float) -> Scored:
    gate = tuple(m for m in scored.measures if m.name != NAME)
    return replace(scored, measures=(*gate, _typical(p)))


def _typical(p: float) -> Measure:
    return Measure(name=NAME, value=float(p), limit=LEVEL, advice=ADVICE)
