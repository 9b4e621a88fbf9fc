"""Sensitivity at false marks a scan, on small sets that are counted by hand."""

from __future__ import annotations

import math

import pytest

from inspect_ai.datasets.annotations import AnnotatedNodule, SliceBox
from inspect_ai.domain import Finding
from inspect_ai.evaluation.series_response import RATES, SeriesMarks, lies_on, marks_of, series_response

NODULE = AnnotatedNodule(series_uid="1", name="line 2", centre_mm=(10.0, 20.0, 30.0), diameter_mm=8.0)
OTHER = AnnotatedNodule(series_uid="1", name="line 3", centre_mm=(100.0, 20.0, 30.0), diameter_mm=10.0)


def mark(x: float, score: float) -> Finding:
    return Finding(name="nodule", score=score, position_mm=(x, 20.0, 30.0))


def scan(number: int, findings: list[Finding], nodules: list[AnnotatedNodule]) -> SeriesMarks:
    return marks_of(number, findings, nodules, (), str(number))


def test_a_mark_finds_a_nodule_within_its_radius_and_not_beyond() -> None:
    assert lies_on(mark(14.0, 0.5), NODULE)
    assert not lies_on(mark(14.1, 0.5), NODULE)


def test_a_mark_finds_a_boxed_nodule_in_its_own_slice_alone() -> None:
    boxed = AnnotatedNodule(
        series_uid="1", name="a", boxes=(SliceBox(sop_instance_uid="1.5", rows=(10, 20), columns=(30, 40)),)
    )

    def at(uid: str, row: int, col: int) -> bool:
        return lies_on(Finding(name="nodule", score=0.5, row=row, col=col, sop_instance_uid=uid), boxed)

    assert at("1.5", 10, 40)
    assert not at("1.6", 10, 40)
    assert not at("1.5", 9, 40)


def test_marks_on_excluded_findings_count_neither_way_and_nodules_come_first() -> None:
    around = AnnotatedNodule(series_uid="1", name="line 9", centre_mm=(12.0, 20.0, 30.0), diameter_mm=20.0)

    found = marks_of(0, [mark(10.0, 0.9), mark(20.0, 0.8), mark(200.0, 0.7)], [NODULE], [around], "1")

    assert [(one.score, one.place) for one in found.marks] == [(0.9, 0), (0.7, None)]
    assert found.ignored == 1


def test_sensitivity_at_each_rate_is_what_counting_by_hand_gives() -> None:
    first = scan(0, [mark(10, 0.9), mark(11, 0.85), mark(50, 0.8), mark(100, 0.7)], [NODULE, OTHER])
    second = scan(1, [mark(50, 0.95), mark(60, 0.75), mark(100, 0.6)], [OTHER])

    found = series_response([first, second])

    # 0.95 false | 0.9 hit | 0.85 again | 0.8 false | 0.75 false | 0.7 hit | 0.6 hit, of three nodules in two scans
    by_hand = {0.125: 0, 0.25: 0, 0.5: 1 / 3, 1.0: 1 / 3, 2.0: 1.0, 4.0: 1.0, 8.0: 1.0}
    assert dict(zip(RATES, found.sensitivity, strict=True)) == pytest.approx(by_hand)
    assert found.cpm == pytest.approx(sum(by_hand.values()) / 7)
    assert (found.marked, found.false_marks) == (1.0, 1.5)


def test_equal_scores_stand_together_so_that_the_hit_does_not_come_first() -> None:
    found = series_response([scan(0, [mark(10, 0.5), mark(50, 0.5)], [NODULE])])

    assert found.sensitivity[:3] == (0.0, 0.0, 0.0)  # the false mark of the same score costs a whole one a scan
    assert found.sensitivity[3] == 1.0


def test_a_scan_without_marks_keeps_its_nodules_as_missed() -> None:
    found = series_response([scan(0, [mark(10, 0.9)], [NODULE]), scan(1, [], [OTHER])])

    assert found.sensitivity == (0.5,) * 7
    assert found.marked == 0.5


def test_intervals_hold_the_figure_and_close_when_all_scans_are_alike() -> None:
    alike = series_response([scan(i, [mark(10, 0.9)], [NODULE]) for i in range(5)])
    apart = series_response([scan(i, [mark(10, 0.9)] if i % 2 else [], [NODULE]) for i in range(10)])

    assert alike.cpm_interval == (1.0, 1.0)
    low, high = apart.cpm_interval
    assert low < apart.cpm < high
    # a mean of ten draws of a coin: two standard errors are 0.31
    assert (high - low) / 2 == pytest.approx(2 * math.sqrt(0.25 / 10), abs=0.08)


def test_one_scan_has_no_interval() -> None:
    found = series_response([scan(0, [mark(10, 0.9)], [NODULE])])

    assert all(math.isnan(edge) for edge in found.cpm_interval)


def test_without_any_mark_nothing_is_found() -> None:
    found = series_response([scan(0, [], [NODULE])])

    assert found.sensitivity == (0.0,) * 7
    assert found.curve.places == 1
