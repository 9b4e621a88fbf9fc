"""The martingale: fair while nothing changes, whatever the values look like; quick when something does."""

import math
from bisect import insort

import numpy as np
import pytest
from scipy.stats import kstest, norm

from benchmarks.monitor.ranks import growing_p
from inspect_ai.monitoring.martingale import ETA, Martingale, evidence, gains, limit
from inspect_ai.monitoring.ranks import GrowingReference, tie_breaker

STREAMS, LENGTH = 2000, 500
KINDS = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "skewed": lambda rng, shape: rng.lognormal(0.0, 2.0, shape),
    "eight levels": lambda rng, shape: rng.integers(0, 8, shape).astype(float),
    "nine of ten alike": lambda rng, shape: np.where(rng.random(shape) < 0.9, 0.0, rng.random(shape)),
}


def simulated(kind: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return KINDS[kind](rng, (STREAMS, LENGTH)), rng.random((STREAMS, LENGTH))


@pytest.mark.parametrize("kind", KINDS)
def test_at_most_one_in_twenty_streams_in_control_ever_raises_the_alarm(kind: str) -> None:
    values, theta = simulated(kind)

    alarmed = (evidence(growing_p(values, theta)).max(axis=1) >= math.log(limit(1))).mean()

    assert alarmed <= ETA
    assert alarmed > 0.005  # it does play


def test_a_fixed_reference_breaks_the_bound() -> None:
    values, theta = simulated("normal")
    rng = np.random.default_rng(1)
    p = np.empty_like(values)
    for i, (stream, ties) in enumerate(zip(values, theta, strict=True)):
        reference = np.sort(rng.standard_normal(100))
        p[i] = (100 - np.searchsorted(reference, stream) + ties) / 101

    assert (evidence(p).max(axis=1) >= math.log(limit(1))).mean() > 2 * ETA


def test_calibration_values_that_truly_belong_to_the_stream_may_start_its_reference() -> None:
    # all in one row: the calibration values first, without a bet on them
    values, theta = simulated("normal", seed=2)

    p = growing_p(values, theta)[:, 100:]

    assert (evidence(p).max(axis=1) >= math.log(limit(1))).mean() <= ETA


def test_several_streams_share_the_false_alarms_even_when_they_depend_on_one_another() -> None:
    rng = np.random.default_rng(3)
    first = rng.standard_normal((STREAMS, LENGTH))
    second = np.where(first < 0, first, -first)  # agrees below the middle, contradicts above it
    alarmed = np.zeros(STREAMS, bool)
    for values in (first, second):
        p = growing_p(values, rng.random(values.shape))
        alarmed |= evidence(p).max(axis=1) >= math.log(limit(2))

    assert alarmed.mean() <= ETA


def test_one_streams_rank_depends_on_whether_two_streams_agreed_before_so_their_mean_is_no_martingale() -> None:
    rng = np.random.default_rng(4)
    first = rng.standard_normal((200_000, 3))
    second = np.where(first < 0, first, -first)
    agreed = (first[:, 0] < first[:, 1]) == (second[:, 0] < second[:, 1])

    rank = (first[:, :2] > first[:, 2:]).sum(axis=1)  # of the third value, in the first stream

    assert rank[agreed].mean() < 0.9 < 1.1 < rank[~agreed].mean()
    assert rank.mean() == pytest.approx(1.0, abs=0.01)  # uniform for who sees the first stream alone


@pytest.mark.parametrize(("shift", "soon"), [(1.0, 35), (2.0, 12), (-2.0, 12)])
def test_half_of_all_shifts_are_found_soon(shift: float, soon: int) -> None:
    rng = np.random.default_rng(5)
    values = rng.standard_normal((300, 400))
    values[:, 300:] += shift

    log = evidence(growing_p(values, rng.random(values.shape)))

    found = (log >= math.log(limit(1))).argmax(axis=1)
    assert np.median(found[found >= 300]) - 299 <= soon


def test_a_wider_spread_around_the_same_middle_is_found_too() -> None:
    rng = np.random.default_rng(6)
    values = rng.standard_normal((100, 500))
    values[:, 300:] *= 2.5

    log = evidence(growing_p(values, rng.random(values.shape)))

    assert (log.max(axis=1) >= math.log(limit(1))).mean() > 0.9


def test_p_values_are_uniform_and_follow_the_definition_for_ties() -> None:
    values, theta = simulated("eight levels")
    values, theta = values[:20], theta[:20]
    by_definition = np.array(
        [
            [(sum(row[: t + 1] > row[t]) + ties[t] * sum(row[: t + 1] == row[t])) / (t + 1) for t in range(100)]
            for row, ties in zip(values, theta, strict=True)
        ]
    )

    assert growing_p(values, theta)[:, :100] == pytest.approx(by_definition)
    assert kstest(growing_p(values, theta)[:, 50:].ravel(), "uniform").pvalue > 0.001


def test_one_value_at_a_time_gives_what_many_streams_at_once_give() -> None:
    values, theta = simulated("nine of ten alike")
    reference, game = GrowingReference(), Martingale()

    log = [float(game.step(reference.p(v, t))[0]) for v, t in zip(values[7], theta[7], strict=True)]

    assert log == pytest.approx(evidence(growing_p(values[7:8], theta[7:8]))[0])


def test_a_known_start_counts_as_reference() -> None:
    started, grown = GrowingReference([3.0, 1.0, 2.0]), GrowingReference()
    for value in (3.0, 1.0, 2.0):
        grown.p(value, 0.5)

    assert started.p(2.0, 0.25) == grown.p(2.0, 0.25) == pytest.approx((1 + 0.25 * 2) / 4)


def test_every_bet_is_fair_over_uniform_p() -> None:
    z = np.linspace(-8, 8, 20_001)  # the bets are steep near p = 0 and 1, so over the normal score of p

    mean = (gains(norm.sf(z)) * norm.pdf(z)[:, None]).sum(axis=0) * (z[1] - z[0])

    assert (mean <= 1 + 1e-6).all()
    assert (mean > 1 - 1e-4).all()  # the widest bet has a little of its weight beyond where scores are cut off


def test_capital_is_conserved_when_all_bets_return_the_stake() -> None:
    game = Martingale(2)
    for _ in range(50):
        game._settle(np.ones((2, gains(0.5).shape[-1])))

    assert game.log_capital == pytest.approx([0.0, 0.0], abs=1e-12)


def test_evidence_stays_a_number_after_a_change_that_never_ends() -> None:
    game, log = Martingale(), 0.0
    for _ in range(3000):
        log = float(game.step(1e-9)[0])

    assert math.isfinite(log)
    assert log > 5000


def test_ties_are_broken_the_same_way_every_time_and_evenly() -> None:
    thetas = [tie_breaker(f"{i:064x}", "score") for i in range(2000)]

    assert thetas == [tie_breaker(f"{i:064x}", "score") for i in range(2000)]
    assert thetas[5] != tie_breaker(f"{5:064x}", "focus")
    assert kstest(thetas, "uniform").pvalue > 0.001


def test_a_limit_needs_streams_and_a_rate() -> None:
    assert limit(5, 0.05) == pytest.approx(100.0)
    with pytest.raises(ValueError, match="a stream to watch"):
        limit(0)
    with pytest.raises(ValueError, match="between 0 and 1"):
        limit(1, 1.0)


def test_the_reference_is_kept_sorted_as_bisect_would() -> None:
    rng = np.random.default_rng(8)
    reference, plain = GrowingReference(), []
    for value in rng.integers(0, 5, 60).astype(float):
        insort(plain, value)
        n, above = len(plain), sum(v > value for v in plain)
        assert reference.p(value, 0.5) == pytest.approx((above + 0.5 * plain.count(value)) / n)
