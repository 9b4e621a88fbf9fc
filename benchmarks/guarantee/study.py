"""The journey of `bench guarantee`: is the promise kept as often as it says, and not much more often?

Simulated scores from known distributions, exact figures by a second road, MAPIE on the same promise, and random splits
of real scores. Everything goes into one folder: tables, a CSV of every share, JSON, a picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.guarantee import bounds as guarantee_bounds
from benchmarks.guarantee import draws as guarantee_draws
from benchmarks.guarantee import splits as guarantee_splits
from benchmarks.guarantee import with_mapie as guarantee_mapie
from benchmarks.guarantee.bounds import Boundary, Checked
from benchmarks.guarantee.draws import Drawn
from benchmarks.guarantee.picture import draw
from benchmarks.guarantee.splits import Splits
from benchmarks.guarantee.table import write_tables
from benchmarks.guarantee.units import certifiable, read_scores
from benchmarks.guarantee.with_mapie import Chosen, Needed
from inspect_ai.errors import UsageError
from inspect_ai.settings import Settings

PROMISES = (  # sensitivity, confidence, positives
    (0.9, 0.9, 22),
    (0.9, 0.9, 100),
    (0.95, 0.95, 59),
    (0.95, 0.95, 93),
    (0.95, 0.95, 577),
    (0.987, 0.95, 229),
    (0.987, 0.95, 300),
    (0.987, 0.95, 364),
    (0.987, 0.95, 1302),
    (0.99, 0.99, 459),
)
PROMISE = (0.987, 0.95)  # of the product
MAPIE_PROMISES = ((0.95, 0.95), PROMISE, (0.99, 0.95))
MAPIE_MISSES = (0, 1, 2, 3, 5, 10)
MAPIE_SIZES = (228, 229, 364, 700, 1302)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certifiable:
    """What one real calibration split carries, in words."""

    data: str
    task: str
    unit: str
    units: int
    pictures: int
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Everything that the bench found."""

    calibrations: int
    splits: int
    kept: tuple[Drawn, ...]
    broken: tuple[Drawn, ...]
    boundaries: tuple[Boundary, ...]
    checked: tuple[Checked, ...]
    needed: tuple[Needed, ...]
    chosen: tuple[Chosen, ...]
    real: tuple[Splits, ...]
    certifiable: tuple[Certifiable, ...]

    @property
    def faults(self) -> tuple[str, ...]:
        """What must not be: a promise that is broken too often where it must be kept, two roads that disagree."""
        must = [d for d in (*self.kept, *self.broken) if d.keeps]
        return (
            *(f"{d.case}, n = {d.n}: broken {d.broken:.4f}, allowed {d.allowed:g}" for d in must if not d.within),
            *(f"boundary {b.n} of {b.sensitivity:g} with {b.misses} missed" for b in self.boundaries if not b.agrees),
            *(f"{c.what}: {c.ours:g}, by scipy {c.scipy:g}" for c in self.checked if not c.agrees),
            *(
                f"MAPIE needs {n.one_threshold} where {n.ours} are asked"
                for n in self.needed
                if n.one_threshold < n.ours
            ),
        )


def bench_guarantee(
    out: Path,
    *,
    settings: Settings,
    scores: Sequence[str] = (),
    calibrations: int = 20_000,
    splits: int = 10_000,
    mapie: bool = True,
    told: Callable[[str], None] = lambda said: None,
) -> Found:
    """Measure and write everything. Raises UsageError for scores that cannot be read, SetupError without MAPIE."""
    real = [read_scores(named, settings) for named in scores]  # first, so that a wrong name costs no minutes
    if mapie:
        guarantee_mapie.controller()
    told(f"{calibrations} calibrations for each family and promise")
    kept = tuple(guarantee_draws.kept(guarantee_draws.families(), PROMISES, calibrations))
    told("what breaks the promise")
    broken = tuple(guarantee_draws.broken(calibrations, *PROMISE))
    told("exact figures, and MAPIE")
    found = Found(
        calibrations=calibrations,
        splits=splits,
        kept=kept,
        broken=broken,
        boundaries=tuple(guarantee_bounds.boundaries()),
        checked=tuple(guarantee_bounds.checked()),
        needed=tuple(guarantee_mapie.needed(MAPIE_PROMISES, MAPIE_MISSES)) if mapie else (),
        chosen=tuple(guarantee_mapie.chosen(MAPIE_SIZES, *PROMISE)) if mapie else (),
        real=tuple(s for one in real for s in guarantee_splits.split_often(one, splits)),
        certifiable=tuple(
            Certifiable(
                data=one.name,
                task=one.task,
                unit=one.labels.independent_name,
                units=len(one.units),
                pictures=len(one.positives),
                says=certifiable(one, *PROMISE),
            )
            for one in real
        ),
    )
    _write(found, out)
    return found


def _write(found: Found, out: Path) -> None:
    """Raises UsageError if the folder cannot be written, SetupError without matplotlib (the tables are there then)."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_tables(found, out)
        draw(out / "guarantee.png", found.kept, found.real)
    except OSError as e:
        raise UsageError(f"{out} cannot be written ({e.strerror}). Choose another folder with --out.") from e
