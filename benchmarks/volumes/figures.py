"""Figures of the volume benchmark by arm: AUC, sensitivity at fixed false alarms a scan, gains over the key slice."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from benchmarks.volumes.froc import auc_over, estimated, gain, sensitivity, tubes_passed
from benchmarks.volumes.results import Answers, Arm, ArmFigures, CountedEstimate, Fold, VolumeFigures

RATES = (1.0, 4.0)  # false alarms a scan
BANDS_MM = {"3-6 mm": (3.0, 6.0), "6-10 mm": (6.0, 10.0), "10-20 mm": (10.0, math.inf), "all": (0.0, math.inf)}

Measure = Callable[[Sequence[Fold]], float]


def figures(folds: Mapping[Arm, Sequence[Fold]], answers: Sequence[Answers]) -> VolumeFigures:
    """Measure everything. Pure: the same scores give the same figures."""
    some = folds[Arm.KEY]
    scans = sum(fold.scans for fold in some)
    return VolumeFigures(
        arms={arm: _arm(mine, sum(a.ms[arm] for a in answers) / len(answers)) for arm, mine in folds.items()},
        gains={arm: _gains(mine, some) for arm, mine in folds.items() if arm is not Arm.KEY},
        met={name: estimated(some, _met(band), _count(some, name)) for name, band in BANDS_MM.items()},
        alarms=sum(len(fold.alarms) for fold in some) / scans,
        scans=scans,
        parameters=answers[0].parameters,
    )


def _arm(folds: Sequence[Fold], ms: float) -> ArmFigures:
    keys = [(rate, name) for rate in RATES for name in BANDS_MM]
    tubes = sum(len(fold.tubes) + len(fold.twins) for fold in folds)
    return ArmFigures(
        auc_tubes=estimated(folds, _auc_tubes, _count(folds, "all")),
        auc_twins=estimated(folds, _auc_twins, _count(folds, "all")),
        auc_candidates=estimated(folds, _auc_candidates, _count(folds, "all")),
        given={key: estimated(folds, _sensitivity(*key), _count(folds, key[1])) for key in keys},
        end_to_end={key: estimated(folds, _sensitivity(*key, whole=True), _count(folds, key[1])) for key in keys},
        tubes_passed={rate: estimated(folds, lambda f, r=rate: tubes_passed(f, r), tubes) for rate in RATES},  # type: ignore[misc]
        ms=ms,
    )


def _gains(mine: Sequence[Fold], key: Sequence[Fold]) -> dict[str, CountedEstimate]:
    measures: dict[str, Measure] = {
        "AUC against made vessels": _auc_tubes,
        "AUC against faint ones": _auc_twins,
        "AUC against real candidates": _auc_candidates,
        **{f"sensitivity at {rate:g} a scan": _sensitivity(rate, "all") for rate in RATES},
    }
    return {name: gain(mine, key, measure, _count(mine, "all")) for name, measure in measures.items()}


def _auc_tubes(folds: Sequence[Fold]) -> float:
    return auc_over(folds, lambda fold: fold.tubes)


def _auc_twins(folds: Sequence[Fold]) -> float:
    return auc_over(folds, lambda fold: fold.twins)


def _auc_candidates(folds: Sequence[Fold]) -> float:
    return auc_over(folds, lambda fold: fold.alarms)


def _sensitivity(rate: float, band: str, *, whole: bool = False) -> Measure:
    return lambda folds: sensitivity(folds, rate, BANDS_MM[band], end_to_end=whole)


def _met(band: tuple[float, float]) -> Measure:
    return lambda folds: sensitivity(folds, math.inf, band, end_to_end=True)


def _count(folds: Sequence[Fold], band: str) -> int:
    low, high = BANDS_MM[band]
    return sum(int(((fold.diameters_mm >= low) & (fold.diameters_mm < high)).sum()) for fold in folds)
