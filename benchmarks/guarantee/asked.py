"""Monte Carlo of promises that were not named beforehand: a line at a price, the best step of the ladder, a picked row.

Scores are normal, positives three higher than negatives, so the true shares beyond a line are known.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy.special import betaincc, betaincinv, ndtr

from benchmarks.guarantee.draws import Array
from benchmarks.guarantee.results import Simulated
from inspect_ai.calibration.bounds import binomial_cdf, misses_allowed
from inspect_ai.calibration.frontier import SENSITIVITIES
from inspect_ai.calibration.ladder import best_step
from inspect_ai.calibration.negatives_line import DIGITS
from inspect_ai.calibration.solver import USUAL_REQUEST, CalibrationRequest, CalibrationScores, solve
from inspect_ai.operating_point import Guarantee

SHIFT = 3.0  # of the positives
CONFIDENCE = 0.95
PRICE = 0.1  # share of the negatives
SIZES = ((50, 100), (120, 300), (315, 600))  # positives, negatives
FEWEST, MOST = 29, 400  # positives of the ladder's calibrations
COMPARED = 25  # calibrations of each case that the product solves as well


def asked(calibrations: int) -> Iterator[Simulated]:
    """Every case, with the share of calibrations in which the promise was not kept."""
    for n, negatives in SIZES:
        yield from _at_price(calibrations, n, negatives)
    yield _ladder(calibrations)
    for n, negatives in SIZES:
        yield _picked(calibrations, n, negatives)


def _at_price(calibrations: int, n: int, m: int) -> Iterator[Simulated]:
    """Line by negatives: the sensitivity that positives prove there, and the share that negatives prove."""
    for proved in (False, True):
        random = np.random.default_rng([n, m, proved, 11])
        scores = random.normal(size=(calibrations, n)) + SHIFT
        negatives = random.normal(size=(calibrations, m))
        allowed = misses_allowed(m, 1.0 - PRICE, CONFIDENCE) if proved else math.floor(PRICE * m)
        line = np.nextafter(np.sort(negatives, axis=1)[:, m - 1 - allowed], np.inf)  # [calibrations]
        missed = (scores < line[:, None]).sum(axis=1)
        promised = np.floor(DIGITS * _lower_bounds(n)) / DIGITS  # [n + 1] by misses
        _compare(scores, negatives, line, promised[missed], CalibrationRequest(at_fpr=PRICE, prove_fpr=proved))
        true = ndtr(SHIFT - line)
        above = (promised[None, :] > true[:, None]).sum(axis=1) - 1  # most misses whose promise is too high
        expected = np.where(above < 0, 0.0, betaincc(np.maximum(above, 0) + 1, n - above, 1.0 - true))
        how = f"--at-fpr {PRICE:g}{' --prove-fpr' if proved else ''}"
        yield Simulated(
            case=f"{how}, {m} negatives: the sensitivity", sensitivity=float(promised[missed].mean()),
            confidence=CONFIDENCE, n=n, calibrations=calibrations, broken=float(np.mean(true < promised[missed])),
            expected=float(expected.mean()),
        )  # fmt: skip
        if proved:
            yield Simulated(
                case=f"{how}, {m} negatives: the share of negatives", sensitivity=1.0 - PRICE, confidence=CONFIDENCE,
                n=m, calibrations=calibrations, broken=float(np.mean(ndtr(-line) > PRICE)),
                expected=binomial_cdf(allowed, m, PRICE),
            )  # fmt: skip


def _ladder(calibrations: int) -> Simulated:
    """Best step for as many positives as happened to be there: another number in each calibration."""
    random = np.random.default_rng(12)
    sizes = random.integers(FEWEST, MOST + 1, calibrations)
    broken, expected, promised = 0, 0.0, 0.0
    for index, n in enumerate(sizes.tolist()):
        step = best_step([n], confidence=CONFIDENCE, guarantee=Guarantee.CONFIDENCE)
        allowed = misses_allowed(n, step, CONFIDENCE)
        scores = random.normal(size=n) + SHIFT
        line = float(np.partition(scores, allowed)[allowed])
        if index < COMPARED:
            _compare(scores[None, :], np.zeros((1, 1)), np.array([line]), np.array([step]), USUAL_REQUEST)
        broken += float(ndtr(SHIFT - line)) < step
        expected += binomial_cdf(allowed, n, 1.0 - step)
        promised += step
    return Simulated(
        case=f"--sensitivity best, {FEWEST} to {MOST} positives, as many as there happen to be",
        sensitivity=promised / calibrations, confidence=CONFIDENCE, n=round(float(sizes.mean())),
        calibrations=calibrations, broken=broken / calibrations, expected=expected / calibrations,
    )  # fmt: skip


def _picked(calibrations: int, n: int, m: int) -> Simulated:
    """Highest row of the frontier that clears at least 1 - PRICE of the calibration negatives, picked after looking."""
    random = np.random.default_rng([n, m, 13])
    scores = np.sort(random.normal(size=(calibrations, n)) + SHIFT, axis=1)
    negatives = np.sort(random.normal(size=(calibrations, m)), axis=1)
    most = negatives[:, m - 1 - math.floor(PRICE * m)]  # a line above it flags no more than the price
    promised, true = np.zeros(calibrations), np.ones(calibrations)
    for sensitivity in SENSITIVITIES:
        allowed = misses_allowed(n, sensitivity, CONFIDENCE)
        if allowed >= 0:
            line = scores[:, allowed]
            cheap = line > most
            promised, true = np.where(cheap, sensitivity, promised), np.where(cheap, ndtr(SHIFT - line), true)
    there = promised > 0.0  # in the others no row is so cheap, and nothing is promised
    return Simulated(
        case=f"highest row of the frontier at no more than {PRICE:g} of {m} negatives, picked after looking",
        sensitivity=float(promised[there].mean()) if there.any() else 0.0, confidence=CONFIDENCE, n=n,
        calibrations=calibrations, broken=float(np.mean(true < promised)), expected=None, keeps=False,
    )  # fmt: skip


def _lower_bounds(n: int) -> Array:
    """[n + 1] exact lower bound of the sensitivity with 0 .. n of n missed."""
    missed = np.arange(n)
    return np.append(betaincinv(n - missed, missed + 1, 1.0 - CONFIDENCE), 0.0)


def _compare(scores: Array, negatives: Array, line: Array, promised: Array, request: CalibrationRequest) -> None:
    """Check that the product sets these lines and promises. Raises RuntimeError where it does not."""
    for row in range(min(COMPARED, len(scores))):
        sides = [*scores[row].tolist(), *negatives[row].tolist()]
        n, m = scores.shape[1], negatives.shape[1]
        pictures = CalibrationScores(
            scores=sides,
            units=[str(i) for i in range(n + m)],
            positive=[True] * n + [False] * m,
            passed=[True] * (n + m),
        )
        found = solve(pictures, request, highest=math.inf)
        if (found.thresholds.clear_below, found.proof.sensitivity) != (float(line[row]), float(promised[row])):
            raise RuntimeError("the line that the Monte Carlo reads is not the one that the calibration sets")
