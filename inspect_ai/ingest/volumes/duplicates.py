"""Copies: the same picture several times in one series counts once.

Equal stored pixels at one place are copies by their headers alone. A picture in two transfer syntaxes is a copy if the
decoded pixels are equal, which only decoding shows; where one of them is lossy, the lossless one is taken.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inspect_ai.ingest.header import Header
from inspect_ai.ingest.header_validation import NATIVE
from inspect_ai.ingest.volumes.instance import Instance

NAMED = 3  # copies that are named one by one; more are counted
SAME_PLACE_DECIMALS = 2  # of millimetres
LOSSY_DIFFERENCE = 30.0  # mean absolute difference of grey values or HU; slices 2.5 mm apart differ by more


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A picture that is there again in another encoding. kept: the one to be decoded and used."""

    member: Instance
    kept: Instance


def without_duplicates(members: Sequence[Instance]) -> tuple[list[Instance], list[str]]:
    """Keep each picture once, with notes on copies: the same pixels at the same place, or under the same UID."""
    seen: dict[tuple[str, object], Instance] = {}
    notes = []
    for m in members:
        header = m.header
        place = header.sop_instance_uid or m.file.sha256 if None in header.planes else header.planes
        first = seen.setdefault((header.pixels_sha256, place), m)
        if first is not m:
            what = "content" if first.file.sha256 == m.file.sha256 else "pixels"
            notes.append(f"{m.file.path} has the same {what} as {first.file.path}; counted once")
    if len(notes) > NAMED:
        notes = [f"{len(notes)} files are copies of others of this series, such as: {notes[0]}"]
    return list(seen.values()), notes


def reencoded(members: Sequence[Instance]) -> tuple[list[Instance], list[Copy]]:
    """Split into pictures and their copies in another encoding, by header alone: one place, one acquisition."""
    places: dict[object, list[Instance]] = defaultdict(list)
    for m in members:
        places[_place(m.header) or id(m)].append(m)
    kept, copies = [], []
    for there in places.values():
        best = min(there, key=lambda m: (m.header.lossy, m.header.syntax not in NATIVE, m.file.path))
        kept.append(best)
        for m in there:
            if m is best:
                continue
            if m.header.syntax == best.header.syntax:
                kept.append(m)  # another picture at this place, or under this UID
            else:
                copies.append(Copy(member=m, kept=best))
    return kept, copies


def notes_on(copies: Sequence[Copy]) -> list[str]:
    """Remarks on the copies that a plan expects; the pixels are compared when they are decoded."""
    notes = []
    lossy = [c for c in copies if c.member.header.lossy]
    if lossy:
        notes.append(f"{_files(lossy)} here again with lossy compression; the other encoding counts")
    if equal := [c for c in copies if not c.member.header.lossy]:
        notes.append(f"{_files(equal)} here again in another transfer syntax; equal pixels count once")
    return notes


def disagreements(copies: Sequence[Copy], pixels: Callable[[Instance], NDArray[np.generic]]) -> list[str]:
    """Problems of pictures that bear the header of a copy and show something else. pixels: [F, H, W, ...] decoded."""
    different = [c for c in copies if not _same_picture(pixels(c.member), pixels(c.kept), c.member.header.lossy)]
    if not different:
        return []
    return [f"two different pictures at one position ({_pair(different[0])}): not one volume"]


def _same_picture(a: NDArray[np.generic], b: NDArray[np.generic], lossy: bool) -> bool:
    if a.shape != b.shape:
        return False
    if not lossy:
        return bool(np.array_equal(a, b))
    frames = zip(a, b, strict=True)  # one by one: a difference in float32 is larger than what it compares
    return all(float(np.abs(x.astype(np.float32) - y.astype(np.float32)).mean()) <= LOSSY_DIFFERENCE for x, y in frames)


def _place(header: Header) -> tuple[object, ...] | None:
    """Values that two encodings of one picture have in common; None for a picture without position."""
    if None in header.planes or not header.modality:
        return None
    planes = tuple(
        (*(round(v, SAME_PLACE_DECIMALS) for v in plane.position_mm), *plane.row_direction, *plane.column_direction)
        for plane in header.planes
        if plane is not None
    )
    attributes = tuple(attributes.apart_from_number() for attributes in header.slices)
    return header.rows, header.columns, header.frames, header.frame_of_reference, planes, attributes


def _files(copies: Sequence[Copy]) -> str:
    more = f" and {len(copies) - 1} more files are" if len(copies) > 1 else " is"
    return f"{copies[0].member.file.path}{more}"


def _pair(copy: Copy) -> str:
    return f"{copy.member.file.path} and {copy.kept.file.path}"
