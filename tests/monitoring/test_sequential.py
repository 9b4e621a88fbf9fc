"""The miss rate's bound: holds at every moment at once, and sees through a partial audit."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import beta, binomtest

from inspect_ai.monitoring.sequential import log_evidence, miss_bound, miss_rate, rate_at_least, seen_rate

ETA = 0.05


@pytest.mark.parametrize(("k", "n", "rate"), [(3, 40, 0.02), (0, 10, 0.1), (30, 40, 0.5)])
def test_the_evidence_is_the_mixture_integral(k: int, n: int, rate: float) -> None:
    prior = beta(0.5, 0.5)
    won, _ = quad(lambda q: (q / rate) ** k * ((1 - q) / (1 - rate)) ** (n - k) * prior.pdf(q), rate, 1)

    found = log_evidence(np.array([float(k)]), np.array([float(n)]), np.array([rate]))

    assert np.exp(found[0]) == pytest.approx(won / prior.sf(rate), rel=1e-4)


def test_a_rate_as_promised_raises_the_alarm_in_at_most_one_of_twenty_lines_ever() -> None:
    rng = np.random.default_rng(0)
    missed = rng.random((2000, 1000)) < 0.05
    n = np.broadcast_to(np.arange(1, 1001, dtype=float), missed.shape)[missed]  # the evidence peaks at misses alone
    line, k = np.nonzero(missed)[0], missed.cumsum(axis=1)[missed].astype(float)

    over = log_evidence(k, n, np.full(len(k), 0.05)) >= -np.log(ETA)

    assert 0.005 < len(set(line[over].tolist())) / 2000 <= ETA


def test_the_interval_holds_the_true_rate_at_every_moment_at_once() -> None:
    rng = np.random.default_rng(1)
    bounds = [miss_bound(rng.random(150) < 0.1, audit_rate=1.0, promised=None, eta=ETA) for _ in range(100)]

    assert np.mean([b.at_least > 0.1 for b in bounds]) <= ETA
    assert np.mean([b.at_most < 0.1 for b in bounds]) <= ETA
    assert np.median([b.at_most - b.at_least for b in bounds]) < 0.18


def test_it_is_wider_than_the_bound_for_one_moment_but_not_by_much() -> None:
    low = rate_at_least(np.array([20.0]), np.array([100.0]), ETA)
    once = binomtest(20, 100, alternative="greater").proportion_ci(0.95).low

    assert 0.6 * once < low < once


def test_the_best_bound_of_all_moments_is_kept() -> None:
    rng = np.random.default_rng(3)
    k = (rng.random(150) < np.where(np.arange(150) < 60, 0.4, 0.05)).cumsum().astype(float)
    n = np.arange(1, 151, dtype=float)
    one_by_one = [rate_at_least(k[i : i + 1], n[i : i + 1], ETA) for i in range(150)]

    assert rate_at_least(k, n, ETA) == pytest.approx(max(one_by_one), abs=1e-9)
    assert max(one_by_one) > one_by_one[-1]


def test_misses_that_only_a_sample_sees_are_counted_up() -> None:
    rng = np.random.default_rng(4)
    true, rate = 0.2, 0.1
    missed = rng.random(8000) < true
    seen = missed[~missed | (rng.random(8000) < rate)]  # of the missed, a tenth is drawn

    bound = miss_bound(seen, audit_rate=rate, promised=0.013, eta=ETA)

    assert bound.at_least < true < bound.at_most
    assert bound.at_most - bound.at_least < 0.1
    assert bound.crossed is not None
    assert miss_rate(seen_rate(true, rate), rate) == pytest.approx(true)


def test_the_alarm_names_the_positive_that_raised_it() -> None:
    missed = [False] * 50 + [True] * 5

    bound = miss_bound(missed, audit_rate=1.0, promised=0.013, eta=ETA)

    assert bound.crossed is not None
    assert 50 <= bound.crossed < 55
    before = miss_bound(missed[: bound.crossed], audit_rate=1.0, promised=0.013, eta=ETA)
    assert before.crossed is None
    assert bound.at_least > 0.013 >= before.at_least


def test_nothing_seen_says_nothing() -> None:
    bound = miss_bound([], audit_rate=0.02, promised=0.013, eta=ETA)

    assert (bound.at_least, bound.at_most, bound.crossed) == (0.0, 1.0, None)


@pytest.mark.parametrize("wrong", [{"audit_rate": 0.0}, {"eta": 1.0}, {"promised": 0.0}])
def test_rates_that_are_none_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        miss_bound([True], **{"audit_rate": 0.5, "promised": None, "eta": ETA, **wrong})
