"""Results of a comparison: outcomes of trainings, figures over seeds, differences to references, and costs."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.accuracy.plan import Job
from benchmarks.statistics import Estimate, Spread

SIDE_PX = 224  # of the pictures that costs are measured on


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOutcome:
    """End of one job; `error` is None for a job that left a model. `wall_s` and `cpu_s` are the training's."""

    job: Job
    skipped: bool
    wall_s: float
    cpu_s: float
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """One model beside another on the same pictures, over the seeds that both have."""

    other: str
    seeds: tuple[int, ...]
    differences: dict[str, Estimate]
    ratios: dict[str, Estimate]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFigures:
    """One model on one data set."""

    model: str
    seeds: tuple[int, ...]
    figures: dict[str, Spread]
    against: tuple[Against, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """The val part of one data set and all models on it, in the plan's order."""

    task: str
    data: str
    pictures: int
    positives: int | None  # None where every picture or none is positive: classes are asked for, no decision
    groups: int
    models: tuple[ModelFigures, ...]
    line: float | None = None  # sensitivity that the line is proved for, where there is one


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCost:
    """One model. Speeds are of ONNX Runtime, one thread, one picture of 224 x 224 px at a time, by processor time."""

    task: str  # whose run was measured
    parameters: int
    gmacs: float  # at 224 x 224 px
    gmacs_own: float  # at the task's own size
    own_px: int
    best_ms: float  # a picture, in the best round
    median_ms: float
    speed_ratio: dict[str, float]  # to each model that the others are compared with; median of ratios within rounds
    gpu_images_s: float | None

    @property
    def images_s(self) -> float:
        """Pictures a second in the median round."""
        return 1000.0 / self.median_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredCosts:
    """All models of a comparison, measured in one run on one machine."""

    machine: str
    share: float  # of a core that the measurement got; far below 1, caches were shared and speeds are a little low
    engine: str
    gpu: str | None
    models: dict[str, ModelCost]
