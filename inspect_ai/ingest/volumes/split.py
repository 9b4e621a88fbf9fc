"""Split of one series into volumes, by what the standard and scanners use (PS3.3 C.7.6.1, C.7.6.2, C.7.6.16).

Orientation, frame of reference, matrix and pixel spacing always part volumes. Attributes such as a kernel or an
acquisition part them where their slices overlap along the normal: what follows each other is one volume.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inspect_ai.ingest.plane_geometry import Plane
from inspect_ai.ingest.slice_order import FEWEST_SLICES, SAME_POSITION_MM
from inspect_ai.ingest.volumes.instance import Frame
from inspect_ai.ingest.volumes.passes import evenly_numbered, overlap, passes

SAME_DIRECTION = 1e-3
SAME_SPACING = 1e-3  # relative
SAME_THICKNESS = 0.1  # relative
OTHER_PLANE = 0.1  # difference of direction cosines from which a slice is no neighbour that was turned a little
MOST_CLUSTERS = 32  # with more, each slice has a value of its own, which tells no volumes apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Frames that belong to one volume. label: what tells it from others of its series; derived: see SliceAttributes.

    aside: reason why its files are set aside without a decision; "" where they are decided.
    """

    frames: list[Frame]
    label: str = ""
    derived: str = ""
    aside: str = ""


def split(frames: Sequence[Frame]) -> list[Stack]:
    """Split the frames of one series; [whole] where it is one volume, or where nothing tells its slices apart."""
    whole = Stack(frames=list(frames))
    placed = [f for f in frames if f.plane is not None]
    if len(placed) < len(frames):
        return _without_pages(whole, placed)
    stacks = [whole]
    for step in (_by_orientation, _by_frame_of_reference, _by_matrix, _by_spacing, _by_derivation):
        stacks = [part for stack in stacks for part in (step(stack) if not stack.aside else [stack])]
    for name, words in _OVERLAPPING:
        stacks = [part for stack in stacks for part in _by_overlap(stack, name, words)]
    for step in (_by_object, _by_acquisition, _by_number, _by_thickness):
        stacks = [part for stack in stacks for part in (step(stack) if not stack.aside else [stack])]
    return stacks


def _without_pages(whole: Stack, placed: list[Frame]) -> list[Stack]:
    """Set pictures without a position aside that differ from the slices in size or have no values in their unit."""
    if len(placed) < FEWEST_SLICES:
        return [whole]
    sizes = {_size(f) for f in placed}
    loose = [f for f in whole.frames if f.plane is None]
    if not all(_size(f) not in sizes or f.member.header.problems for f in loose):
        return [whole]
    page = Stack(frames=loose, aside="a picture without a position beside slices: a screen capture or dose page")
    return [*split(placed), page]


def _by_orientation(stack: Stack) -> list[Stack]:
    parts = _clusters(stack.frames, lambda a, b: apart(_plane(a), _plane(b)) <= SAME_DIRECTION)
    main = max(parts, key=len)
    single = [p for p in parts if len(p) < FEWEST_SLICES and apart(_plane(p[0]), _plane(main[0])) > OTHER_PLANE]
    if len(main) < FEWEST_SLICES:
        return [stack]
    rest = [p for p in parts if p not in single]
    aside = "a picture of another orientation than the slices: like a localizer"
    found = _parted(replace(stack, frames=[f for p in rest for f in p]), rest, "orientation")
    return [*found, *(replace(stack, frames=p, aside=aside) for p in single)]


def _by_frame_of_reference(stack: Stack) -> list[Stack]:
    values = {f.member.header.frame_of_reference for f in stack.frames} - {""}
    if len(values) < 2:
        return [stack]  # an empty one is that of the others
    return _parted(stack, _groups(stack.frames, lambda f: f.member.header.frame_of_reference), "frame of reference")


def _by_matrix(stack: Stack) -> list[Stack]:
    return _parted(stack, _groups(stack.frames, _size), "matrix")


def _by_spacing(stack: Stack) -> list[Stack]:
    def close(a: Frame, b: Frame) -> bool:
        pairs = zip(_plane(a).spacing_mm, _plane(b).spacing_mm, strict=True)
        return all(abs(one - other) <= SAME_SPACING * other for one, other in pairs)

    return _parted(stack, _clusters(stack.frames, close), "pixel spacing")


def _by_derivation(stack: Stack) -> list[Stack]:
    parts = _groups(stack.frames, lambda f: f.attributes.derived)
    if len(parts) == 1:
        return [replace(stack, derived=parts[0][0].attributes.derived)]
    return [
        replace(
            stack,
            frames=p,
            derived=p[0].attributes.derived,
            label=_labelled(stack, "derived slices" if p[0].attributes.derived else "original slices"),
        )
        for p in parts
    ]


# Attributes whose values part volumes that overlap, and their words; {} is replaced by a number.
_OVERLAPPING = (
    ("temporal", "temporal position {}"),
    ("phase", "cardiac phase {} %"),
    ("b_value", "b-value {}"),
    ("echo", "echo {}"),
    ("kernel", "kernel"),
    ("stack", "stack"),
)


