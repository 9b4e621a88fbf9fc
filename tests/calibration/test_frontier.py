"""The sensitivities that the same positives prove, with what each costs in false alarms."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import beta, binom

from inspect_ai.calibration.costs import Costs
from inspect_ai.calibration.frontier import SENSITIVITIES, GateCounts, frontier, gate_counts
from inspect_ai.calibration.solver import CalibrationRequest, CalibrationScores
from inspect_ai.decide import GRID
from inspect_ai.operating_point import Guarantee

ASKED = CalibrationRequest()


def drawn(n_positive: int, n_negative: int) -> CalibrationScores:
    random = np.random.default_rng(7)
    scores = [*random.normal(3, 1, n_positive).tolist(), *random.normal(0, 1, n_negative).tolist()]
    positive = [True] * n_positive + [False] * n_negative
    n = len(scores)
    units, values = [f"u{i}" for i in range(n)], ["a", "b"] * (n // 2)
    return CalibrationScores(scores=scores, units=units, positive=positive, passed=[True] * n, values=values)


def test_each_row_is_the_order_statistic_and_the_share_of_negatives_that_reach_it() -> None:
    pictures = drawn(300, 700)
    positives, negatives = sorted(pictures.scores[:300]), np.array(pictures.scores[300:])

    rows = frontier(pictures, ASKED).rows

    assert [row.sensitivity for row in rows] == list(SENSITIVITIES)
    for row in rows:
        most = max((k for k in range(300) if binom.cdf(k, 300, 1 - row.sensitivity) <= 0.05), default=None)
        assert row.provable == (most is not None)
        if most is None:
            assert (row.clear_below, row.n_missed, row.false_positive_rate) == (None, None, None)
        else:
            assert (row.clear_below, row.n_missed) == (positives[most], most)
            assert row.false_positive_rate == pytest.approx((negatives >= positives[most]).mean())
    assert [row.provable for row in rows] == [True] * 6
    assert [row.sensitivity for row in rows if row.promised] == [0.987]


def test_the_positives_that_a_row_takes_are_those_of_a_proof_without_a_miss() -> None:
    for row in frontier(drawn(10, 10), ASKED).rows:
        assert row.positives_missing == row.positives_needed - 10
        assert row.sensitivity**row.positives_needed <= 0.05 < row.sensitivity ** (row.positives_needed - 1)


def test_the_requested_sensitivity_has_its_own_row_and_a_promise_asked_beside_it_changes_nothing() -> None:
    pictures = drawn(300, 700)
    asked = replace(ASKED, sensitivity=0.96)

    rows = frontier(pictures, asked).rows

    assert [row.sensitivity for row in rows] == sorted([*SENSITIVITIES, 0.96])
    assert [row.sensitivity for row in rows if row.promised] == [0.96]
    dear = Costs(escape=1e6, overkill=1, prevalence=0.5)  # would lower every threshold
    assert frontier(pictures, replace(asked, costs=dear)).rows == rows


def test_groups_and_the_weaker_guarantee_count_by_their_own_rules() -> None:
    pictures = drawn(300, 700)

    grouped = {row.sensitivity: row for row in frontier(pictures, replace(ASKED, group_by="site")).rows}
    weaker = frontier(pictures, replace(ASKED, guarantee=Guarantee.AVERAGE, sensitivity=0.995))
    average = {row.sensitivity: row for row in weaker.rows}

    assert not grouped[0.98].provable  # 150 in each at half the doubt
    assert 0.98 ** grouped[0.98].positives_needed <= 0.025 < 0.98 ** (grouped[0.98].positives_needed - 1)
    assert average[0.995].provable
    assert average[0.995].positives_needed == 199  # n / (n + 1) >= 0.995


def test_a_score_one_step_below_the_threshold_is_counted_as_at_work() -> None:
    scores = [0.5] * 100 + [0.5 - GRID, 0.5 - 2 * GRID, 0.1, 0.1]
    pictures = CalibrationScores(
        scores=scores, units=[str(i) for i in range(104)], positive=[True] * 100 + [False] * 4, passed=[True] * 104
    )

    assert frontier(pictures, ASKED, step=GRID).rows[0].false_positive_rate == 0.25
    assert frontier(pictures, ASKED).rows[0].false_positive_rate == 0.0


def test_without_negatives_no_share_of_false_alarms_is_made_up() -> None:
    rows = frontier(drawn(300, 0), ASKED).rows

    assert {row.false_positive_rate for row in rows} == {row.false_positive_rate_interval for row in rows} == {None}


def test_between_two_lines_the_work_for_a_person_is_counted_on_both_sides() -> None:
    pictures = drawn(300, 700)
    positives, negatives = np.array(pictures.scores[:300]), np.array(pictures.scores[300:])

    found = frontier(pictures, replace(ASKED, overkill=0.05), highest=np.inf)

    flag = np.sort(negatives)[::-1][max(k for k in range(700) if binom.cdf(k, 700, 0.05) <= 0.05)]  # none up to it
    assert found.two_lines
    for row in found.rows:
        clear = row.clear_below
        assert row.negatives_flagged == (negatives > max(flag, np.nextafter(clear, -np.inf))).sum()
        assert row.negatives_between == ((negatives >= clear) & (negatives <= flag)).sum()
        assert row.positives_between == ((positives >= clear) & (positives <= flag)).sum()
        assert row.false_positive_rate == (negatives >= clear).mean()  # not cleared: a person counts as well
    low, high = found.rows[0].false_positive_rate_interval
    k = found.rows[0].negatives_not_cleared
    assert (low, high) == pytest.approx((beta.ppf(0.025, k, 701 - k), beta.ppf(0.975, k + 1, 700 - k)))


def test_a_line_that_negatives_set_has_a_row_of_its_own_and_changes_no_other() -> None:
    pictures = drawn(300, 700)

    found = frontier(pictures, replace(ASKED, at_fpr=0.1), highest=np.inf)

    (row,) = [row for row in found.rows if row.promised]
    assert found.by_negatives
    assert row.negatives_not_cleared == 70
    assert row.n_missed == sum(score < row.clear_below for score in pictures.scores[:300])
    plain = {row.sensitivity: row for row in frontier(pictures, ASKED).rows}
    assert all(replace(plain[row.sensitivity], promised=False) == row for row in found.rows if not row.promised)


def test_what_the_gate_leaves_is_counted_in_pictures_of_each_side() -> None:
    passed = [True, False, True, True, False, False]
    pictures = CalibrationScores(
        scores=[0.5] * 6, units=list("aabbcc"), positive=[True, True, True, False, False, False], passed=passed
    )

    assert gate_counts(pictures) == GateCounts(positives=1, n_positive=3, negatives=2, n_negative=3)
