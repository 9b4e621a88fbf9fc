"""Deflated data sets (PS3.5 A.5), unpacked up to a bound: 0.6 MB of them can become a gigabyte."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import BinaryIO

from inspect_ai.errors import InputError
from inspect_ai.ingest.formats import DICOM_MAGIC, DICOM_MAGIC_AT, has_dicom_preamble

EXPLICIT, DEFLATED = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99"
PREAMBLE_BYTES = DICOM_MAGIC_AT + len(DICOM_MAGIC)
META_MOST_BYTES = 1 << 16
DEFLATED_MOST_BYTES = 256 << 20


def inflated(f: BinaryIO) -> BinaryIO:
    """Inflate a deflated file into one of explicit little endian syntax, up to a bound.

    A file in which the deflated syntax is only mentioned is returned unchanged.
    """
    f.seek(0)
    start = PREAMBLE_BYTES if has_dicom_preamble(f.read(PREAMBLE_BYTES)) else 0
    f.seek(start)
    head = f.read(META_MOST_BYTES)
    at = head.find(b"\x02\0\x10\0UI")
    size = struct.unpack_from("<H", head, at + 6)[0] if at >= 0 else 0
    if at < 0 or head[at + 8 : at + 8 + size].rstrip(b"\0 ") != DEFLATED.encode():
        return f
    if head[:8] != b"\x02\0\0\0UL\x04\0":
        raise InputError("a deflated data set behind a File Meta group without its length")
    end = 12 + struct.unpack_from("<I", head, 8)[0]
    plain = b"\x02\0\x10\0UI\x14\0" + EXPLICIT.encode() + b"\0"
    meta = head[12:at] + plain + head[at + 8 + size : end]
    f.seek(start + end)
    unpack = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        body = unpack.decompress(f.read(), DEFLATED_MOST_BYTES)
    except zlib.error as e:
        raise InputError("the deflated data set is damaged") from e
    if unpack.unconsumed_tail:
        raise InputError(f"the deflated data set unpacks to more than {DEFLATED_MOST_BYTES >> 20} MiB")
    if not unpack.eof:
        raise InputError("the deflated data set is cut")
    return BytesIO(bytes(DICOM_MAGIC_AT) + DICOM_MAGIC + head[:8] + struct.pack("<I", len(meta)) + meta + body)
