from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betaincc
from scipy.stats import beta, binom

from inspect_ai.calibration import clopper_pearson, lower_bound, plan
from inspect_ai.calibration.bounds import CLOSE, misses_allowed, proves, smallest_n
from inspect_ai.errors import UsageError

PERMILLES = st.integers(min_value=1, max_value=999)

# Fewest positives with 0, 1, 2, 3, 5, 10, 20 misses, from a table made by hand with another program.
MISSES = (0, 1, 2, 3, 5, 10, 20)
TABLE = {
    (0.95, 0.95): (59, 93, 124, 153, 208, 336, 577),
    (0.987, 0.95): (229, 364, 483, 595, 806, 1302, 2231),
    (0.99, 0.95): (299, 473, 628, 773, 1049, 1693, 2902),
    (0.987, 0.90): (176, 298, 408, 513, 712, 1183, 2077),
    (0.987, 0.99): (352, 508, 644, 770, 1005, 1545, 2540),
}


def tail(misses: int, n: int, miss: Fraction) -> Fraction:
    """P(Binomial(n, miss) <= misses), summed as fractions."""
    return sum((comb(n, k) * miss**k * (1 - miss) ** (n - k) for k in range(misses + 1)), Fraction(0))


@pytest.mark.parametrize(("promise", "positives"), TABLE.items())
def test_the_plan_gives_the_known_table(promise: tuple[float, float], positives: tuple[int, ...]) -> None:
    assert tuple(row.positives for row in plan(*promise, MISSES)) == positives


@pytest.mark.parametrize(("promise", "positives"), TABLE.items())
def test_one_positive_less_than_planned_proves_nothing_by_the_beta_bound(
    promise: tuple[float, float], positives: tuple[int, ...]
) -> None:
    sensitivity, confidence = promise
    for misses, n in zip(MISSES, positives, strict=True):
        enough, too_few = (beta.ppf(1 - confidence, m - misses, misses + 1) for m in (n, n - 1))
        assert enough >= sensitivity > too_few


@settings(deadline=None, max_examples=60)
@given(n=st.integers(min_value=1, max_value=80), sensitivity=PERMILLES, confidence=PERMILLES)
def test_whether_it_is_proved_is_what_exact_fractions_say(n: int, sensitivity: int, confidence: int) -> None:
    miss, doubt = 1 - Fraction(sensitivity, 1000), 1 - Fraction(confidence, 1000)

    allowed = misses_allowed(n, sensitivity / 1000, confidence / 1000)

    assert allowed == -1 or tail(allowed, n, miss) <= doubt
    assert tail(allowed + 1, n, miss) > doubt


@pytest.mark.parametrize(
    ("misses", "n", "sensitivity", "confidence"),
    [(0, 1, 0.5, 0.5), (0, 2, 0.9, 0.99), (0, 1, 0.9, 0.9), (0, 3, 0.7, 0.657), (1, 3, 0.5, 0.5), (0, 2, 0.1, 0.99)],
)
def test_an_exact_tie_is_decided_by_the_decimals_that_were_typed(
    misses: int, n: int, sensitivity: float, confidence: float
) -> None:
    exact = tail(misses, n, 1 - Fraction(str(sensitivity))) <= 1 - Fraction(str(confidence))

    assert proves(misses, n, sensitivity, confidence) is exact


def test_a_tie_counts_as_proved_and_a_hair_more_confidence_does_not() -> None:
    assert proves(0, 2, 0.1, 0.99)  # 0.1 squared is 0.01; in floats it is 0.010000000000000002
    assert not proves(0, 2, 0.1, 0.9900000001)


def test_floats_are_trusted_only_where_they_are_far_more_exact_than_that() -> None:
    worst = 0.0
    for n in (1, 7, 59, 229, 1302):
        for miss in (Fraction(1, 1000), Fraction(13, 1000), Fraction(1, 20), Fraction(1, 2)):
            for misses in {0, 1, n // 100, n // 20} - {n}:
                exact = tail(misses, n, miss)
                if exact > Fraction(1, 10**12):
                    worst = max(worst, abs(float(betaincc(misses + 1, n - misses, float(miss)) / float(exact) - 1)))

    assert worst < CLOSE / 1000


@settings(deadline=None, max_examples=50)
@given(n=st.integers(min_value=1, max_value=3000), data=st.data())
def test_the_lower_bound_is_the_rate_at_which_so_many_successes_become_unlikely(n: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(min_value=1, max_value=n))

    bound = lower_bound(successes, n, 0.95)

    assert binom.sf(successes - 1, n, bound) == pytest.approx(0.05, rel=1e-6)


def test_the_two_sided_interval_is_that_of_scipy_stats() -> None:
    for successes, n in ((0, 5), (3, 10), (229, 229), (21, 300)):
        low = 0.0 if successes == 0 else beta.ppf(0.025, successes, n - successes + 1)
        high = 1.0 if successes == n else beta.ppf(0.975, successes + 1, n - successes)
        assert clopper_pearson(successes, n, 0.95) == pytest.approx((low, high), abs=1e-12)


def test_no_observation_has_no_interval() -> None:
    with pytest.raises(ValueError, match="at least one"):
        clopper_pearson(0, 0, 0.95)


def test_extreme_promises_are_planned_without_overflow() -> None:
    assert smallest_n(3, 1 - 1e-9, 0.95) == pytest.approx(7.7536e9, rel=1e-3)  # the Poisson limit, 7.7537 / 1e-9


@pytest.mark.parametrize("wrong", [0.0, 1.0, -0.1, 98.7, float("nan"), float("inf")])
def test_a_promise_outside_0_to_1_is_refused_in_words(wrong: float) -> None:
    with pytest.raises(UsageError, match="sensitivity must lie between 0 and 1"):
        plan(wrong, 0.95, [0])
    with pytest.raises(UsageError, match="confidence must lie between 0 and 1"):
        plan(0.987, wrong, [0])
