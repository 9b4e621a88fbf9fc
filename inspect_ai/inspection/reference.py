"""Reference of the calibration pictures' appearance, so that unlike pictures are left to a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from inspect_ai.calibration.out_of_distribution import Method, Seen, Typicality, typicality
from inspect_ai.domain import Floats
from inspect_ai.errors import UsageError
from inspect_ai.inspection.dataset_scoring import Scored
from inspect_ai.inspection.out_of_distribution import NAME, as_measure, names_of, vectors


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Reference, or None and a sentence why there can be none; and the pictures with their measure."""

    known: Typicality | None
    scored: list[Scored]
    refusal: str | None = None


def fit(scored: Sequence[Scored], *, quality: Method = Method.NEAREST, features: Method = Method.MAHALANOBIS) -> Fit:
    """Fit the reference to all calibration pictures that pass the fixed limits, whatever their label.

    Each picture is returned with the measure that it would have had as a new one: it is judged by the half of the
    pictures that it is not in. Pictures outside the reference are returned unchanged.
    """
    good = [i for i, s in enumerate(scored) if s.fit and s.measures]
    try:
        known, p = typicality(seen_of([scored[i] for i in good]), quality=quality, features=features)
    except UsageError as e:
        return Fit(known=None, scored=list(scored), refusal=str(e))
    own = dict(zip(good, p, strict=True))
    return Fit(known=known, scored=[_measured(s, own[i]) if i in own else s for i, s in enumerate(scored)])


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
    return replace(scored, measures=(*gate, as_measure(p)))
