"""Files of a series with their headers, and the frames in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from inspect_ai.domain import SourceFile
from inspect_ai.ingest.header import Header
from inspect_ai.ingest.plane_geometry import Plane
from inspect_ai.ingest.series_attributes import SliceAttributes


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One readable DICOM file of a series."""

    file: SourceFile
    header: Header


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One frame of a file that may be a slice. index: from 0."""

    member: Instance
    index: int
    plane: Plane | None
    attributes: SliceAttributes


def frames_of(members: Iterable[Instance]) -> list[Frame]:
    """All frames of some files, in order."""
    return [
        Frame(
            member=m,
            index=i,
            plane=m.header.planes[i] if len(m.header.planes) == m.header.frames else None,
            attributes=m.header.slices[i if len(m.header.slices) > 1 else 0],
        )
        for m in members
        for i in range(m.header.frames)
    ]


def as_ranges(indices: Iterable[int]) -> str:
    """Text of frame indices (from 0) as ranges from 1: [0, 1, 2, 4] is "1-3,5"."""
    runs: list[list[int]] = []
    for index in sorted(indices):
        if runs and index == runs[-1][1] + 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    return ",".join(f"{a + 1}" if a == b else f"{a + 1}-{b + 1}" for a, b in runs)


def from_ranges(text: str, frames: int) -> range | frozenset[int]:
    """Frame indices (from 0) of such a text; all of `frames` for ""."""
    if not text:
        return range(frames)
    found = re.findall(r"(\d+)(?:-(\d+))?", text)
    return frozenset(i for a, b in found for i in range(int(a) - 1, min(int(b or a), frames)))


def selection_of(frames: Sequence[Frame], member: Instance) -> str:
    """Frames of one file among those of a volume as a text; "" for all of them."""
    if member.header.frames == 1:
        return ""
    own = [f.index for f in frames if f.member is member]
    return "" if len(own) == member.header.frames else as_ranges(own)
