"""Zero rows at the end of uncompressed pictures: what a writer that reserves a file's space first has not filled yet.

Such a file has its full size and sound headers, so that its structure shows nothing (completeness.py). A picture may
end in black rows all the same: the caller waits, and then takes the file as it is. Compressed formats need no such
check: zeros are no end of PNG, JPEG and the like.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable
from typing import BinaryIO

BMP, TIFF, PNM = "BMP", "TIFF", "PNM"
FORMATS = (BMP, TIFF, PNM)
MOST_ROW_BYTES = 1 << 20  # of a longer row, so many bytes at its end are looked at
_PNM_HEAD = re.compile(
    rb"P[56](?:\s+(?:#[^\n]*\n\s*)*(\d+))(?:\s+(?:#[^\n]*\n\s*)*(\d+))(?:\s+(?:#[^\n]*\n\s*)*(\d+))\s"
)
_TIFF_VALUES = {1: "B", 3: "H", 4: "I", 16: "Q"}
_TIFF_MOST = 1 << 16  # entries of a directory, and values of one that are read


def zero_tail(f: BinaryIO, formats: frozenset[str] = frozenset(FORMATS)) -> str | None:
    """Name of the format, if the last row of pixels of an uncompressed picture is all zero; None otherwise."""
    f.seek(0)
    head = f.read(512)
    for name, (begins, last_row) in _LAYOUTS.items():
        if name in formats and head.startswith(begins):
            try:
                end, row_bytes = last_row(f, head)
            except (struct.error, ValueError, LookupError, OverflowError, OSError):  # a damaged header: others say so
                return None
            return name if _is_zero(f, end, row_bytes) else None
    return None


def _is_zero(f: BinaryIO, end: int, row_bytes: int) -> bool:
    length = min(row_bytes, MOST_ROW_BYTES)
    if length <= 0 or end < length or end > f.seek(0, os.SEEK_END):
        return False
    f.seek(end - length)
    return not any(f.read(length))


def _bmp(f: BinaryIO, head: bytes) -> tuple[int, int]:
    start, header = struct.unpack_from("<II", head, 10)
    width, height, _, bits = struct.unpack_from("<HHHH" if header < 40 else "<iiHH", head, 18)
    compression = 0 if header < 40 else struct.unpack_from("<I", head, 30)[0]
    row_bytes = (abs(width) * bits + 31) // 32 * 4
    return start + row_bytes * abs(height), row_bytes if compression in (0, 3, 6) else 0


def _pnm(f: BinaryIO, head: bytes) -> tuple[int, int]:
    found = _PNM_HEAD.match(head)
    if found is None:
        return 0, 0
    width, height, most = map(int, found.groups())
    row_bytes = width * (1 if head[1:2] == b"5" else 3) * (2 if most > 255 else 1)
    return found.end() + row_bytes * height, row_bytes


def _tiff(f: BinaryIO, head: bytes) -> tuple[int, int]:
    """End of the strip that lies last, and the length of a row. Tiles are padded, often with zeros: not looked at."""
    tags = _tiff_tags(f, head)
    if tags.get(259, [1])[0] != 1 or 273 not in tags or 279 not in tags:
        return 0, 0
    ends = [at + length for at, length in zip(tags[273], tags[279], strict=False)]
    return max(ends), tags[256][0] * tags.get(277, [1])[0] * tags.get(258, [1])[0] // 8


def _tiff_tags(f: BinaryIO, head: bytes) -> dict[int, list[int]]:
    """Integer values of the first directory by tag."""
    order, big = "<" if head[:2] == b"II" else ">", head[2:4] in (b"+\0", b"\0+")
    pointer, count, entry = ("Q", "Q", "HHQ8s") if big else ("I", "H", "HHI4s")
    (at,) = struct.unpack_from(order + pointer, head, 8 if big else 4)
    f.seek(at)
    (entries,) = struct.unpack(order + count, f.read(struct.calcsize(order + count)))
    size = struct.calcsize(order + entry)
    table = f.read(size * min(entries, _TIFF_MOST))
    tags = {}
    for tag, kind, number, value in struct.iter_unpack(order + entry, table[: len(table) // size * size]):
        if kind in _TIFF_VALUES and 0 < number <= _TIFF_MOST:
            layout = f"{order}{number}{_TIFF_VALUES[kind]}"
            length = struct.calcsize(layout)
            if length > len(value):
                f.seek(struct.unpack(order + pointer, value)[0])
                value = f.read(length)
            tags[tag] = list(struct.unpack(layout, value[:length]))
    return tags


_LAYOUTS: dict[str, tuple[tuple[bytes, ...], Callable[[BinaryIO, bytes], tuple[int, int]]]] = {
    BMP: ((b"BM",), _bmp),
    TIFF: ((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), _tiff),
    PNM: ((b"P5", b"P6"), _pnm),
}
