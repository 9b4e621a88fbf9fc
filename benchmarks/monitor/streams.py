"""Measurement of the drift alarm: false alarms of streams in control, and delays of true ones.

Simulated streams first: in control, for several shapes of distribution, beside the construction with a fixed reference
that is not valid; then shifts. Then pictures: a camera that goes out of focus, and a new device. All alarms are the
product's own, from the p-values on; the seed decides every draw.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.monitor.pictures import MADE, SCORE, MeasuredPictures, defocus, made_pictures, new_device, real_pictures
from benchmarks.monitor.ranks import Array, growing_p
from benchmarks.monitor.results import Delay, FalseAlarms, StreamResult
from benchmarks.monitor.tables import texts
from benchmarks.writing import write_files
from inspect_ai.monitoring.martingale import ETA, evidence, limit
from inspect_ai.monitoring.sequential import log_evidence, seen_rate
from inspect_ai.settings import Settings

CHUNK = 500  # streams at a time, so that their ranks stay in the cache
IN_CONTROL = 500  # values before a change
SHIFTS_SD = (0.5, 1.0, 2.0)
WATCHED = (1, 12)  # streams that share the false alarms: one alone, and a score with eleven measures
PROMISED_MISS = 0.013
MISSED = (0.03, 0.1)  # true miss rates where that was promised
AUDIT_RATES = (1.0, 0.1, 0.02)
FIXED_REFERENCES = (200, 1000)

Way = Callable[[MeasuredPictures, MeasuredPictures, int, int, int, np.random.Generator], tuple[str, Array, int]]
Draw = Callable[[np.random.Generator, tuple[int, int]], Array]


def _normal(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    return rng.standard_normal(shape)


def _skewed(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    return rng.lognormal(0.0, 2.0, shape)


def _tied(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    return rng.integers(0, 8, shape).astype(np.float64)


def _mostly_one(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    return np.where(rng.random(shape) < 0.9, 0.0, rng.random(shape))


SHAPES: dict[str, Draw] = {
    "normal": _normal,
    "lognormal, σ 2": _skewed,
    "eight levels": _tied,
    "nine of ten alike": _mostly_one,
}


def bench_streams(
    *,
    out: Path,
    settings: Settings,
    streams: int = 10_000,
    length: int = 5_000,
    metal: Path | None = None,
    fundus: tuple[Path, Path] | None = None,
    seed: int = 0,
    on_progress: Callable[[str], None] = lambda sentence: None,
) -> StreamResult:
    """Measure, and write tables below `out`.

    metal: a labelled folder whose pictures go out of focus; fundus: pictures of one camera, and of another. Raises
    UsageError for folders that cannot be read or written.
    """
    false_alarms = []
    for index, (name, draw) in enumerate(SHAPES.items()):
        n = length if index == 0 else min(length, 2000)
        on_progress(f"{streams:,} streams in control, {name}, {n} values")
        false_alarms.append(growing(name, draw, streams, n, np.random.default_rng([seed, index])))
    for size in FIXED_REFERENCES:
        on_progress(f"a fixed reference of {size} values")
        false_alarms.append(fixed(size, min(streams, 2000), length, np.random.default_rng([seed, size])))
    on_progress("shifts")
    shifts = [
        shifted(shift, watched, before, streams // 5, np.random.default_rng([seed, before, watched]))
        for before in (100, IN_CONTROL, 2000)
        if before < length
        for watched in WATCHED
        for shift in SHIFTS_SD
    ]
    on_progress("missed positives among audited clears")
    misses = [
        audited(rate, miss, streams // 50, np.random.default_rng([seed, 7])) for rate in AUDIT_RATES for miss in MISSED
    ]
    on_progress("made pictures that go out of focus")
    pools = [made_pictures(np.random.default_rng([seed, 1]), min(MADE, streams // 4))]
    ways: list[tuple[Way, MeasuredPictures, MeasuredPictures]] = [(defocus, pools[0], pools[0])]
    if metal is not None:
        on_progress(f"pictures of {metal} that go out of focus")
        pools.append(real_pictures("metal_surface", metal, settings, out_of_focus=True))
        ways += [(defocus, pool, pool) for pool in (pools[-1], pools[-1].only(SCORE))]
    if fundus is not None:
        on_progress(f"pictures of {fundus[0]}, then of {fundus[1]}")
        old, new = (real_pictures("fundus", folder, settings, out_of_focus=False) for folder in fundus)
        pools += [old, new]
        ways += [(new_device, old, new), (new_device, old.only(SCORE), new.only(SCORE)), (new_device, old, old)]
    pictures = [
        from_pictures(way, old, new, np.random.default_rng([seed, 2]), streams=streams // 25) for way, old, new in ways
    ]
    result = StreamResult(
        eta=ETA,
        seed=seed,
        false_alarms=tuple(false_alarms),
        shifts=tuple(shifts),
        pictures=tuple(pictures),
        misses=tuple(misses),
        pools=tuple(pools),
    )
    write_files(out, texts(result))
    return result


def growing(name: str, draw: Draw, streams: int, n: int, rng: np.random.Generator) -> FalseAlarms:
    """The product's construction on streams in which nothing changes."""
    first = np.concatenate(
        [first_alarm(growing_p(draw(rng, (size, n)), rng.random((size, n))), limit(1)) for size in _chunks(streams)]
    )
    return _false_alarms("growing", name, first, n)


