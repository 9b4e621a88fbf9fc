"""Order of the slices of one volume along their normal: steps, gaps, tilt, and reasons why they form no volume.

PS3.3 C.7.6.2: distances come from positions and orientation, never from names, numbers or thickness.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inspect_ai.ingest.plane_geometry import Plane, Vector

FEWEST_SLICES = 3
SAME_POSITION_MM = 1e-2
EVEN = 0.01  # relative variation of steps that counts as rounding
EVEN_MM = 0.02
GAP = 1.5  # times the median step
TILT_DEGREES = 0.5


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
    median = float(np.median(steps))
    if (steps > GAP * median).any():
        places = ", ".join(
            f"{heights[i]:.1f} to {heights[i + 1]:.1f} mm" for i in np.flatnonzero(steps > GAP * median)[:3]
        )
        return [f"gaps between slices ({places}); the median step is {median:.2f} mm"]
    problems = []
    if float(np.abs(steps - median).max()) > max(EVEN * median, EVEN_MM):
        problems.append(f"uneven steps between slices ({steps.min():.2f} to {steps.max():.2f} mm)")
    along = np.subtract(ordered[-1].plane.position_mm, ordered[0].plane.position_mm)
    cosine = float(np.dot(along, normal) / (np.linalg.norm(along) * np.linalg.norm(normal)))
    angle = float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))
    if not angle <= TILT_DEGREES:  # true for NaN too
        problems.append(
            f"the stack leans {angle:.1f} degrees to its slices (gantry tilt): not corrected, so not decided"
        )
    return problems


def step_mm(ordered: Sequence[Slice]) -> tuple[float, Vector]:
    """Median distance of neighbouring slices and the unit normal along increasing index."""
    normal = np.cross(ordered[0].plane.row_direction, ordered[0].plane.column_direction)
    normal = normal / np.linalg.norm(normal)
    heights = [float(np.dot(s.plane.position_mm, normal)) for s in ordered]
    step = float(np.median(np.diff(heights))) if len(heights) > 1 else 1.0
    return step, (float(normal[0]), float(normal[1]), float(normal[2]))
