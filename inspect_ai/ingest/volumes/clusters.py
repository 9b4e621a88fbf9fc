"""Groups of frames with equal or near attributes, and their geometry."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from inspect_ai.ingest.plane_geometry import Plane
from inspect_ai.ingest.volumes.instance import Frame

SAME_DIRECTION = 1e-3
SAME_SPACING = 1e-3  # relative
MOST_CLUSTERS = 32  # with more, each slice has a value of its own, which tells no volumes apart


def groups(frames: Sequence[Frame], key: Callable[[Frame], object]) -> list[list[Frame]]:
    """Frames of equal keys, the group of the first frame first."""
    groups: dict[object, list[Frame]] = defaultdict(list)
    for frame in frames:
        groups[key(frame)].append(frame)
    return list(groups.values())


def clusters(frames: Sequence[Frame], close: Callable[[Frame, Frame], bool]) -> list[list[Frame]]:
    """Frames that are close to the first of their cluster; all in one where there are more than MOST_CLUSTERS."""
    found: list[list[Frame]] = []
    for frame in frames:
        own = next((cluster for cluster in found if close(cluster[0], frame)), None)
        if own is not None:
            own.append(frame)
        elif len(found) == MOST_CLUSTERS:
            return [list(frames)]
        else:
            found.append([frame])
    return found


def heights(frames: Sequence[Frame]) -> NDArray[np.float64]:
    """Positions along the normal of the first frame, in mm. [N]"""
    first = plane_of(frames[0])
    normal = np.cross(first.row_direction, first.column_direction)
    along: NDArray[np.float64] = np.array([plane_of(f).position_mm for f in frames]) @ normal
    return along


def apart(a: Plane, b: Plane) -> float:
    """Largest difference of the direction cosines of two planes."""
    directions = zip((*a.row_direction, *a.column_direction), (*b.row_direction, *b.column_direction), strict=True)
    return max(abs(one - other) for one, other in directions)


def same_spacing(a: Plane, b: Plane) -> bool:
    """True for pixel spacings that differ by rounding at most."""
    pairs = zip(a.spacing_mm, b.spacing_mm, strict=True)
    return all(abs(one - other) <= SAME_SPACING * other for one, other in pairs)


def plane_of(frame: Frame) -> Plane:
    """Plane of a frame that has one."""
    assert frame.plane is not None  # noqa: S101 - frames without one were sorted out; for the type checker
    return frame.plane
