"""Fingerprint of a labelled folder: everything that a plan rests on, as values that travel as JSON.

After nnU-Net's dataset fingerprint (Isensee et al., Nature Methods 18, 2021); symmetry and detail are added, since here
nothing is known of the kind of picture beforehand.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from inspect_ai.planning.objects import Objects
from inspect_ai.planning.symmetry import Symmetry

LEAST_STRETCH = 1.2  # longer over shorter side, from which a square would distort the picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Pictures of one split and class, their groups, and what counts once in a proof after copies were joined."""

    split: str
    label: str
    positive: bool
    pictures: int
    groups: int
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Smallest, median and largest value over the measured pictures."""

    least: float
    median: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """Description of a labelled folder. Sizes and pixels are measured on `measured` pictures of train.

    given_splits: False where the program made the splits. noise and lost are in grey levels of 255, lost by the factors
    of `detail.SHRINKS`; brightness and contrast are relative standard deviations over pictures. rim: standard
    deviation along the edges of a picture over that of the whole. symmetry: by name of the turn.
    """

    data: tuple[str, ...]
    labels: str
    decides: bool
    given_splits: bool
    counts: tuple[Count, ...]
    copies: int
    measured: int
    width_px: Spread
    height_px: Spread
    aspect: Spread  # longer over shorter side
    grey: bool
    depth_bits: int
    objects: Objects | None
    noise: float
    lost: tuple[float, ...]
    shrink: float  # factor by which pictures may shrink before more than noise is lost
    brightness: float
    contrast: float
    rim: float
    symmetry: dict[str, Symmetry]

    def pictures(self, split: str, positive: bool | None = None) -> int:
        """Number of pictures of one split; of one side of the decision where `positive` is given."""
        return sum(c.pictures for c in self.counts if c.split == split and positive in (None, c.positive))

    def units(self, split: str, positive: bool) -> int:
        """Number of independent units of one split and side."""
        return sum(c.units for c in self.counts if c.split == split and c.positive == positive)

    @property
    def stretch(self) -> float:
        """Median width over median height, where all pictures are clearly longer one way, and the same way; else 1."""
        wide = self.width_px.median / self.height_px.median
        return wide if self.aspect.least >= LEAST_STRETCH else 1.0

    @property
    def side_px(self) -> float:
        """Median of the shorter side."""
        return min(self.width_px.median, self.height_px.median)

    def as_json(self) -> str:
        """Write it as JSON."""
        return json.dumps(asdict(self), indent=1) + "\n"
