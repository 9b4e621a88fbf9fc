"""Models that were chosen by the positives that prove them: the doubt is split over all that were looked at."""

from dataclasses import replace
from pathlib import Path

import pytest
from scipy.stats import beta, binom

from inspect_ai.calibration import read_point, write_point
from inspect_ai.calibration.frontier import frontier
from inspect_ai.calibration.solver import CalibrationRequest, CalibrationScores, solve
from inspect_ai.errors import UsageError
from inspect_ai.operating_point import Guarantee, OperatingPoint
from tests.support.points import make_point

THREE = CalibrationRequest(sensitivity=0.987, confidence=0.95, looks=3)


def scored(positives: int, negatives: int = 300) -> CalibrationScores:
    n = positives + negatives
    return CalibrationScores(
        scores=[0.5 + i / (2 * n) for i in range(positives)] + [i / (2 * n) for i in range(negatives)],
        units=[f"unit{i}" for i in range(n)],
        positive=[i < positives for i in range(n)],
        passed=[True] * n,
        values=["north" if i % 2 else "south" for i in range(n)],
    )


def made(**proof: float) -> OperatingPoint:
    """Point at 0.5 with these fields of its proof."""
    return make_point(
        task="parts", clear_below=0.5, flag_from=0.5, covers="one part", model_sha256="0" * 64, config_sha256="0" * 64,
        engine="onnx", calibration_sha256="0" * 64, **proof,
    )  # fmt: skip


def of_three(n: int, missed: int = 0) -> OperatingPoint:
    """Point of three looks whose counts are these and whose bound is theirs."""
    point = made(
        sensitivity=0.987, confidence=0.95, n_positive=n, n_missed=missed,
        proved_sensitivity=float(beta.ppf(0.05 / 3, n - missed, missed + 1)) - 1e-12,
    )  # fmt: skip
    return replace(point, proof=replace(point.proof, looks=3))


def test_three_looks_take_as_many_positives_as_a_third_of_the_doubt() -> None:
    fewest = next(n for n in range(1, 999) if binom.cdf(0, n, 0.013) <= 0.05 / 3)
    assert fewest == 313

    proved, refused = (solve(scored(n), THREE).proof for n in (fewest, fewest - 1))

    assert (proved.refusal, proved.looks, proved.confidence) == (None, 3, 0.95)
    assert proved.proved_sensitivity == pytest.approx(float(beta.ppf(0.05 / 3, fewest, 1)))
    assert "there are 312" in (refused.refusal or "")
    assert solve(scored(229), replace(THREE, looks=1)).proof.refusal is None


def test_with_groups_the_doubt_is_split_twice() -> None:
    """Two groups and two looks: a quarter of the doubt of 0.1 each, so 0.9 takes 36 positives in each."""
    asked = CalibrationRequest(sensitivity=0.9, confidence=0.9, looks=2, group_by="site")

    enough, few = (solve(scored(n), asked).proof for n in (72, 70))

    assert binom.cdf(0, 36, 0.1) <= 0.1 / 4 < binom.cdf(0, 35, 0.1)
    assert enough.refusal is None
    assert {group.refusal for group in few.groups} == {"it needs 1 more positive"}


def test_false_alarms_are_proved_with_the_same_share_of_the_doubt() -> None:
    asked = replace(THREE, overkill=0.05)

    alarms = solve(scored(400), asked).false_alarms

    assert alarms is not None
    allowed = max(k for k in range(300) if binom.cdf(k, 300, 0.05) <= 0.05 / 3)
    assert alarms.proved_overkill == pytest.approx(float(beta.ppf(1 - 0.05 / 3, allowed + 1, 300 - allowed)))


def test_a_line_at_a_price_and_the_best_step_have_the_same_share_of_the_doubt() -> None:
    """At a line that 10 % of the negatives reach no positive is missed, and 313 without a miss prove 0.987 of three."""
    at_price = solve(scored(313), CalibrationRequest(at_fpr=0.1, confidence=0.95, looks=3)).proof
    best = [solve(scored(n), replace(THREE, or_best=True)).proof.sensitivity for n in (313, 312)]

    assert (at_price.sensitivity, at_price.confidence, at_price.looks) == (0.987, 0.95, 3)
    assert at_price.proved_sensitivity == pytest.approx(float(beta.ppf(0.05 / 3, 313, 1)))
    assert best == [0.987, 0.98]


def test_the_frontier_says_what_each_row_takes_with_so_many_looks() -> None:
    rows = {row.sensitivity: row.positives_needed for row in frontier(scored(100), THREE).rows}

    assert rows[0.987] == 313


def test_a_promise_on_average_has_nothing_to_split() -> None:
    with pytest.raises(UsageError, match="no doubt to split over looks"):
        solve(scored(400), replace(THREE, guarantee=Guarantee.AVERAGE))


def test_the_file_keeps_the_looks_and_judges_the_counts_by_them(tmp_path: Path) -> None:
    write_point(of_three(313), tmp_path / "point.json")

    point = read_point(tmp_path / "point.json")

    assert point.proof.looks == 3
    assert "(95 % confidence, chosen among 3 models on the same positives)" in point.promise
    assert '"schema": 4' in (tmp_path / "point.json").read_text()
    write_point(of_three(312), tmp_path / "few.json")
    with pytest.raises(UsageError, match=r"it claims to prove 0.987, but 0 missed of 312 prove"):
        read_point(tmp_path / "few.json")


def test_a_point_of_one_look_is_written_as_before_there_were_looks(tmp_path: Path) -> None:
    point = made(sensitivity=0.9, confidence=0.9, n_positive=30, n_missed=0, proved_sensitivity=0.92)
    write_point(point, tmp_path / "point.json")

    assert "looks" not in (tmp_path / "point.json").read_text()
    assert '"schema": 2' in (tmp_path / "point.json").read_text()
    assert read_point(tmp_path / "point.json") == point
