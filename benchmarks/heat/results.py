"""Results of the heat map benchmark."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inspect_ai.datasets.folder import Row
from inspect_ai.domain import Floats, Unit
from inspect_ai.model.manifest import Manifest
from inspect_ai.plugins import Task

Mask = NDArray[np.uint8]


class MapMethod(StrEnum):
    """Origin of a map: the network's own readout, or gradients."""

    OWN = "own"
    GRADCAM = "gradcam"


@dataclass(frozen=True, slots=True, kw_only=True)
class MapMaker:
    """A model under a method. `heat` gives [h, w] at stride 8 over the padded unit."""

    name: str
    method: MapMethod
    folder: Path
    manifest: Manifest
    task: Task
    heat: Callable[[Unit], Floats] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointing:
    """One map against one mask."""

    distance_px: float  # from the peak to the mask, 0 on it, in pixels of the picture; infinite for a flat map
    energy: float  # share of the map's mass on the mask
    beyond: float  # share of the map's mass on the rows and columns that the engine padded; energy leaves it out
    area: float  # share of the mask in the unit: the energy of a uniform map, and the exact hits of a blind guess
    area_near: float  # share of what lies within the tolerance: the tolerant hits of a blind guess

    @property
    def flat(self) -> bool:
        """True for a map without a peak."""
        return math.isinf(self.distance_px)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExamplePicture:
    """picture: [h, w] or [h, w, 3] in 0..1, what the unit covers; mask and heat: [H, W] over the unit."""

    picture: Floats = field(compare=False, repr=False)
    mask: Mask = field(compare=False, repr=False)
    heat: Floats = field(compare=False, repr=False)
    peak_px: tuple[int, int]  # row, column in the unit


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredMap:
    """One maker's map of one picture. by_kind: against the masks of one kind of lesion alone."""

    whole: Pointing
    by_kind: Mapping[str, Pointing]
    met: bool  # training or selection met this picture
    example: ExamplePicture | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatResult:
    """Measured maps of each maker, one a row of the labelled folder."""

    task: str
    data: str
    split: str
    rows: tuple[Row, ...]
    classes: tuple[str, ...]  # of each row; "" where the data set names none
    makers: tuple[MapMaker, ...]
    maps: tuple[tuple[MeasuredMap, ...], ...]
    examples: tuple[int, ...]
