"""Measurement of the guarantee: the promise is kept as often as it says, and not much more often.

Simulated scores from known distributions, exact figures by a second method, MAPIE on the same promise, and random
splits of real scores. Everything goes into one folder: tables, a CSV of every share, JSON, a picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.guarantee import bounds, crossfit, draws, with_mapie
from benchmarks.guarantee.asked import asked
from benchmarks.guarantee.picture import draw
from benchmarks.guarantee.results import Certifiable, GuaranteeResult
from benchmarks.guarantee.splits import split_often
from benchmarks.guarantee.tables import texts
from benchmarks.guarantee.units import certifiable, read_scores
from benchmarks.writing import output_folder, write_files
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


def bench_guarantee(
    out: Path,
    *,
    settings: Settings,
    scores: Sequence[str] = (),
    calibrations: int = 20_000,
    splits: int = 10_000,
    mapie: bool = True,
    on_progress: Callable[[str], None] = lambda sentence: None,
) -> GuaranteeResult:
    """Measure and write everything.

    Raises UsageError for scores that cannot be read and a folder that cannot be written, SetupError without MAPIE, and
    without matplotlib once the tables are written.
    """
    real = [read_scores(named, settings) for named in scores]  # first, so that a wrong name costs no minutes
    if mapie:
        with_mapie.controller()
    on_progress(f"{calibrations} calibrations for each family and promise")
    kept = tuple(draws.kept(draws.families(), PROMISES, calibrations))
    on_progress("procedures that break the promise")
    broken = tuple(draws.broken(calibrations, *PROMISE))
    on_progress("topping up and cross-fitting, with models that learn")
    fitted = tuple(crossfit.cross_fitted(max(calibrations // crossfit.SHARE, 100), *PROMISE))
    on_progress("exact figures, and MAPIE")
    found = GuaranteeResult(
        calibrations=calibrations,
        splits=splits,
        kept=kept,
        broken=broken,
        asked=tuple(asked(calibrations)),
        boundaries=tuple(bounds.boundaries()),
        checked=tuple(bounds.checked()),
        needed=tuple(with_mapie.needed(MAPIE_PROMISES, MAPIE_MISSES)) if mapie else (),
        chosen=tuple(with_mapie.chosen(MAPIE_SIZES, *PROMISE)) if mapie else (),
        real=tuple(s for one in real for s in split_often(one, splits)),
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
        cross_fitted=(*fitted, *crossfit.contrived(calibrations, *PROMISE)),
    )
    write_files(out, texts(found))
    with output_folder(out):
        draw(out / "guarantee.png", found.kept, found.real)
    return found
