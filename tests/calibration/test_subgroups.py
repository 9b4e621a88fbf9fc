from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import beta

from inspect_ai.calibration import Units, prove
from inspect_ai.calibration.planning import split_confidence
from inspect_ai.calibration.subgroups import lacking, prove_groups
from inspect_ai.operating_point import Guarantee


def drawn(n: int, seed: int, shift: float = 0.0) -> Units:
    return Units(scores=tuple(np.clip(np.random.default_rng(seed).random(n) + shift, 0, 1)))


@pytest.mark.parametrize("groups", [1, 2, 3, 7, 50])
def test_the_doubt_is_split_evenly_and_never_rounded_up(groups: int) -> None:
    doubt = 1 - Fraction(repr(split_confidence(0.95, groups)))

    assert doubt * groups <= Fraction(5, 100)
    assert float(doubt * groups) == pytest.approx(0.05, abs=1e-14)


def test_each_group_is_proved_at_its_share_of_the_doubt_on_its_own_scores() -> None:
    """With 0.05 / 2: 72 positives and no miss prove 0.95, not 71; alone, 59 would do."""
    groups = {"b": drawn(130, 1), "a": drawn(72, 2, 0.1)}

    a, b = prove_groups(groups, sensitivity=0.95, confidence=0.95)

    for point, units in ((a, groups["a"]), (b, groups["b"])):
        alone = prove(units.scores, sensitivity=0.95, confidence=0.975)
        assert (point.clear_below, point.n_missed) == (alone.threshold, alone.n_missed)
        assert point.proved_sensitivity == pytest.approx(
            beta.ppf(0.025, point.n_positive - alone.n_allowed, alone.n_allowed + 1)
        )
        assert point.proved_sensitivity >= 0.95
        assert point.refusal is None
    assert [a.value, b.value] == ["a", "b"]


def test_a_group_with_too_few_says_how_many_it_lacks_and_gets_none_from_the_others() -> None:
    small, large = prove_groups({"X": drawn(15, 1, 0.2), "Y": drawn(900, 2)}, sensitivity=0.95, confidence=0.95)

    assert small.refusal == "it needs 57 more positives"  # 72 - 15
    assert small.clear_below == min(drawn(15, 1, 0.2).scores)
    assert large.refusal is None
    assert lacking([small, large], "camera") == "Not every camera is certified ('X': it needs 57 more positives)."
    assert lacking([large], "camera") is None


def test_all_groups_keep_their_promise_together_as_often_as_said() -> None:
    """4,000 calibrations of three groups of 90; that all three hold is as likely as promised, one alone likelier."""
    random, draws = np.random.default_rng(4), 4000
    scores = np.sort(random.random((draws, 3, 90)), axis=2)
    points = prove_groups(
        {str(i): Units(scores=tuple(scores[0, i])) for i in range(3)}, sensitivity=0.95, confidence=0.95
    )
    thresholds = scores[:, np.arange(3), [p.n_missed for p in points]]
    assert [p.clear_below for p in points] == list(thresholds[0])

    together = (1 - thresholds >= 0.95).all(axis=1).mean()

    assert together >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / draws)


def test_an_average_promise_has_no_doubt_to_split() -> None:
    groups = {name: drawn(25, i) for i, name in enumerate("abcde")}

    points = prove_groups(groups, sensitivity=0.95, confidence=0.95, guarantee=Guarantee.AVERAGE)

    assert all(point.refusal is None for point in points)
    assert points[0].proved_sensitivity == pytest.approx(1 - 1 / 26)
    (short,) = prove_groups({"a": drawn(10, 1)}, sensitivity=0.95, confidence=0.95, guarantee=Guarantee.AVERAGE)
    assert short.refusal == "it needs 9 more positives"


def test_a_group_that_the_gate_hands_over_whole_clears_nothing() -> None:
    (point,) = prove_groups({"a": Units(scores=(), abstained=4)}, sensitivity=0.95, confidence=0.95)

    assert point.clear_below == 0.0
    assert "hands all its positives to a person" in (point.refusal or "")
