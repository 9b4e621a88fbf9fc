"""Results of the guarantee benchmark: simulated calibrations, exact figures, MAPIE's answers, splits of real scores."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

ALLOWED_SE = 3.0  # standard errors by which a share may exceed what is allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """Share of simulated calibrations that broke the promise, beside the share that is allowed and expected."""

    case: str
    sensitivity: float
    confidence: float
    n: int
    calibrations: int
    broken: float
    expected: float | None
    keeps: bool = True  # false for a case that may break the promise

    @property
    def allowed(self) -> float:
        """The doubt that the promise names."""
        return 1.0 - self.confidence

    @property
    def se(self) -> float:
        """Standard error of a share that is what is allowed."""
        return math.sqrt(self.allowed * self.confidence / self.calibrations)

    @property
    def within(self) -> bool:
        """No more often broken than allowed, but for chance."""
        return self.broken <= self.allowed + ALLOWED_SE * self.se


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossFitted:
    """One way to a line with models that learn: how often it broke the promise, and its price in false alarms.

    misses, broken, reached, flagged: None where so few positives prove nothing.
    """

    data: str  # a name, and the positives of train and of calibration
    way: str
    deployed: str
    exact: bool  # proved whatever the learner is
    sensitivity: float
    confidence: float
    calibrations: int
    n: int  # positives behind each line
    misses: int | None  # of them that may lie below
    broken: float | None
    reached: float | None  # mean true sensitivity
    flagged: float | None  # mean share of negatives at or above the line

    @property
    def within(self) -> bool:
        """No more often broken than the doubt allows, but for chance."""
        se = math.sqrt((1.0 - self.confidence) * self.confidence / self.calibrations)
        return self.broken is None or self.broken <= 1.0 - self.confidence + ALLOWED_SE * se


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """Fewest positives with `misses`: accepted at n, refused at n - 1, here and by binomial and beta."""

    sensitivity: float
    confidence: float
    misses: int
    n: int
    accepted: bool  # n positives with so many at the bottom: the threshold lies above them
    refused_one_less: bool
    binomial: float  # scipy: P(Binomial(n, 1 - s) <= misses)
    binomial_one_less: float
    bound: float  # scipy: lower bound of the sensitivity, by the beta distribution
    bound_one_less: float

    @property
    def agrees(self) -> bool:
        """True if all three methods put the boundary at n."""
        doubt = 1.0 - self.confidence
        binomial = self.binomial <= doubt < self.binomial_one_less
        beta = self.bound >= self.sensitivity > self.bound_one_less
        return self.accepted and self.refused_one_less and binomial and beta


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedFigure:
    """One figure: this program's, and that of scipy.stats."""

    what: str
    ours: float
    scipy: float

    @property
    def agrees(self) -> bool:
        """Alike to a billionth."""
        return abs(self.ours - self.scipy) <= 1e-9 * max(1.0, abs(self.scipy))


@dataclass(frozen=True, slots=True, kw_only=True)
class NeededByMapie:
    """Fewest positives with `misses` below the threshold."""

    sensitivity: float
    confidence: float
    misses: int
    ours: int
    one_threshold: int  # MAPIE, asked about a single threshold that was fixed beforehand
    refused_above: int  # of the LOOKED_AT sizes from `ours` upwards, those that it refuses nevertheless
    default: int | None  # MAPIE as it comes: 100 thresholds, Bonferroni-Holm


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenThreshold:
    """Threshold that one method sets on one set of scores; None where it refuses."""

    n: int
    method: str
    threshold: float | None
    true_sensitivity: float | None
    flagged: float | None  # share of negatives, exact


class Counting(StrEnum):
    """Units that are counted and units that are split."""

    UNITS = "one score a unit, units split"
    GROUPS = "one score a unit, whole groups split"
    SINGLY = "pictures counted singly, whole groups split"
    MIXED = "pictures counted singly and split, groups torn apart"


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitResult:
    """Share of splits whose check part fell short of the promise, and the expected share."""

    data: str
    unit: str
    how: Counting
    sensitivity: float
    confidence: float
    splits: int
    refused: int  # of them: too few positives in the calibration part
    positives: int  # counted, both parts together
    groups: int
    n: float  # mean size of the calibration part
    missed: float  # mean misses allowed there
    tested: float  # mean size of the check part
    short: float  # share of splits whose check part shows less than the promise
    short_expected: float
    beyond: float  # share of splits with more misses than an acceptance test should allow
    beyond_expected: float  # at most 0.05 by its making
    by_chance: float | None  # share of shuffled sets with as much beyond; None where no group is kept together

    @property
    def se(self) -> float:
        """Standard error of `short`, were it what is expected."""
        return math.sqrt(self.short_expected * (1.0 - self.short_expected) / (self.splits - self.refused))

    @property
    def se_beyond(self) -> float:
        """The same of `beyond`."""
        return math.sqrt(self.beyond_expected * (1.0 - self.beyond_expected) / (self.splits - self.refused))

    @property
    def within(self) -> bool:
        """No more often short than theory allows, but for chance."""
        short = self.short <= self.short_expected + ALLOWED_SE * self.se
        return short and self.beyond <= self.beyond_expected + ALLOWED_SE * self.se_beyond


@dataclass(frozen=True, slots=True, kw_only=True)
class Certifiable:
    """Promise that one real calibration split carries, in words."""

    data: str
    task: str
    unit: str
    units: int
    pictures: int
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GuaranteeResult:
    """Everything that was measured."""

    calibrations: int
    splits: int
    kept: tuple[Simulated, ...]
    broken: tuple[Simulated, ...]
    asked: tuple[Simulated, ...]
    boundaries: tuple[Boundary, ...]
    checked: tuple[CheckedFigure, ...]
    needed: tuple[NeededByMapie, ...]
    chosen: tuple[ChosenThreshold, ...]
    real: tuple[SplitResult, ...]
    certifiable: tuple[Certifiable, ...]
    cross_fitted: tuple[CrossFitted, ...] = ()

    @property
    def faults(self) -> tuple[str, ...]:
        """Promises that are broken too often where they must be kept, and figures on which two methods disagree."""
        must = [d for d in (*self.kept, *self.broken, *self.asked) if d.keeps]
        return (
            *(f"{d.case}, n = {d.n}: broken {d.broken:.4f}, allowed {d.allowed:g}" for d in must if not d.within),
            *(
                f"{c.data}, {c.way}, {c.deployed}: broken {c.broken:.4f}"
                for c in self.cross_fitted
                if c.exact and not c.within
            ),
            *(f"boundary {b.n} of {b.sensitivity:g} with {b.misses} missed" for b in self.boundaries if not b.agrees),
            *(f"{c.what}: {c.ours:g}, by scipy {c.scipy:g}" for c in self.checked if not c.agrees),
            *(
                f"MAPIE needs {n.one_threshold} where {n.ours} are asked"
                for n in self.needed
                if n.one_threshold < n.ours
            ),
        )
