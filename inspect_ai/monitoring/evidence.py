"""Evidence from a certificate's decisions: drift of each stream, values that moved, and misses by people's answers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from inspect_ai.domain import Outcome
from inspect_ai.monitoring.martingale import Martingale, capital, limit
from inspect_ai.monitoring.monitoring_window import MonitoredCase, MonitoringWindow, Stream
from inspect_ai.monitoring.movement import EARLIEST, RECENT, Movement, moment_of_change, movement
from inspect_ai.monitoring.ranks import GrowingReference, tie_breaker
from inspect_ai.monitoring.sampling import AuditBound, audit_bound
from inspect_ai.monitoring.sequential import MissBound, miss_bound
from inspect_ai.review.review_states import ReviewState

QUIET_LEAST = 30  # values on either side, before a difference that raised no alarm is reported


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One stream's capital: highest so far, and the index of the value at which it crossed the limit."""

    stream: Stream
    log_highest: float
    limit: float
    crossed: int | None

    @property
    def highest(self) -> float:
        """Highest capital as a number, cut off where floats end."""
        return capital(self.log_highest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Misses:
    """Miss rate by reviewed labels. `entries`: the positives seen; `through`: the last case that counts, since up to it
    every needed answer is there.
    """

    bound: MissBound
    promised: float | None  # largest miss rate; None where the operating point is not at hand
    entries: tuple[int, ...]
    through: int


def played(streams: Sequence[Stream], eta: float) -> tuple[Evidence, ...]:
    """Evidence of each stream in a game of its own; the false-alarm probability is divided among them."""
    return tuple(_capital(stream, limit(len(streams), eta)) for stream in streams)


def _capital(stream: Stream, at: float) -> Evidence:
    """Play one stream's game."""
    reference, game = GrowingReference(), Martingale()
    highest, crossed = 0.0, None
    for i, (value, entry_hash) in enumerate(zip(stream.values, stream.hashes, strict=True)):
        now = float(game.step(reference.p(value, tie_breaker(entry_hash, stream.name)))[0])
        highest = max(highest, now)
        if crossed is None and now >= math.log(at):
            crossed = i
    return Evidence(stream=stream, log_highest=highest, limit=at, crossed=crossed)


def first_to_cross(streams: Sequence[Evidence]) -> Evidence | None:
    """Stream whose alarm came first in the log."""
    crossed = [(one.stream.entries[one.crossed], i) for i, one in enumerate(streams) if one.crossed is not None]
    return streams[min(crossed)[1]] if crossed else None


def movements(streams: Sequence[Evidence], worst: Evidence | None) -> tuple[int | None, tuple[Movement, ...]]:
    """Entry of the change, and each stream before against after; without an alarm, recent against earlier values."""
    since = None
    if worst is not None and worst.crossed is not None and worst.crossed + 1 >= 2 * EARLIEST:
        since = worst.stream.entries[moment_of_change(worst.stream.values[: worst.crossed + 1])]
    found = []
    for stream in (one.stream for one in streams):
        n = len(stream.values)
        cut = n - min(RECENT, n // 2) if since is None else sum(entry < since for entry in stream.entries)
        least = QUIET_LEAST if since is None else 1
        if least <= cut <= n - least:
            found.append(movement(stream.name, _finite(stream.values[:cut]), _finite(stream.values[cut:])))
    return since, tuple(sorted(found, key=lambda m: -m.ks))


def _finite(values: Sequence[float]) -> list[float]:
    """Replace failed measurements by a number below all others, since quantiles need numbers."""
    least = min((v for v in values if math.isfinite(v)), default=0.0)
    return [v if math.isfinite(v) else least - 1.0 for v in values]


def missed(window: MonitoringWindow, promised: float | None, *, audit_rate: float, eta: float) -> Misses:
    """Misses among the positives of flags, abstentions and drawn clears, in the order of the decisions."""
    cases = window.answered()
    seen = [case for case in cases if case.state is ReviewState.POSITIVE and (_kept(case) or case.drawn)]
    allowed = None if promised is None else 1.0 - promised
    bound = miss_bound([not _kept(case) for case in seen], audit_rate=audit_rate, promised=allowed, eta=eta)
    entries = tuple(case.entry for case in seen)
    return Misses(bound=bound, promised=allowed, entries=entries, through=cases[-1].entry if cases else 0)


def escapes(window: MonitoringWindow, eta: float) -> AuditBound:
    """Escapes among all clears, and sensitivity, where reviews are complete. A retake counts as an escape."""
    cases = window.answered()
    audited = [case for case in cases if case.drawn]
    return audit_bound(
        cleared=sum(not _kept(case) for case in cases),
        audited=len(audited),
        escapes=sum(case.state is not ReviewState.NEGATIVE for case in audited),
        positives_found=sum(_kept(case) and case.state is ReviewState.POSITIVE for case in cases),
        confidence=1.0 - eta,
    )


def _kept(case: MonitoredCase) -> bool:
    """Tell whether a person was asked to decide: a positive among these is no miss."""
    return case.outcome != Outcome.CLEAR


def told(m: Movement) -> str:
    """Describe one movement in words."""
    sd = "" if math.isnan(m.shift_sd) else f", {m.shift_sd:+.1f} SD"
    return f"{m.direction}, median {m.before:.3g} -> {m.after:.3g}{sd} (KS {m.ks:.2f}, PSI {m.psi:.2f})"
