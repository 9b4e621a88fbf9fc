"""Coverage of a body by the slices of a volume, from headers alone: what lies between slices, and which are missing.

What of an organ lies beyond the first and last slice only its pixels show: a task says that (Task.unseen).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

SPARSE = 2.0  # step by slice thickness from which slices are samples; the thickness is nominal, and wrong below that
STRANGE = 10  # numbers missing for each that is there, from which they do not count slices
OTHER_REFERENCES = (
    "FrameOfReferenceUID (0020,0052) differs between slices of one series: their positions may not belong to one "
    "space. Export the original series again"
)
OWN_REFERENCES = (
    "each slice has a FrameOfReferenceUID (0020,0052) of its own; they were taken as one, since their positions form "
    "one regular stack"
)


def unseen_between(thicknesses_mm: Iterable[float | None], step_mm: float) -> list[str]:
    """Problem of slices that are much thinner than their distance: most of the body lies between them."""
    known = [thickness for thickness in thicknesses_mm if thickness is not None]
    if not known or (thickness := float(np.median(known))) * SPARSE > step_mm:
        return []
    share = 1.0 - thickness / step_mm
    return [
        f"slices {thickness:g} mm thick (SliceThickness) lie {step_mm:.4g} mm apart: {share:.0%} of the body between "
        "them was not looked at. Send the contiguous series"
    ]


def missing_numbers(slices: Iterable[int | None], others: Iterable[int | None] = ()) -> list[str]:
    """Remark on Instance Numbers that are missing between those of slices, though the slices there may be regular.

    others: numbers of objects of the series that are no slices.
    """
    known = {number for number in slices if number is not None}
    if not known:
        return []
    first, last = min(known), max(known)
    missing = last - first + 1 - len(known | {number for number in others if number and first < number < last})
    if missing == 0 or missing > STRANGE * len(known):
        return []
    return [
        f"{missing} of the Instance Numbers from {first} to {last} are not there: slices may be missing. Compare the "
        "number of slices with the archive"
    ]
