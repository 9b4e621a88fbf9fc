"""Split of one series into volumes, by what the standard and scanners use (PS3.3 C.7.6.1, C.7.6.2, C.7.6.16).

Orientation, frame of reference, matrix and pixel spacing always part volumes. Attributes such as a kernel or an
acquisition part them where their slices overlap along the normal: what follows each other is one volume.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from inspect_ai.ingest.header_validation import NO_RESCALE
from inspect_ai.ingest.slice_order import FEWEST_SLICES, SAME_POSITION_MM
from inspect_ai.ingest.volumes.clusters import (
    SAME_DIRECTION,
    apart,
    clusters,
    groups,
    heights,
    plane_of,
    same_spacing,
)
from inspect_ai.ingest.volumes.instance import Frame
from inspect_ai.ingest.volumes.passes import evenly_numbered, overlap, passes

SAME_THICKNESS = 0.1  # relative
OTHER_PLANE = 0.1  # difference of direction cosines from which a slice is no neighbour that was turned a little


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
    if not all(_size(f) not in sizes or f.member.header.problems == (NO_RESCALE,) for f in loose):
        return [whole]
    page = Stack(frames=loose, aside="a picture without a position beside slices: a screen capture or dose page")
    return [*split(placed), page]


def _by_orientation(stack: Stack) -> list[Stack]:
    parts = clusters(stack.frames, lambda a, b: apart(plane_of(a), plane_of(b)) <= SAME_DIRECTION)
    main = max(parts, key=len)
    single = [p for p in parts if len(p) < FEWEST_SLICES and apart(plane_of(p[0]), plane_of(main[0])) > OTHER_PLANE]
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
    return _parted(stack, groups(stack.frames, lambda f: f.member.header.frame_of_reference), "frame of reference")


def _by_matrix(stack: Stack) -> list[Stack]:
    return _parted(stack, groups(stack.frames, _size), "matrix")


def _by_spacing(stack: Stack) -> list[Stack]:
    parts = clusters(stack.frames, lambda a, b: same_spacing(plane_of(a), plane_of(b)))
    return _parted(stack, parts, "pixel spacing")


def _by_derivation(stack: Stack) -> list[Stack]:
    parts = groups(stack.frames, lambda f: f.attributes.derived)
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
    parts = groups(stack.frames, lambda f: getattr(f.attributes, name))
    if len(parts) == 1 or not overlap([heights(p) for p in parts]) or _left_empty(parts, name):
        return [stack]
    labels = [words.format(getattr(p[0].attributes, name) or "unknown") for p in parts]
    return _with_strays(stack, parts, labels)


def _left_empty(parts: list[list[Frame]], name: str) -> bool:
    """True for one value that some slices lack, where they lie at places of their own: it is theirs too."""
    empty = [p for p in parts if getattr(p[0].attributes, name) in ("", None)]
    if len(parts) != 2 or len(empty) != 1:
        return False
    along = np.sort(np.concatenate([heights(p) for p in parts]))
    return float(np.diff(along).min()) >= SAME_POSITION_MM


def _by_object(stack: Stack) -> list[Stack]:
    """Multi-frame objects that overlap are volumes; the parts of a concatenation are one object."""

    def of(frame: Frame) -> str:
        header = frame.member.header
        if header.concatenation is not None:
            return header.concatenation.uid
        return header.sop_instance_uid if header.frames > 1 else ""

    parts = groups(stack.frames, of)
    if len(parts) == 1 or not overlap([heights(p) for p in parts]):
        return [stack]
    return _with_strays(stack, parts, ["object"] * len(parts))


def _by_acquisition(stack: Stack) -> list[Stack]:
    numbers: dict[int, list[Frame]] = defaultdict(list)
    for frame in stack.frames:
        numbers[-1 if frame.attributes.acquisition is None else frame.attributes.acquisition].append(frame)
    if _left_empty(list(numbers.values()), "acquisition"):
        return [stack]
    found = passes({number: heights(numbers[number]) for number in sorted(numbers)})
    sizes = [sum(len(numbers[n]) for n in p) for p in found]
    if len(found) == 1 or 2 * sum(size for size in sizes if size < FEWEST_SLICES) >= len(stack.frames):
        return [stack]  # mostly fragments: the numbers are in no order
    labels = [f"acquisition {p[0]}" if len(p) == 1 else f"acquisitions {p[0]} to {p[-1]}" for p in found]
    return _with_strays(stack, [[f for n in p for f in numbers[n]] for p in found], labels)


def _by_number(stack: Stack) -> list[Stack]:
    """Passes that order alone shows: numbers, or times of acquisition, run along the body evenly, and once more."""
    for key in (_number, _time_and_number):
        keys = [key(f) for f in stack.frames]
        known = [k for k in keys if k is not None]
        if len(known) < len(keys) or len(set(known)) < len(keys):
            continue
        order = sorted(range(len(keys)), key=known.__getitem__)
        ordered = [stack.frames[i] for i in order]
        lengths = evenly_numbered(heights(ordered), FEWEST_SLICES)
        ends = list(itertools.accumulate(lengths, initial=0))
        parts = [ordered[a:b] for a, b in itertools.pairwise(ends)]
        if parts:
            return [replace(stack, frames=p, label=_labelled(stack, "run of slices in their order")) for p in parts]
    return [stack]


def _number(frame: Frame) -> tuple[float, ...] | None:
    number = frame.attributes.number
    return None if number is None else (number,)


def _time_and_number(frame: Frame) -> tuple[float, ...] | None:
    acquired, number = frame.attributes.acquired, frame.attributes.number
    return None if acquired is None else (acquired, -1 if number is None else number)


def _by_thickness(stack: Stack) -> list[Stack]:
    """Slice Thickness is wrong often, so it only parts slices of which several lie at one position."""
    along = np.sort(heights(stack.frames))
    if len(along) < 2 or float(np.diff(along).min()) >= SAME_POSITION_MM:
        return [stack]

    def close(a: Frame, b: Frame) -> bool:
        one, other = a.attributes.thickness_mm or 0.0, b.attributes.thickness_mm or 0.0
        return abs(one - other) <= SAME_THICKNESS * max(one, other)

    return _parted(stack, clusters(stack.frames, close), "slice thickness")


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


def _size(frame: Frame) -> tuple[int, int]:
    return frame.member.header.rows, frame.member.header.columns
