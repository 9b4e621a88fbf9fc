"""Results of the monitor benchmark."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.monitor.pictures import MeasuredPictures


@dataclass(frozen=True, slots=True, kw_only=True)
class FalseAlarms:
    """Number of `streams` in control that had alarmed within each of `after` values."""

    reference: str  # "growing", or "fixed, N values"
    shape: str
    streams: int
    after: tuple[int, ...]
    alarmed: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """Number of values from a change to the alarm; quantiles over all streams without an earlier alarm.

    NaN where so many streams never alarmed. `first`: values that alarmed first, with counts.
    """

    what: str
    watched: int
    before: int
    within: int  # values after the change
    streams: int
    early: int  # alarmed before the change, left out
    missed: int  # had not alarmed at the end
    median: float
    tail: float  # 90 %
    first: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamResult:
    """All tables."""

    eta: float
    seed: int
    false_alarms: tuple[FalseAlarms, ...]
    shifts: tuple[Delay, ...]
    pictures: tuple[Delay, ...]
    misses: tuple[Delay, ...]
    pools: tuple[MeasuredPictures, ...]
