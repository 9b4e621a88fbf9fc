"""Passes of a scanner over the body, from the positions of its acquisitions along the normal.

A volume may be one acquisition, many that follow each other (step and shoot), or one acquisition a slice. What
runs over the same part of the body once more is another pass, and another volume.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from inspect_ai.ingest.slice_order import SAME_POSITION_MM

Heights = NDArray[np.float64]  # [N], mm along the normal
EVEN = 0.02  # relative variation of the steps of a pass
COMMON = 0.5  # part of the shorter range that two passes have in common
MOST_PASSES = 16
MOST_SWEEPS = 1000  # with more, the numbers say nothing


def overlap(ranges: Iterable[Heights]) -> bool:
    """True if two of the ranges share a part of the body or a position."""
    bounds = sorted((float(r.min()), float(r.max())) for r in ranges)
    reach = -np.inf
    for low, high in bounds:
        if low < reach + SAME_POSITION_MM:
            return True
        reach = max(reach, high)
    return False


def passes(acquisitions: Mapping[int, Heights]) -> list[list[int]]:
    """Group acquisition numbers, in their order, into passes: within one, no part of the body is seen twice."""
    found: list[tuple[list[int], list[tuple[float, float]]]] = []
    sweeps = _sweeps(acquisitions)
    if len(sweeps) > MOST_SWEEPS:
        return [list(acquisitions)]
    for numbers, bounds in sweeps:
        for known, taken in found:
            if not any(
                bounds[0] < high + SAME_POSITION_MM and low < bounds[1] + SAME_POSITION_MM for low, high in taken
            ):
                known += numbers
                taken.append(bounds)
                break
        else:
            found.append((numbers, [bounds]))
    return [numbers for numbers, _ in found]


def _sweeps(acquisitions: Mapping[int, Heights]) -> list[tuple[list[int], tuple[float, float]]]:
    """Numbers and range of each acquisition; those of one slice each, one after another in one direction, are one."""
    found: list[tuple[list[int], tuple[float, float]]] = []
    run: list[tuple[int, float]] = []

    def close_run() -> None:
        if run:
            along = [at for _, at in run]
            found.append(([number for number, _ in run], (min(along), max(along))))
            run.clear()

    for number, along in acquisitions.items():
        if len(along) > 1:
            close_run()
            found.append(([number], (float(along.min()), float(along.max()))))
            continue
        at = float(along[0])
        if len(run) > 1 and (at - run[-1][1]) * (run[-1][1] - run[0][1]) <= 0:
            close_run()
        if len(run) == 1 and abs(at - run[0][1]) < SAME_POSITION_MM:
            close_run()
        run.append((number, at))
    close_run()
    return found


def evenly_numbered(along: Heights, fewest: int) -> list[int]:
    """Lengths of the passes of slices in order of their numbers; [] unless each is even and they share their range."""
    if len(along) < 2 * fewest:
        return []
    steps = np.diff(along)
    ends, start = [], 0
    while start < len(along):
        end = start + 1
        while end < len(along) and steps[end - 1] * steps[start] > 0:
            end += 1
        ends.append(end)
        start = end
    bounds = list(zip([0, *ends[:-1]], ends, strict=True))
    parts = [along[a:b] for a, b in bounds]
    if not 2 <= len(parts) <= MOST_PASSES or not all(_is_even(p, fewest) for p in parts):
        return []
    return [len(p) for p in parts] if _share_range(parts) else []


def _is_even(along: Heights, fewest: int) -> bool:
    if len(along) < fewest:
        return False
    steps = np.abs(np.diff(along))
    median = float(np.median(steps))
    return median > 0 and float(np.abs(steps - median).max()) <= EVEN * median


def _share_range(parts: Sequence[Heights]) -> bool:
    """True if each pass has most of its range in common with the first."""
    first = parts[0]
    for other in parts[1:]:
        common = min(first.max(), other.max()) - max(first.min(), other.min())
        shorter = min(np.ptp(first), np.ptp(other))
        if common < COMMON * shorter:
            return False
    return True
