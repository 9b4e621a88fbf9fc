"""Free response: share of places marked against false marks per picture (FROC; Bunch et al., 1977)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from inspect_ai.evaluation.curves import Share, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateMark:
    """One finding. `place`: the defect or lesion of its picture on which it lies; None beside all of them."""

    picture: int
    score: float
    place: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeResponse:
    """Points at every distinct score, highest first; the first point is above all marks."""

    threshold: Values = field(compare=False, repr=False)  # [T]
    false_marks: Values = field(compare=False, repr=False)  # [T] a picture
    found: Values = field(compare=False, repr=False)  # [T] share of the places
    places: int
    pictures: int

    def at(self, threshold: float) -> tuple[Share, float]:
        """Places found at a threshold, and false marks a picture."""
        index = int(np.searchsorted(-self.threshold, -threshold, side="right")) - 1
        return Share(k=round(float(self.found[index]) * self.places), n=self.places), float(self.false_marks[index])


def free_response(marks: Sequence[CandidateMark], places: int, pictures: int) -> FreeResponse:
    """Curve over all pictures with at least one place. A second mark on a place that is found counts neither way."""
    if places < 1 or pictures < 1:
        raise ValueError("free response needs a place to find and a picture to look at")
    threshold, false, found = [np.inf], [0], [0]
    seen: set[tuple[int, int]] = set()
    beside = 0
    for mark in sorted(marks, key=lambda m: -m.score):
        if mark.place is None:
            beside += 1
        else:
            seen.add((mark.picture, mark.place))
        if mark.score == threshold[-1]:
            false[-1], found[-1] = beside, len(seen)
        else:
            threshold.append(mark.score)
            false.append(beside)
            found.append(len(seen))
    return FreeResponse(
        threshold=np.array(threshold),
        false_marks=np.array(false) / pictures,
        found=np.array(found) / places,
        places=places,
        pictures=pictures,
    )
