"""JPEG 2000 pictures: the head of the codestream, bare or in a JP2 file, and whether it reaches its end.

After ITU-T T.800 annexes A (markers) and I (JP2).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

from inspect_ai.errors import InputError
from inspect_ai.ingest.picture_formats.containers import boxes

SIGNATURE_BOX = b"\0\0\0\x0cjP  "
CODESTREAM = b"\xff\x4f\xff\x51"  # SOC, SIZ
SIZ, COD, SOT, EOC = 0xFF51, 0xFF52, 0xFF90, 0xFFD9
MOST_SEGMENTS = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Codestream:
    """Head of a codestream. depths: bits of each component; signed: any of them; lossy: by its wavelet transform."""

    width: int
    height: int
    depths: tuple[int, ...]
    signed: bool
    lossy: bool


def codestream(f: BinaryIO, size: int) -> Codestream | None:
    """Read the head; None where there is none. Raises struct.error where it is cut."""
    at, _ = _place(f, size)
    found, lossy = None, False
    if at is None:
        return None
    at += 2
    for _ in range(MOST_SEGMENTS):
        marker, length = _unpacked(">HH", f, at)
        if marker == SOT:
            break
        if marker == SIZ:
            right, bottom, left, top = _unpacked(">4I", f, at + 6)
            (count,) = _unpacked(">H", f, at + 38)
            f.seek(at + 40)
            components = f.read(3 * count)
            depths = tuple((depth & 0x7F) + 1 for depth in components[::3])
            signed = any(depth & 0x80 for depth in components[::3])
            found = right - left, bottom - top, depths, signed
        if marker == COD:
            (transform,) = _unpacked(">B", f, at + 13)
            lossy = transform == 0  # the irreversible 9-7 filter
        at += 2 + length
    if found is None:
        return None
    width, height, depths, signed = found
    return Codestream(width=width, height=height, depths=depths, signed=signed, lossy=lossy)


def checked_codestream(f: BinaryIO, size: int) -> Codestream:
    """Read the head of a picture of a kind that is read. Raises InputError that names another kind."""
    found = codestream(f, size)
    if found is None:
        raise InputError("a JPEG 2000 file without a picture in it")
    if found.signed or len(set(found.depths)) > 1:
        raise InputError("a JPEG 2000 picture of signed or unlike samples: save it as PNG with 8 or 16 bits")
    if max(found.depths) > 16 or (len(found.depths) > 1 and max(found.depths) > 8):
        raise InputError(
            f"a JPEG 2000 picture of {len(found.depths)} samples with {max(found.depths)} bits: save it as PNG"
        )
    return found


def jpeg2000_is_whole(f: BinaryIO, size: int) -> bool:
    """True if the boxes lie inside the file and the tile parts reach the end-of-codestream marker."""
    at, end = _place(f, size)
    if at is None or end > size:
        return False
    at += 2
    for _ in range(MOST_SEGMENTS):
        (marker,) = _unpacked(">H", f, at)
        if marker == EOC:
            return at + 2 <= end
        (length,) = _unpacked(">H", f, at + 2)
        if marker == SOT:
            (length,) = _unpacked(">I", f, at + 6)
            if length == 0:  # the last tile part, up to the end marker
                return _unpacked(">H", f, end - 2) == (EOC,)
            at += max(length, 14)
        else:
            at += 2 + length
    return True  # for the decoder to refuse


def _place(f: BinaryIO, size: int) -> tuple[int | None, int]:
    """First byte of the codestream, and the first behind it as its box tells, which may lie behind the file's end."""
    f.seek(0)
    if f.read(len(CODESTREAM)) == CODESTREAM:
        return 0, size
    for box in boxes(f, 0, size):
        if box.kind == b"jp2c":
            return box.start, box.end
    return None, size


def _unpacked(layout: str, f: BinaryIO, at: int) -> tuple[int, ...]:
    f.seek(at)
    return struct.unpack(layout, f.read(struct.calcsize(layout)))