def _by_overlap(stack: Stack, name: str, words: str) -> list[Stack]:
    if stack.aside:
        return [stack]
    parts = _groups(stack.frames, lambda f: getattr(f.attributes, name))
    if len(parts) == 1 or not overlap([heights(p) for p in parts]):
        return [stack]
    labels = [words.format(getattr(p[0].attributes, name) or "unknown") for p in parts]
    return _with_strays(stack, parts, labels)


def _by_object(stack: Stack) -> list[Stack]:
    """Multi-frame objects that overlap are volumes; the parts of a concatenation are one object."""

    def of(frame: Frame) -> str:
        header = frame.member.header
        if header.concatenation is not None:
            return header.concatenation.uid
        return header.sop_instance_uid if header.frames > 1 else ""

    parts = _groups(stack.frames, of)
    if len(parts) == 1 or not overlap([heights(p) for p in parts]):
        return [stack]
    return _with_strays(stack, parts, ["object"] * len(parts))


def _by_acquisition(stack: Stack) -> list[Stack]:
    numbers: dict[int, list[Frame]] = defaultdict(list)
    for frame in stack.frames:
        numbers[-1 if frame.attributes.acquisition is None else frame.attributes.acquisition].append(frame)
    found = passes({number: heights(numbers[number]) for number in sorted(numbers)})
    sizes = [sum(len(numbers[n]) for n in p) for p in found]
    if len(found) == 1 or 2 * sum(size for size in sizes if size < FEWEST_SLICES) >= len(stack.frames):
        return [stack]  # mostly fragments: the numbers are in no order
    labels = [f"acquisition {p[0]}" if len(p) == 1 else f"acquisitions {p[0]} to {p[-1]}" for p in found]
    return _with_strays(stack, [[f for n in p for f in numbers[n]] for p in found], labels)


def _by_number(stack: Stack) -> list[Stack]:
    """Passes that the Instance Number alone shows: it runs along the body evenly, and then once more."""
    numbers = [f.attributes.number for f in stack.frames]
    known = [n for n in numbers if n is not None]
    if len(set(known)) < len(numbers):
        return [stack]
    ordered = [stack.frames[i] for i in np.argsort(known, kind="stable")]
    lengths = evenly_numbered(heights(ordered), FEWEST_SLICES)
    if len(lengths) < 2:
        return [stack]
    ends = np.cumsum([0, *lengths])
    parts = [ordered[a:b] for a, b in itertools.pairwise(ends)]
    return [replace(stack, frames=p, label=_labelled(stack, "run of Instance Numbers")) for p in parts]


def _by_thickness(stack: Stack) -> list[Stack]:
    """Slice Thickness is wrong often, so it only parts slices of which several lie at one position."""
    along = np.sort(heights(stack.frames))
    if len(along) < 2 or float(np.diff(along).min()) >= SAME_POSITION_MM:
        return [stack]

    def close(a: Frame, b: Frame) -> bool:
        one, other = a.attributes.thickness_mm or 0.0, b.attributes.thickness_mm or 0.0
        return abs(one - other) <= SAME_THICKNESS * max(one, other)

    return _parted(stack, _clusters(stack.frames, close), "slice thickness")


def _parted(stack: Stack, parts: list[list[Frame]], what: str) -> list[Stack]:
    """One stack a part; the whole again where a part is too small for a volume: its slices then say why."""
    if len(parts) == 1 or any(len(p) < FEWEST_SLICES for p in parts):
        return [stack]
    return [replace(stack, frames=p, label=_labelled(stack, what)) for p in parts]


def _with_strays(stack: Stack, parts: list[list[Frame]], labels: list[str]) -> list[Stack]:
    """One stack a part; a few slices inside the range of a volume, as of bolus tracking, are set aside."""
    large = [heights(p) for p in parts if len(p) >= FEWEST_SLICES]
    found = []
    for part, label in zip(parts, labels, strict=True):
        along = heights(part)
        inside = any(low.min() <= along.min() and along.max() <= low.max() for low in large)
        stray = len(part) < FEWEST_SLICES and inside
        aside = "single slices of another acquisition within the range of a volume" if stray else ""
        found.append(replace(stack, frames=part, label=_labelled(stack, label), aside=aside))
    return found


def _labelled(stack: Stack, label: str) -> str:
    return f"{stack.label}, {label}" if stack.label else label


def _groups(frames: Sequence[Frame], key: Callable[[Frame], object]) -> list[list[Frame]]:
    """Frames of equal keys, the group of the first frame first."""
    groups: dict[object, list[Frame]] = defaultdict(list)
    for frame in frames:
        groups[key(frame)].append(frame)
    return list(groups.values())


def _clusters(frames: Sequence[Frame], close: Callable[[Frame, Frame], bool]) -> list[list[Frame]]:
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
    first = _plane(frames[0])
    normal = np.cross(first.row_direction, first.column_direction)
    along: NDArray[np.float64] = np.array([_plane(f).position_mm for f in frames]) @ normal
    return along


def apart(a: Plane, b: Plane) -> float:
    """Largest difference of the direction cosines of two planes."""
    directions = zip((*a.row_direction, *a.column_direction), (*b.row_direction, *b.column_direction), strict=True)
    return max(abs(one - other) for one, other in directions)


def _plane(frame: Frame) -> Plane:
    assert frame.plane is not None  # noqa: S101 - frames without one were sorted out; for the type checker
    return frame.plane


def _size(frame: Frame) -> tuple[int, int]:
    return frame.member.header.rows, frame.member.header.columns
