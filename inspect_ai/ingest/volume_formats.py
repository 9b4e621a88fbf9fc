"""Formats of volumes outside DICOM: recognised by their first bytes, so that they are refused by name.

They are not read: orientation, unit and Hounsfield scale are conventions of whoever wrote them, not part of the file.
Signatures: NIfTI-1 and NIfTI-2 (nifti1.h, nifti2.h), Analyze 7.5 (dbh.h), MetaIO and NRRD (their format pages).
"""

from __future__ import annotations

import re
import struct
import zlib

NEXT = "this format is not read; export the DICOM series"
NIFTI, META_IMAGE = f"a NIfTI volume: {NEXT}", f"a MetaImage volume: {NEXT}"
NRRD, ANALYZE = f"an NRRD volume: {NEXT}", f"an Analyze volume: {NEXT}"
_GZIP = b"\x1f\x8b"
_NIFTI_1 = (b"n+1\0", b"ni1\0")  # at byte 344
_NIFTI_2 = (b"n+2\0", b"ni2\0")  # at byte 4
_META_IMAGE = re.compile(rb"\s*(Comment\s*=[^\n]*\n\s*)?(ObjectType\s*=\s*Image\b|NDims\s*=\s*\d)", re.IGNORECASE)
_ANALYZE_BYTES = 348  # the length of its header, and its first value
_EXTENTS = 16384  # of Analyze, at byte 32


def volume_refusal(head: bytes) -> str | None:
    """Reason to refuse a file that begins like a volume of another format, packed or not; None for other files."""
    if head.startswith(_GZIP):
        head = _unpacked(head)
    if head[344:348] in _NIFTI_1 or head[4:8] in _NIFTI_2:
        return NIFTI
    if head.startswith(b"NRRD000"):
        return NRRD
    if _META_IMAGE.match(head):
        return META_IMAGE
    return ANALYZE if _is_analyze(head) else None


def _unpacked(head: bytes) -> bytes:
    """First bytes of a gzip file: a NIfTI header is mostly zeros, so that it lies in the first few hundred."""
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, 4096)
    except zlib.error:
        return b""


def _is_analyze(head: bytes) -> bool:
    return any(
        len(head) >= 36
        and struct.unpack_from(order + "i", head, 0)[0] == _ANALYZE_BYTES
        and struct.unpack_from(order + "i", head, 32)[0] == _EXTENTS
        for order in "<>"
    )
