"""Slices of one volume in order along their normal, or the reasons why they form none (PS3.3 C.7.6.2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from inspect_ai.ingest.coverage import OTHER_REFERENCES
from inspect_ai.ingest.slice_order import Slice, order_problems
from inspect_ai.ingest.volumes.clusters import SAME_DIRECTION, apart, same_spacing
from inspect_ai.ingest.volumes.instance import Frame, Instance, frames_of, from_ranges


def stack(members: Sequence[Instance], selected: Mapping[str, str] | None = None) -> tuple[list[Slice], list[str]]:
    """Sort slices along the normal; returns them, and problems that forbid a volume.

    selected: for some paths, the frames that belong to the volume.
    """
    slices, missing = [], False
    for frame in _selected(members, selected or {}):
        header, plane = frame.member.header, frame.plane
        missing = missing or plane is None
        if plane is not None:
            path = frame.member.file.path
            slices.append(Slice(path=path, frame=frame.index, sop_instance_uid=header.sop_instance_uid, plane=plane))
    if missing and any(m.header.problems for m in members):
        return [], []  # these say more
    if missing or not slices:
        return [], ["slices without position, orientation or spacing: no volume in millimetres can be built"]
    problems = _shape_problems(members, slices)
    if problems:
        return slices, problems
    normal = np.cross(slices[0].plane.row_direction, slices[0].plane.column_direction)
    heights = np.array([np.dot(s.plane.position_mm, normal) for s in slices])
    order = np.argsort(heights, kind="stable")
    ordered = [slices[i] for i in order]
    problems = order_problems(ordered, heights[order], normal)
    references = {m.header.frame_of_reference for m in members} - {""}
    if len(references) > 1 and (problems or len(references) < len(members)):
        problems.append(OTHER_REFERENCES)
    return ordered, problems


def _selected(members: Sequence[Instance], selected: Mapping[str, str]) -> Iterator[Frame]:
    for m in members:
        chosen = from_ranges(selected.get(m.file.path, ""), m.header.frames)
        yield from (frame for frame in frames_of([m]) if frame.index in chosen)


def _shape_problems(members: Sequence[Instance], slices: Sequence[Slice]) -> list[str]:
    problems = []
    if len({(m.header.rows, m.header.columns) for m in members}) > 1:
        problems.append("slices of different sizes in one series")
    first = slices[0].plane
    if any(apart(s.plane, first) > SAME_DIRECTION for s in slices):
        problems.append("slices of different orientations in one series")
    if not all(same_spacing(s.plane, first) for s in slices):
        problems.append("slices of different pixel spacing in one series")
    return problems
