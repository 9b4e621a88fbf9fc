"""Results of the volume benchmark: scores of each arm, their figures, and the files that hold them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.statistics import Estimate, Values
from benchmarks.volumes.data import PatchSample


class Arm(StrEnum):
    """Part of a stack that decides."""

    KEY = "key slice"  # its middle slice alone
    STACK = "stack of slices"  # the mean of the slices' own answers; each slice is scored alone
    VOLUME = "volume"  # attention along depth too


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Logits [N] of each arm for the same samples, milliseconds a sample, and the loss of each epoch in training."""

    logits: dict[Arm, NDArray[np.float64]] = field(compare=False, repr=False)
    ms: dict[Arm, float]
    losses: dict[Arm, tuple[float, ...]]
    parameters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LungSplit:
    """Names of the lungs for training and of those for testing."""

    train: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TestedSplit:
    """Test samples of one split, and the arms' answers to them."""

    split: LungSplit
    samples: tuple[PatchSample, ...] = field(compare=False, repr=False)
    answers: Answers = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Scores of one network on the lungs that it never saw. met: true for nodules that the finder passes on at all."""

    nodules: Values = field(compare=False, repr=False)  # [N]
    alarms: Values = field(compare=False, repr=False)  # [M]: real candidates, what a scan would show beside nodules
    tubes: Values = field(compare=False, repr=False)  # [K]: made vessels
    twins: Values = field(compare=False, repr=False)  # [L]: made vessels that look like nodules on their key slice
    met: NDArray[np.bool_] = field(compare=False, repr=False)  # [N]
    diameters_mm: Values = field(compare=False, repr=False)  # [N]
    scans: int

    def drawn(self, random: np.random.Generator) -> Fold:
        """The fold with its nodules, candidates and made vessels drawn again, with replacement."""
        nodules, alarms, tubes, twins = (
            random.integers(len(v), size=len(v)) if len(v) else np.zeros(0, int)
            for v in (self.nodules, self.alarms, self.tubes, self.twins)
        )
        return Fold(
            nodules=self.nodules[nodules],
            alarms=self.alarms[alarms],
            tubes=self.tubes[tubes],
            twins=self.twins[twins],
            met=self.met[nodules],
            diameters_mm=self.diameters_mm[nodules],
            scans=self.scans,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedEstimate(Estimate):
    """A figure and its interval, out of `n` nodules (vessels where vessels are counted)."""

    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmFigures:
    """One arm. Sensitivities by (false alarms a scan, band): given a candidate, and end to end with the finder."""

    auc_tubes: CountedEstimate  # made nodules against made vessels
    auc_twins: CountedEstimate  # against those that are as faint as nodules on the key slice
    auc_candidates: CountedEstimate  # made nodules against real candidates
    given: dict[tuple[float, str], CountedEstimate]
    end_to_end: dict[tuple[float, str], CountedEstimate]
    tubes_passed: dict[float, CountedEstimate]
    ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeFigures:
    """All arms, and the gain of each of the others over the key slice. `alarms`: real candidates a scan."""

    arms: dict[Arm, ArmFigures]
    gains: dict[Arm, dict[str, CountedEstimate]]
    met: dict[str, CountedEstimate]  # share of nodules that the finder passes on, by band
    alarms: float
    scans: int
    parameters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeResult:
    """Everything measured, and the files that hold it."""

    figures: VolumeFigures
    written: tuple[Path, ...]
