"""Order of the slices of one volume along their normal: steps, gaps, tilt, and reasons why they form no volume.

PS3.3 C.7.6.2: distances come from positions and orientation, never from names, numbers or thickness.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inspect_ai.ingest.coverage import unseen_between
from inspect_ai.ingest.plane_geometry import Plane, Vector

FEWEST_SLICES = 3
SAME_POSITION_MM = 1e-2
EVEN = 0.01  # relative variation of steps that counts as rounding
EVEN_MM = 0.02
GAP = 1.5  # times the median step
TILT_DEGREES = 0.5
ASIDE_MM = 2.0  # more than any rounding or couch; a field of view that was moved lies farther
EQUAL_MM = 1e-6  # variation of steps that is arithmetic
ROUNDED = 1.1  # times the unit of the last decimal: between which heights on a regular grid lie when they are rounded
LARGEST_UNIT = 0.42  # of the step; a missing slice widens the least width by half a step or more
SEARCH_STEPS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One slice in order: its file, frame and position."""

    path: str
    frame: int
    sop_instance_uid: str
    plane: Plane


def order_problems(ordered: Sequence[Slice], heights: NDArray[np.float64], normal: NDArray[np.float64]) -> list[str]:
    """Reasons why slices in order are no volume. heights: along the normal, in mm, ascending."""
    if len(ordered) < FEWEST_SLICES:
        return [f"{len(ordered)} slice{'s' if len(ordered) > 1 else ''}: too few for a volume"]
    steps = np.diff(heights)
    if (steps < SAME_POSITION_MM).any():
        at = heights[int(np.argmax(steps < SAME_POSITION_MM))]
        return [f"several pictures at one position ({at:.1f} mm along the normal): not one volume"]
    problems = []
    step = _even_step(heights, _unit_along(ordered, normal))
    if step is None:
        median = float(np.median(steps))
        if (steps > GAP * median).any():
            places = ", ".join(
                f"{heights[i]:.1f} to {heights[i + 1]:.1f} mm" for i in np.flatnonzero(steps > GAP * median)[:3]
            )
            return [f"gaps between slices ({places}); the median step is {median:.2f} mm"]
        problems.append(f"uneven steps between slices ({steps.min():.2f} to {steps.max():.2f} mm)")
    else:
        problems += unseen_between([s.plane.thickness_mm for s in ordered], step)
    along = np.subtract(ordered[-1].plane.position_mm, ordered[0].plane.position_mm)
    cosine = float(np.dot(along, normal) / (np.linalg.norm(along) * np.linalg.norm(normal)))
    angle = float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))
    if not angle <= TILT_DEGREES:  # true for NaN too
        problems.append(
            f"the stack leans {angle:.1f} degrees to its slices (gantry tilt): not corrected, so not decided"
        )
    elif (aside := _aside_mm(ordered, heights)) > ASIDE_MM:
        problems.append(f"slices lie up to {aside:.1f} mm beside each other: not one straight stack")
    return problems


def _aside_mm(ordered: Sequence[Slice], heights: NDArray[np.float64]) -> float:
    """Largest distance of a slice's corner from the straight line between those of the first and the last slice."""
    corners = np.array([s.plane.position_mm for s in ordered])  # [N, 3]
    share = (heights - heights[0]) / (heights[-1] - heights[0])
    line = corners[0] + share[:, None] * (corners[-1] - corners[0])
    return float(np.linalg.norm(corners - line, axis=1).max())


def step_mm(ordered: Sequence[Slice]) -> tuple[float, Vector]:
    """Distance of neighbouring slices, of the regular grid nearest to all; the unit normal along increasing index."""
    normal = np.cross(ordered[0].plane.row_direction, ordered[0].plane.column_direction)
    normal = normal / np.linalg.norm(normal)
    heights = np.array([float(np.dot(s.plane.position_mm, normal)) for s in ordered])
    step = 1.0
    if len(heights) > 1:
        step = _even_step(heights, _unit_along(ordered, normal)) or float(np.median(np.diff(heights)))
    return step, (float(normal[0]), float(normal[1]), float(normal[2]))


def _even_step(heights: NDArray[np.float64], unit_mm: float) -> float | None:
    """Step of the regular grid that the heights lie on, as far as their rounding to `unit_mm` shows; None if on none.

    Where the unit is large against the step, a missing slice would look like rounding: then it is not believed.
    """
    steps = np.diff(heights)
    median = float(np.median(steps))
    unevenness = float(np.abs(steps - median).max())
    if unevenness <= EQUAL_MM:
        return median
    index = np.arange(len(heights))
    fitted = float(np.polyfit(index, heights, 1)[0])
    if unevenness <= max(EVEN * median, EVEN_MM):
        return fitted
    believed = unit_mm <= LARGEST_UNIT * fitted and _least_width(heights, index) <= ROUNDED * unit_mm
    return fitted if believed else None


def _least_width(heights: NDArray[np.float64], index: NDArray[np.int_]) -> float:
    """Least distance of two parallel lines over the index that hold all heights between them: convex in the slope."""
    low, high = float(np.diff(heights).min()), float(np.diff(heights).max())
    for _ in range(SEARCH_STEPS):
        third = (high - low) / 3
        if np.ptp(heights - (low + third) * index) <= np.ptp(heights - (high - third) * index):
            high -= third
        else:
            low += third
    return float(np.ptp(heights - (low + high) / 2 * index))


def _unit_along(ordered: Sequence[Slice], normal: NDArray[np.float64]) -> float:
    """Unit of the last written decimal of the heights, in mm: of each coordinate the finest, since zeros are left out.

    A height rounded to it lies within half of it.
    """
    finest = np.min([s.plane.unit_mm for s in ordered], axis=0)
    return float(np.abs(normal) @ finest)
