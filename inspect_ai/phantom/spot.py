"""Place of a made lesion or defect in its picture."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Middle of a made lesion or defect and the diameter of a circle around it, in pixels."""

    row: float
    col: float
    diameter: float
