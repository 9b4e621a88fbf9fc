"""PNM: portable bitmaps, graymaps and pixmaps (P1 to P6), read here, since Pillow rescales what is not of 255 greys.

After the pages pbm(5), pgm(5) and ppm(5) of Netpbm: text or binary, up to 16 bits, most significant byte first.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from inspect_ai.domain import Pixels
from inspect_ai.errors import InputError

HEADER_BYTES = 1 << 16  # longest header with its comments
MOST_GREY = 65535
BITMAPS, PIXMAPS, TEXT = (1, 4), (3, 6), (1, 2, 3)
GAP = rb"(?:\s|#[^\r\n]*[\r\n])"  # white space, or a comment to the end of its line
NUMBER = rb"(\d{1,9})"
_BITMAP = re.compile(rb"P([14])%b+%b%b+%b(?:\s|#[^\r\n]*[\r\n])" % (GAP, NUMBER, GAP, NUMBER))
_MAP = re.compile(rb"P([2356])%b+%b%b+%b%b+%b(?:\s|#[^\r\n]*[\r\n])" % (GAP, NUMBER, GAP, NUMBER, GAP, NUMBER))
_MAGIC = re.compile(rb"\s*P[1-6]\s")
_COMMENT = re.compile(rb"#[^\r\n]*")
BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class PnmHeader:
    """Header of a PNM. kind: 1 to 6; white: the largest grey; raster_at: where its pixels begin, in bytes."""

    kind: int
    width: int
    height: int
    white: int
    raster_at: int

    @property
    def samples(self) -> int:
        """Samples of the whole picture."""
        return self.width * self.height * (3 if self.kind in PIXMAPS else 1)

    @property
    def raster_bytes(self) -> int:
        """Length of the pixels in a binary file."""
        if self.kind in BITMAPS:
            return (self.width + 7) // 8 * self.height
        return self.samples * (1 if self.white < 256 else 2)


def pnm_header(head: bytes) -> PnmHeader | None:
    """Read the header from a file's first HEADER_BYTES; None where it is cut or none."""
    found = _BITMAP.match(head) or _MAP.match(head)
    if found is None:
        return None
    kind, width, height, *white = (int(part) for part in found.groups())
    return PnmHeader(kind=kind, width=width, height=height, white=white[0] if white else 1, raster_at=found.end())


def pnm_is_whole(f: BinaryIO, size: int) -> bool:
    """True if the file holds as many samples as its header says."""
    f.seek(0)
    header = pnm_header(f.read(HEADER_BYTES))
    if header is None:
        return size >= HEADER_BYTES  # a whole header of another kind: for the decoder to refuse
    if header.kind not in TEXT:
        return size >= header.raster_at + header.raster_bytes
    return _count_texts(f, header) >= header.samples


def _count_texts(f: BinaryIO, header: PnmHeader) -> int:
    """Count the samples of a text raster; each digit of a bitmap is one."""
    f.seek(header.raster_at)
    count, inside = 0, False
    while block := f.read(BLOCK_BYTES):
        digits = np.isin(np.frombuffer(block, np.uint8), np.frombuffer(b"0123456789", np.uint8))
        starts = digits.copy()
        if header.kind not in BITMAPS:
            starts[1:] &= ~digits[:-1]
            starts[0] &= not inside
        count += int(starts.sum())
        inside = bool(digits[-1])
    return count


def read_pnm(content: bytes, max_pixels: int) -> tuple[Pixels, int]:
    """Decode [H, W] or [H, W, 3], uint8 or uint16, and its largest grey. Raises InputError that names the fault."""
    header = pnm_header(content[:HEADER_BYTES])
    if header is None or min(header.width, header.height) < 1:
        raise InputError("the PNM has a header that does not tell its size")
    if header.width * header.height > max_pixels:
        raise InputError(f"{header.width} x {header.height} pixels are more than the limit of {max_pixels}")
    if not 0 < header.white <= MOST_GREY:
        raise InputError(f"a PNM with a largest grey of {header.white}: save it with 8 or 16 bits")
    if header.kind in TEXT:
        samples = _from_text(content[header.raster_at :], header)
    else:
        _refuse_second(content[header.raster_at + header.raster_bytes :])
        samples = _from_binary(content, header)
    if header.kind in BITMAPS:
        return np.where(samples > 0, 0, 255).astype(np.uint8).reshape(header.height, header.width), 255  # 1 is black
    if samples.max() > header.white:
        raise InputError("the PNM holds greys above the largest that its header tells")
    shape = (header.height, header.width, 3) if header.kind in PIXMAPS else (header.height, header.width)
    return samples.astype(np.uint8 if header.white < 256 else np.uint16).reshape(shape), header.white


def _refuse_second(rest: bytes) -> None:
    if _MAGIC.match(rest):
        raise InputError("several pictures in one PNM: which one was meant? Save the one to be inspected")


def _from_binary(content: bytes, header: PnmHeader) -> NDArray[np.integer]:
    raster = content[header.raster_at : header.raster_at + header.raster_bytes]
    if header.kind in BITMAPS:
        rows = np.frombuffer(raster, np.uint8).reshape(header.height, -1)
        return np.unpackbits(rows, axis=1)[:, : header.width].reshape(-1)
    return np.frombuffer(raster, np.uint8 if header.white < 256 else ">u2")


def _from_text(raster: bytes, header: PnmHeader) -> NDArray[np.integer]:
    text = _COMMENT.sub(b"", raster)
    if header.kind in BITMAPS:  # digits need no space between them
        bits = np.frombuffer(text, np.uint8) - ord("0")
        bits = bits[bits <= 1][: header.samples]
        if len(bits) < header.samples:
            raise InputError("the PNM holds other text than ones and zeros")
        return bits
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            samples = np.fromstring(text.decode("ascii"), np.int64, count=header.samples, sep=" ")
    except (ValueError, DeprecationWarning, UnicodeDecodeError) as e:
        raise InputError("the PNM holds other text than greys") from e
    if samples.min() < 0:
        raise InputError("the PNM holds other text than greys")
    return samples
