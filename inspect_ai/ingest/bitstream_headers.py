"""Headers of compressed frames, checked before decoding: size, samples, precision, and that the stream ends.

Decoders fill missing pixels, reshape ones that do not fit, or end the process; so a stream whose own header disagrees
with the DICOM header is refused here. Markers: ITU-T T.81 B.1 (JPEG), T.87 C.1 (JPEG-LS), T.800 A.4 and A.5.1
(JPEG 2000); RLE: PS3.5 annex G.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from inspect_ai.errors import InputError

SOI, EOI, SCAN = b"\xff\xd8", b"\xff\xd9", 0xDA
FRAME_STARTS = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15 without DHT, JPG, DAC; SOF55
JPEG_LS = 0xF7
CODESTREAM = b"\xff\x4f\xff\x51"  # SOC, SIZ
WRAPPER_BYTES = 4096  # a JP2 wrapper, forbidden but written, ends before this
RLE_HEADER_BYTES = 64
RLE_SURPLUS_BYTES = 2  # an encoder's padding, read as one more run


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Shape that a stream announces. `marker`: the kind of JPEG, 0 for JPEG 2000; precision: bits a sample."""

    rows: int
    columns: int
    samples: int
    precision: int
    marker: int


def jpeg_shape(stream: bytes) -> Shape:
    """Read the shape of a JPEG, lossless JPEG or JPEG-LS stream. Raises InputError for another stream, or a cut one."""
    if not stream.startswith(SOI):
        raise InputError("a compressed frame is no JPEG stream")
    shape, at = None, 2
    while True:
        at = stream.find(b"\xff", at)
        if at < 0 or at + 9 >= len(stream):
            raise InputError("a JPEG frame is cut in its header")
        marker = stream[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == SCAN:
            break
        length = struct.unpack_from(">H", stream, at + 2)[0]
        if marker in FRAME_STARTS:
            precision, rows, columns, samples = struct.unpack_from(">BHHB", stream, at + 4)
            shape = Shape(rows=rows, columns=columns, samples=samples, precision=precision, marker=marker)
        at += 2 + max(length, 2)
    if shape is None:
        raise InputError("a JPEG frame has no frame header")
    if stream.rfind(EOI) < at:
        raise InputError("a JPEG frame is cut: its end-of-image marker is missing")
    return shape


def jpeg2000_shape(stream: bytes) -> Shape:
    """Read the shape of a JPEG 2000 or HTJ2K codestream, bare or wrapped; openjpeg refuses one that is cut."""
    at = stream.find(CODESTREAM, 0, WRAPPER_BYTES)
    if at < 0 or len(stream) < at + 43:
        raise InputError("a compressed frame is no JPEG 2000 codestream")
    right, bottom, left, top = struct.unpack_from(">4I", stream, at + 8)
    samples, depth = struct.unpack_from(">H", stream, at + 40)[0], stream[at + 42]
    return Shape(rows=bottom - top, columns=right - left, samples=samples, precision=(depth & 0x7F) + 1, marker=0)


def check_shape(shape: Shape, rows: int, columns: int, samples: int, allocated: int) -> None:
    """Check a stream against the DICOM header. Raises InputError where they disagree."""
    if (shape.rows, shape.columns) != (rows, columns):
        raise InputError(
            f"a compressed frame holds {shape.rows} x {shape.columns} pixels, the header says {rows} x {columns}"
        )
    if shape.samples != samples or shape.precision > allocated:
        raise InputError("a compressed frame has other samples or more bits than the header says")


def check_rle(stream: bytes, pixels: int, planes: int) -> None:
    """Check that a stream holds `planes` byte planes of `pixels` bytes each. Raises InputError otherwise."""
    if len(stream) < RLE_HEADER_BYTES:
        raise InputError("an RLE frame is cut")
    count, *offsets = struct.unpack_from("<16I", stream)
    starts = offsets[:count]
    ends = [*starts[1:], len(stream)]
    if count != planes or any(not RLE_HEADER_BYTES <= a <= b for a, b in zip(starts, ends, strict=True)):
        raise InputError("the segments of an RLE frame do not fit the header")
    for start, end in zip(starts, ends, strict=True):
        length = _unpacked(stream[start:end], pixels + RLE_SURPLUS_BYTES)
        if not pixels <= length <= pixels + RLE_SURPLUS_BYTES:
            raise InputError("an RLE frame holds another number of pixels than the header says")


def _unpacked(segment: bytes, most: int) -> int:
    """Count the bytes that a PackBits segment unpacks to; counting ends above `most`, or where the segment is cut."""
    at, length, end = 0, 0, len(segment)
    while at < end and length <= most:
        code = segment[at]
        if code < 128:
            copied = min(code + 1, end - at - 1)
            length += copied
            at += code + 2
        else:
            if code > 128 and at + 1 < end:
                length += 257 - code
            at += 2 if code > 128 else 1
    return length
