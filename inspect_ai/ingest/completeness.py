"""Completeness of picture files: check that the bytes reach the end that the format announces.

Separate from formats.py, which tells formats by their first bytes: this follows each format's structure to its end.
Sources: PNG 1.2 (3.2), ITU-T T.81 (B.1.1), TIFF 6.0 (section 2), BigTIFF (libtiff's design page), and Microsoft's
BITMAPFILEHEADER and BITMAPINFOHEADER. Reads by position, so a large file is never held whole.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from inspect_ai.ingest.picture_formats.containers import avif_is_whole, gif_is_whole, webp_is_whole
from inspect_ai.ingest.picture_formats.jpeg2000 import jpeg2000_is_whole
from inspect_ai.ingest.picture_formats.pnm import pnm_is_whole

PNG_HEADER_BYTES = 8
JPEG_SOI, JPEG_EOI = b"\xff\xd8", 0xD9
JPEG_WITHOUT_LENGTH = (0x01, 0xD8)  # TEM, SOI
JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # no stuffed byte, restart marker or fill byte
JPEG_BLOCK_BYTES = 1 << 16
BMP_UNCOMPRESSED = (0, 3, 6)  # BI_RGB, BI_BITFIELDS, BI_ALPHABITFIELDS
TIFF_OFFSETS_TO_COUNTS = {273: 279, 324: 325}  # StripOffsets, StripByteCounts; TileOffsets, TileByteCounts
TIFF_BLOCK_TAGS = frozenset({*TIFF_OFFSETS_TO_COUNTS, *TIFF_OFFSETS_TO_COUNTS.values()})
TIFF_MOST_ENTRIES = 1 << 16  # a tag has 16 bits and occurs once
TIFF_MOST_BLOCKS = 1 << 24  # strips or tiles; with more, a file is left to the decoder to refuse
TIFF_INTEGERS = {3: "u2", 4: "u4", 16: "u8"}  # SHORT, LONG, LONG8


def ends_early(f: BinaryIO, name: str) -> bool:
    """True if a file of the format `name` (see formats.Format) ends before its format says; False for other formats."""
    check = _CHECKS.get(name)
    try:
        return check is not None and not check(f, f.seek(0, os.SEEK_END))
    except struct.error:  # cut inside a header
        return True


def _unpacked(layout: str, f: BinaryIO, at: int) -> tuple[int, ...]:
    """Read integers at a position. Raises struct.error where the file ends before them."""
    f.seek(at)
    return struct.unpack(layout, f.read(struct.calcsize(layout)))


def _png_is_whole(f: BinaryIO, size: int) -> bool:
    at, kind = PNG_HEADER_BYTES, 0
    while kind != 0x49454E44:  # IEND
        length, kind = _unpacked(">II", f, at)
        at += 12 + length
    return at <= size


def _jpeg_is_whole(f: BinaryIO, size: int) -> bool:
    """True if every picture reaches its end-of-image marker; a multi-picture file (MPO) holds several in a row."""
    del size
    f.seek(0)
    while f.read(2) == JPEG_SOI:
        if not _skip_jpeg(f):
            return False
    return True


def _skip_jpeg(f: BinaryIO) -> bool:
    """Move behind the end-of-image marker. Segments are skipped by length: a thumbnail inside has its own marker."""
    while (marker := _next_jpeg_marker(f)) is not None:
        if marker == JPEG_EOI:
            return True
        if marker not in JPEG_WITHOUT_LENGTH:
            (length,) = _unpacked(">H", f, f.tell())
            f.seek(max(length - 2, 0), os.SEEK_CUR)
    return False


def _next_jpeg_marker(f: BinaryIO) -> int | None:
    """Move behind the next marker, over entropy-coded data; None at the end of the file."""
    while len(block := f.read(JPEG_BLOCK_BYTES)) > 1:
        if found := JPEG_MARKER.search(block):
            f.seek(found.end() - len(block), os.SEEK_CUR)
            return block[found.end() - 1]
        f.seek(-1, os.SEEK_CUR)  # the marker's first byte may be the block's last
    return None


def _bmp_is_whole(f: BinaryIO, size: int) -> bool:
    """Check by rows of pixels where they are not compressed, else by the file size, which writers get wrong."""
    announced, start, header = _unpacked("<I4xII", f, 2)
    if header < 40:  # BITMAPCOREHEADER
        width, height, _, bits = _unpacked("<HHHH", f, 18)
        compression = 0
    else:
        width, height, _, bits, compression = _unpacked("<iiHHI", f, 18)
    row_bytes = (abs(width) * bits + 31) // 32 * 4
    return size >= (start + row_bytes * abs(height) if compression in BMP_UNCOMPRESSED else max(announced, start + 1))


def _tiff_is_whole(f: BinaryIO, size: int) -> bool:
    """True if the first directory, and the strips or tiles that it names, lie inside the file."""
    order = _byte_order(f)
    return _directory_is_whole(f, size, order, *_unpacked(order + "I", f, 4), layout="HHII", count="H")


def _bigtiff_is_whole(f: BinaryIO, size: int) -> bool:
    order = _byte_order(f)
    return _directory_is_whole(f, size, order, *_unpacked(order + "Q", f, 8), layout="HHQQ", count="Q")


def _byte_order(f: BinaryIO) -> str:
    f.seek(0)
    return "<" if f.read(2) == b"II" else ">"


def _directory_is_whole(f: BinaryIO, size: int, order: str, at: int, *, layout: str, count: str) -> bool:
    """True if all lies inside. layout: of an entry (tag, type, number, values or offset); count: of the entries."""
    if not 0 < at < size:  # a writer fills the directory's offset in at the end
        return False
    (entries,) = _unpacked(order + count, f, at)
    entry_bytes, first = struct.calcsize("<" + layout), at + struct.calcsize(count)
    if entries > TIFF_MOST_ENTRIES or first + entries * entry_bytes > size:
        return False
    inline_bytes = struct.calcsize(layout[-1])
    values: dict[int, NDArray[np.uint64]] = {}
    for entry_at in range(first, first + entries * entry_bytes, entry_bytes):
        tag, kind, number, offset = _unpacked(order + layout, f, entry_at)
        if tag in TIFF_BLOCK_TAGS and kind in TIFF_INTEGERS and number <= TIFF_MOST_BLOCKS:
            kind_of_value = np.dtype(order + TIFF_INTEGERS[kind])
            length = number * kind_of_value.itemsize
            where = entry_at + entry_bytes - inline_bytes if length <= inline_bytes else offset
            if where + length > size:
                return False
            f.seek(where)
            values[tag] = np.frombuffer(f.read(length), kind_of_value).astype(np.uint64)
    for offsets, counts in ((values.get(o), values.get(c)) for o, c in TIFF_OFFSETS_TO_COUNTS.items()):
        if offsets is not None and counts is not None:
            pairs = min(len(offsets), len(counts))
            starts, lengths = offsets[:pairs], counts[:pairs]
            if (starts > size).any() or (lengths > np.uint64(size) - starts).any():
                return False
    return True


_CHECKS: dict[str, Callable[[BinaryIO, int], bool]] = {
    "PNG": _png_is_whole,
    "JPEG": _jpeg_is_whole,
    "BMP": _bmp_is_whole,
    "TIFF": _tiff_is_whole,
    "BigTIFF": _bigtiff_is_whole,
    "GIF": gif_is_whole,
    "WebP": webp_is_whole,
    "AVIF": avif_is_whole,
    "JPEG 2000": jpeg2000_is_whole,
    "PNM": pnm_is_whole,
}
