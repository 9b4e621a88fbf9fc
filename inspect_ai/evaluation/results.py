"""Results that an evaluation page is made from: scores with their truth, their origin, and pictures of a few cases."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from inspect_ai.domain import Outcome
from inspect_ai.evaluation.agreement import Agreement
from inspect_ai.evaluation.curves import Flags, Interval, Share, Values, units_with
from inspect_ai.evaluation.free_response import FreeResponse
from inspect_ai.evaluation.lines import MeasuredRow
from inspect_ai.operating_point import OperatingPoint

TOLERANCE_PX = 15  # from a finding to the mask that it hits (pointing game; Zhang et al. 2016, arXiv 1608.00507)


def in_order(values: Iterable[str]) -> list[str]:
    """Sort numbers by size, then words by their letters."""
    return sorted(values, key=lambda v: (not v.isdecimal(), int(v) if v.isdecimal() else 0, v))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cases:
    """One entry per picture, in columns. `unit`: counted once in a statement, as in calibration (tile, patient)."""

    score: Values = field(compare=False, repr=False)  # [n]
    positive: Flags = field(compare=False, repr=False)  # [n]
    group: tuple[str, ...] = field(repr=False)
    unit: tuple[str, ...] = field(repr=False)
    unit_name: str  # patient, tile, candidate
    outcome: tuple[Outcome, ...] = field(repr=False)  # empty without an operating point
    columns: tuple[tuple[tuple[str, str], ...], ...] = field(repr=False)  # further columns of labels.csv
    failed: tuple[tuple[str, ...], ...] = field(repr=False)  # measures of the quality gate that did not pass

    def __len__(self) -> int:
        return len(self.score)

    def had(self, *outcomes: Outcome) -> Flags:
        """[n] True for pictures with one of these outcomes."""
        return np.array([o in outcomes for o in self.outcome], bool)

    def pictures(self, happened: Flags, among: Flags) -> Share:
        """Share of pictures."""
        return Share(k=int((happened & among).sum()), n=int(among.sum()))

    def units(self, happened: Flags, among: Flags) -> Share:
        """Share of units; a unit counts where it happened to any of its pictures."""
        return units_with(happened, self.unit, among)

    def units_kept(self, lost: Flags, among: Flags) -> Share:
        """Share of units of which no picture was lost."""
        hurt = self.units(lost, among)
        return Share(k=hurt.n - hurt.k, n=hurt.n)

    @property
    def grouped(self) -> bool:
        """True when some units have several pictures."""
        return len(set(self.unit)) < len(self.unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Subject of an evaluation: task, data, model and certificate, with the figures over all pictures."""

    task: str
    title: str
    data: str
    split: str
    labels: str  # the label set
    positive_name: str  # what a positive is called: nodule, flag
    decides: bool  # the set has both sides
    model_sha256: str
    config_sha256: str
    engine: str
    point: OperatingPoint | None
    certified: bool
    uncertified_because: str
    seen: int | None  # of the pictures: met by training or selection; None where that is not known
    auc: float | None
    auc_interval: Interval | None
    accuracy: float | None
    accuracy_interval: Interval | None
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    scores_from: str = ""  # name and digest of the file of scores, where another program made them
    frontier: tuple[MeasuredRow, ...] = ()  # lines that calibration proved, measured here


@dataclass(frozen=True, slots=True, kw_only=True)
class Positions:
    """Findings against the places that masks mark. absent: the reason why there is nothing to show."""

    response: FreeResponse | None = None
    reachable: int = 0  # places that could be found, by how many marks each picture has
    absent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """One agreement study: under one kind of change, all looks together and each look alone."""

    change: str  # "lighting (column exposure)"
    explained: str
    together: Agreement
    alone: tuple[tuple[str, Agreement], ...]  # each look by itself against the reference
    spread_odds: float | None  # median over parts of highest minus lowest log-odds


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementStudy:
    """Studies under all changes, and the share of pictures that scored bit-identically when scored twice."""

    looks: tuple[Looks, ...]
    twice: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A picture on a sheet."""

    file: str
    group: str
    label: str
    score: float
    outcome: Outcome | None
    reason: str
    more: int  # other errors of the same group, not shown
    picture_png: bytes | None = field(default=None, repr=False)
    heat_png: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Up to a dozen pictures under one heading."""

    heading: str
    says: str
    cards: Sequence[Card]