def fixed(size: int, streams: int, n: int, rng: np.random.Generator) -> FalseAlarms:
    """The plain construction: ranks among `size` calibration values that stay as they are."""
    first = []
    for count in _chunks(streams):
        p = np.empty((count, n))
        for row in p:
            reference = np.sort(rng.standard_normal(size))
            above = size - np.searchsorted(reference, rng.standard_normal(n))
            row[:] = (above + rng.random(n)) / (size + 1)  # ties have probability 0
        first.append(first_alarm(p, limit(1)))
    return _false_alarms(f"fixed, {size} values", "normal", np.concatenate(first), n)


def shifted(shift_sd: float, watched: int, before: int, streams: int, rng: np.random.Generator) -> Delay:
    """Normal values that move by so many standard deviations. `watched` streams share the false alarms; one moves."""
    after = 1000 if shift_sd < 1.0 else 300
    first = []
    for count in _chunks(streams):
        values = rng.standard_normal((count, before + after))
        values[:, before:] += shift_sd
        first.append(first_alarm(growing_p(values, rng.random(values.shape)), limit(watched)))
    return delay(f"shift of {shift_sd:g} SD", watched, before, after, np.concatenate(first))


def audited(rate: float, miss: float, lines: int, rng: np.random.Generator) -> Delay:
    """Positives until the miss-rate alarm: a share `rate` of clears is audited, a share `miss` of positives missed."""
    within = round(1500 / rate**0.75)
    missed = rng.random((lines, within)) < miss
    seen = ~missed | (rng.random(missed.shape) < rate)
    k, n = (missed & seen).cumsum(1).astype(np.float64), seen.cumsum(1).astype(np.float64)
    at = missed & seen  # the evidence rises at misses alone
    over = np.zeros(at.shape, np.bool_)
    over[at] = log_evidence(k[at], n[at], np.full(int(at.sum()), seen_rate(PROMISED_MISS, rate))) >= -math.log(ETA)
    first = np.where(over.any(1), over.argmax(1), within)
    return delay(f"{miss:.0%} missed, {rate:.0%} of clears audited", 1, 0, within, first)


def from_pictures(
    way: Way,
    old: MeasuredPictures,
    new: MeasuredPictures,
    rng: np.random.Generator,
    *,
    streams: int,
    before: int = IN_CONTROL,
    after: int = 400,
) -> Delay:
    """Streams of values of pictures drawn from the pools, every kind of value watched."""
    what, values, change = way(old, new, streams, before, after, rng)  # [kinds, S, n]
    kinds, _, n = values.shape
    first = np.stack([first_alarm(growing_p(kind, rng.random(kind.shape)), limit(kinds)) for kind in values])
    sounded = first.min(0)
    which = first.argmin(0)[(sounded >= change) & (sounded < n)]
    counts = [(name, int((which == i).sum())) for i, name in enumerate(old.names)]
    ordered = sorted((pair for pair in counts if pair[1]), key=lambda pair: -pair[1])
    return delay(what, kinds, change, n - change, sounded, tuple(ordered))


def first_alarm(p: Array, at: float) -> NDArray[np.int64]:
    """[S, n] -> [S]: index of the value at which each stream alarmed, n where it never did."""
    over = evidence(p) >= math.log(at)
    return np.asarray(np.where(over.any(1), over.argmax(1), p.shape[1]), np.int64)


def delay(
    what: str, watched: int, before: int, within: int, first: NDArray[np.int64], kinds: tuple[tuple[str, int], ...] = ()
) -> Delay:
    """Quantiles of the number of values from the change to the alarm, the alarming one counted."""
    took = first[first >= before] - before + 1
    missed = int((took > within).sum())
    lasting = np.where(took > within, np.inf, took.astype(np.float64))
    median, tail = (float(q) if math.isfinite(q) else math.nan for q in _quantiles(lasting))
    return Delay(
        what=what,
        watched=watched,
        before=before,
        within=within,
        streams=len(first),
        early=int((first < before).sum()),
        missed=missed,
        median=median,
        tail=tail,
        first=kinds,
    )


def _quantiles(took: Array) -> Sequence[float]:
    return np.quantile(took, [0.5, 0.9], method="inverted_cdf").tolist()  # type: ignore[no-any-return]


def _false_alarms(reference: str, shape: str, first: NDArray[np.int64], n: int) -> FalseAlarms:
    after = (*(m for m in (200, 500, 1000, 2000, 5000) if m < n), n)
    alarmed = tuple(int((first < m).sum()) for m in after)
    return FalseAlarms(reference=reference, shape=shape, streams=len(first), after=after, alarmed=alarmed)


def _chunks(streams: int) -> list[int]:
    return [min(CHUNK, streams - start) for start in range(0, streams, CHUNK)]
