"""Containers of pictures: size and completeness of WebP (RIFF), GIF, and the boxes of AVIF and JPEG 2000.

After RFC 9649 (WebP), GIF89a, ISO/IEC 14496-12 (boxes, size and type), and ITU-T T.800 annex I (JP2).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from inspect_ai.errors import InputError

RIFF_HEADER_BYTES = 12
WEBP_PIXELS = frozenset({b"VP8 ", b"VP8L", b"ANMF"})
GIF_HEADER_BYTES = 13
GIF_IMAGE, GIF_EXTENSION, GIF_TRAILER = 0x2C, 0x21, 0x3B
AVIF_HEADERS_BYTES = 1 << 16
AVIF_DEEP = 0x40  # high_bitdepth, in the third byte of av1C (AV1 in ISOBMFF 2.3.3)
MOST_BOXES = 1 << 16  # boxes, chunks or blocks at the top of one file; beyond that it is left to the decoder


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """One box: its type, and the place of its content in the file. end: the first byte behind it, told by its size."""

    kind: bytes
    start: int
    end: int


def boxes(f: BinaryIO, at: int, end: int) -> Iterator[Box]:
    """Yield the boxes from `at` to `end`; one may end behind `end`. Raises struct.error where a header is cut."""
    for _ in range(MOST_BOXES):
        if at >= end:
            return
        (length,) = _unpacked(">I4x", f, at)
        f.seek(at + 4)
        kind = f.read(4)
        start = at + 8
        if length == 1:
            (length,) = _unpacked(">Q", f, start)
            start += 8
        stop = end if length == 0 else at + length  # 0: to the end of the file
        if stop < start:
            return
        yield Box(kind=kind, start=start, end=stop)
        at = stop


def avif_is_whole(f: BinaryIO, size: int) -> bool:
    """True if all boxes lie inside the file, and those of the picture are among them."""
    found = list(boxes(f, 0, size))
    kinds = {box.kind for box in found}
    return all(box.end <= size for box in found) and b"meta" in kinds


def webp_is_whole(f: BinaryIO, size: int) -> bool:
    """True if the chunks reach the end that the file's head tells, and pixels are among them."""
    (length,) = _unpacked("<4xI", f, 0)
    end, at = length + 8, RIFF_HEADER_BYTES
    kinds: set[bytes] = set()
    if end > size:
        return False
    for _ in range(MOST_BOXES):
        if at + 8 > end:
            break
        (length,) = _unpacked("<4xI", f, at)
        f.seek(at)
        kinds.add(f.read(4))
        at += 8 + length + length % 2
        if at - length % 2 > size:
            return False
    return not WEBP_PIXELS.isdisjoint(kinds)


def webp_size(head: bytes) -> tuple[int, int]:
    """Width and height by a WebP's first chunk, which a decoder would make room for; 0, 0 for a chunk of no picture."""
    kind, first = head[12:16], head[20:30]
    if len(first) < 10:
        return 0, 0
    if kind == b"VP8X":
        return int.from_bytes(first[4:7], "little") + 1, int.from_bytes(first[7:10], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(first[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", first[6:10])
        return width & 0x3FFF, height & 0x3FFF
    return 0, 0


def is_lossy_webp(content: bytes) -> bool:
    """True for a WebP whose pixels lost something."""
    return content.startswith(b"RIFF") and b"VP8 " in content


def check_avif_depth(content: bytes) -> None:
    """Check that an AVIF has 8 bits. Raises InputError for more, of which the decoder drops the low ones."""
    at = content.find(b"av1C", 0, AVIF_HEADERS_BYTES)
    if at >= 0 and at + 7 <= len(content) and content[at + 6] & AVIF_DEEP:
        raise InputError("an AVIF of more than 8 bits: save it as PNG with 8 or 16 bits")


def gif_is_whole(f: BinaryIO, size: int) -> bool:
    """True if the blocks reach the trailer."""
    del size
    (packed,) = _unpacked("<10xB2x", f, 0)
    f.seek(GIF_HEADER_BYTES + _table_bytes(packed))
    for _ in range(MOST_BOXES):
        (kind,) = _next("<B", f)
        if kind == GIF_TRAILER:
            return True
        if kind == GIF_IMAGE:
            (packed,) = _next("<8xB", f)
            f.seek(_table_bytes(packed) + 1, 1)  # colours, and the size of the first code
        elif kind == GIF_EXTENSION:
            f.seek(1, 1)
        else:
            return True  # no GIF any more: for the decoder to refuse
        while (length := _next("<B", f)[0]) > 0:
            f.seek(length, 1)
    return True


def _table_bytes(packed: int) -> int:
    """Length of a colour table by its packed field; 0 where there is none."""
    return 3 << (packed & 7) + 1 if packed & 0x80 else 0


def _unpacked(layout: str, f: BinaryIO, at: int) -> tuple[int, ...]:
    f.seek(at)
    return _next(layout, f)


def _next(layout: str, f: BinaryIO) -> tuple[int, ...]:
    """Read integers at the present place. Raises struct.error where the file ends before them."""
    return struct.unpack(layout, f.read(struct.calcsize(layout)))
