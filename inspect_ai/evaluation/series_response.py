"""Free response over whole series: sensitivity at so many false marks a scan, and their mean (CPM).

As LUNA16 counts (A. Setio et al., Medical Image Analysis 42 (2017) 1): a mark within the radius of a nodule finds it;
its further marks count neither way; marks on excluded findings are left out; all others are false. Here the curve is
not interpolated: a rate between two points takes the sensitivity of the lower, and equal scores stand together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inspect_ai.datasets.annotations import AnnotatedNodule
from inspect_ai.domain import Finding
from inspect_ai.evaluation.curves import Values
from inspect_ai.evaluation.free_response import CandidateMark, FreeResponse, free_response

RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # false marks a scan; CPM is the mean of their sensitivities
DRAWS = 1000
CONFIDENCE = 0.95

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesMarks:
    """Marks of one scan: `place` counts its nodules from 0. said: sentences on masses, which have no score."""

    series_uid: str
    marks: tuple[CandidateMark, ...]
    nodules: int
    ignored: int = 0  # marks on excluded findings
    said: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesResponse:
    """Sensitivity [R] at RATES with intervals over scans (NaN for one), its mean, and the share with any mark."""

    curve: FreeResponse = field(repr=False)
    sensitivity: tuple[float, ...]
    intervals: tuple[Interval, ...]
    cpm: float
    cpm_interval: Interval
    marked: float  # of the nodules: what the finder and the cut of candidates leave
    false_marks: float  # a scan, all of them


def marks_of(
    number: int,
    findings: Sequence[Finding],
    nodules: Sequence[AnnotatedNodule],
    excluded: Sequence[AnnotatedNodule],
    series_uid: str,
    said: Sequence[str] = (),
) -> SeriesMarks:
    """Marks of the scan with that number. A mark on a nodule is no mark on what is excluded."""
    marks, ignored = [], 0
    for finding in findings:
        place = next((i for i, nodule in enumerate(nodules) if lies_on(finding, nodule)), None)
        if place is None and any(lies_on(finding, one) for one in excluded):
            ignored += 1
        else:
            marks.append(CandidateMark(picture=number, score=finding.score, place=place))
    return SeriesMarks(
        series_uid=series_uid, marks=tuple(marks), nodules=len(nodules), ignored=ignored, said=tuple(said)
    )


def lies_on(finding: Finding, nodule: AnnotatedNodule) -> bool:
    """True within the nodule's radius, or in one of its boxes."""
    if nodule.centre_mm is not None and nodule.diameter_mm is not None:
        return (
            finding.position_mm is not None
            and math.dist(finding.position_mm, nodule.centre_mm) <= nodule.diameter_mm / 2
        )
    if finding.row is None or finding.col is None:
        return False
    return any(
        box.sop_instance_uid == finding.sop_instance_uid
        and box.rows[0] <= finding.row <= box.rows[1]
        and box.columns[0] <= finding.col <= box.columns[1]
        for box in nodule.boxes
    )


def series_response(scans: Sequence[SeriesMarks]) -> SeriesResponse:
    """All figures. Raises ValueError without a scan or without a nodule."""
    marks = [mark for scan in scans for mark in scan.marks]
    nodules = np.array([scan.nodules for scan in scans], np.int64)
    curve = free_response(marks, int(nodules.sum()), len(scans))
    counted = _Counted(marks, nodules)
    here = counted.sensitivity(np.ones((1, len(scans)), np.int64))[0]  # [R]
    draws = np.concatenate([counted.sensitivity(weights) for weights in _weights(len(scans))])  # [DRAWS, R]
    if len(scans) < 2:  # one scan drawn again is itself
        draws = np.full_like(draws, np.nan)
    intervals = tuple(_interval(draws[:, i]) for i in range(len(RATES)))
    return SeriesResponse(
        curve=curve,
        sensitivity=tuple(float(v) for v in here),
        intervals=intervals,
        cpm=float(here.mean()),
        cpm_interval=_interval(draws.mean(axis=1)),
        marked=float(curve.found[-1]),
        false_marks=float(curve.false_marks[-1]),
    )


class _Counted:
    """Marks by score, highest first, with scans that can be drawn several times."""

    def __init__(self, marks: Sequence[CandidateMark], nodules: NDArray[np.int64]) -> None:
        ordered = sorted(marks, key=lambda mark: -mark.score)
        seen: set[tuple[int, int]] = set()
        first = []
        for mark in ordered:
            key = (mark.picture, -1 if mark.place is None else mark.place)
            first.append(mark.place is not None and key not in seen)
            seen.add(key)
        self.nodules = nodules
        self.scan = np.array([mark.picture for mark in ordered], np.int64)
        self.false = np.array([mark.place is None for mark in ordered], bool)
        self.first = np.array(first, bool)
        score = np.array([mark.score for mark in ordered], np.float64)
        self.ends = np.flatnonzero(np.r_[np.diff(score) != 0, np.ones(min(len(score), 1), bool)])  # last of equals

    def sensitivity(self, weights: NDArray[np.int64]) -> Values:
        """[D, scans] how often each scan was drawn -> [D, R]; NaN where no nodule was drawn."""
        drawn = weights[:, self.scan]  # [D, marks]
        false = (drawn * self.false).cumsum(axis=1)[:, self.ends]
        found = (drawn * self.first).cumsum(axis=1)[:, self.ends]
        found, false = np.pad(found, ((0, 0), (1, 0))), np.pad(false, ((0, 0), (1, 0)))  # above all marks: nothing
        scans, total = weights.sum(axis=1), (weights * self.nodules).sum(axis=1)
        answer = np.full((len(weights), len(RATES)), np.nan)
        for column, rate in enumerate(RATES):
            last = (false <= rate * scans[:, None]).sum(axis=1) - 1  # false marks never fall along the scores
            hits = found[np.arange(len(weights)), last]
            answer[:, column] = np.divide(hits, total, out=np.full(len(weights), np.nan), where=total > 0)
        return answer


def _weights(scans: int) -> Iterator[NDArray[np.int64]]:
    """[50, scans] in portions: how often each scan came, in as many drawings as there are scans."""
    random = np.random.default_rng(0)
    for _ in range(DRAWS // 50):
        yield random.multinomial(scans, np.full(scans, 1.0 / scans), size=50)


def _interval(draws: Values) -> Interval:
    known = draws[~np.isnan(draws)]
    if not known.size:
        return math.nan, math.nan
    low, high = np.percentile(known, [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)])
    return float(low), float(high)
