"""File formats: the signatures, endings and temporary names, for the whole package.

Signatures: PNG 1.2 (12.12), ITU-T T.81 (B.1.1.3), TIFF 6.0 (section 2), BigTIFF (libtiff's design page), GIF89a,
RFC 9649 (WebP), ISO/IEC 14496-12 (brands of AVIF and HEIC), ITU-T T.800 (annex I), Netpbm's manual pages, DICOM PS3.10
(7.1). Content alone determines the reader of a file; an ending shows that the file is meant to be a picture.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal, TypeAlias

from inspect_ai.ingest.volume_formats import volume_refusal

Reader: TypeAlias = Literal["image", "dicom"]

HEAD_BYTES = 512  # first bytes of a file, in which all signatures lie
DICOM_MAGIC_AT, DICOM_MAGIC = 128, b"DICM"
PNG_SIGNATURE, BIG_ENDIAN_BIGTIFF = b"\x89PNG\r\n\x1a\n", b"MM\0+"
_PICTURES = {
    PNG_SIGNATURE: "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "BigTIFF",
    BIG_ENDIAN_BIGTIFF: "BigTIFF",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
}
_RAW = "a camera's raw file: develop it and save it as PNG or TIFF"
# (offset, first bytes there, refusal). Pictures that no reader here decodes are parts too, and refused by name.
_FOREIGN = (
    (0, b"RIFF", "a RIFF container (video or sound): save one picture of it as PNG"),
    (0, b"\xff\x0a", "a JPEG XL picture: save it as PNG"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL picture: save it as PNG"),
    (0, b"8BPS", "a Photoshop document: save it as PNG"),
    (0, b"v/1\x01", "an OpenEXR picture of floating-point values: save it as PNG with 8 or 16 bits"),
    (0, b"IIRO", _RAW),  # Olympus
    (0, b"IIRS", _RAW),
    (0, b"IIU\0", _RAW),  # Panasonic
    (0, b"FUJIFILMCCD-RAW", _RAW),
    (0, b"FOVb", _RAW),  # Sigma
)
_GAP = rb"(?:\s|#[^\r\n]*[\r\n])"  # white space, or a comment to the end of its line
_PNM = re.compile(rb"P[1-6]%b+\d+%b+\d" % (_GAP, _GAP))
_PFM = re.compile(rb"P[Ff]\s+\d+\s+\d+\s+[-+]?[\d.]+\s")
_PAM = re.compile(rb"P7\n(#[^\n]*\n)*(WIDTH|HEIGHT|DEPTH|MAXVAL|TUPLTYPE)\b")
_AVIF, _CANON_RAW = frozenset({b"avif", b"avis"}), b"crx "
_HEIF = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"})
_DOCUMENTS = (
    (0, b"%PDF", "a PDF: a document, no picture"),
    (0, b"PK\x03\x04", "a zip archive: unpack it first"),
    (0, b"\x1f\x8b", "a gzip archive: unpack it first"),
    (0, b"\xd0\xcf\x11\xe0", "an Office or thumbnail database: no picture"),
    (0, b"SQLite format 3\0", "a database: no picture"),
)
_MARKUP = re.compile(rb"<(\?xml|!doctype|svg|html|[a-z]+[ >/])", re.IGNORECASE)
_TEXT_LEADS = codecs.BOM_UTF8 + b" \t\r\n"

DICOM_ENDINGS = frozenset({".dcm", ".dicom", ".ima"})
PICTURE_ENDINGS = DICOM_ENDINGS | {
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".tif", ".tiff"),
    *(".gif", ".webp", ".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".pbm", ".pgm", ".ppm", ".pnm", ".avif"),
    *(".pam", ".pfm", ".heic", ".heif", ".jxl", ".exr", ".psd", ".raw"),  # refused by name, as raw files of cameras:
    *(".dng", ".nef", ".cr2", ".cr3", ".arw", ".orf", ".rw2", ".raf", ".pef"),
}
# Names under which cameras, copying tools, editors and browsers write unfinished files.
TEMPORARY_ENDINGS = (
    *(".part", ".partial", ".filepart", ".tmp", ".temp", ".crdownload", ".download", ".swp", ".lock"),
    "~",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """Format of a file. `refusal`: reason why no reader is tried. `name`: PNG, BigTIFF, DICOM, ...; "" if not known."""

    reader: Reader | None = None
    name: str = ""
    refusal: str | None = None
    is_document: bool = False  # text, archive or database: it may lie beside pictures without being one


def format_of(head: bytes) -> Format:
    """Determine the format by the first HEAD_BYTES of a file; unknown binary content gets one forced try as DICOM."""
    if not head:
        return Format(refusal="empty file", is_document=True)
    if has_dicom_preamble(head):
        return Format(reader="dicom", name="DICOM")
    if name := _picture_name(head):
        return Format(reader="image", name=name)
    if refused := volume_refusal(head) or _foreign_refusal(head):
        return Format(refusal=refused)
    refused = _document_refusal(head)
    return Format(refusal=refused, is_document=True) if refused else Format(reader="dicom")


def _picture_name(head: bytes) -> str | None:
    """Name of a format of pictures that is read here."""
    if head.startswith(b"RIFF") and head.startswith(b"WEBP", 8):
        return "WebP"
    if _brands(head) & _AVIF:
        return "AVIF"
    if _PNM.match(head):
        return "PNM"
    return next((name for signature, name in _PICTURES.items() if head.startswith(signature)), None)


def _foreign_refusal(head: bytes) -> str | None:
    """Name of a format of pictures that is not read here, and what to do."""
    if brands := _brands(head):
        what = "a HEIC picture: save it as PNG" if brands & _HEIF else "a video: save one picture of it as PNG"
        return _RAW if _CANON_RAW in brands else what
    if _PFM.match(head):
        return "a PFM picture of floating-point values: save it as PNG with 8 or 16 bits"
    if _PAM.match(head):
        return "a PAM picture: save it as PNG, PGM or PPM"
    named = (refusal for at, signature, refusal in _FOREIGN if head.startswith(signature, at))
    return volume_refusal(head) or next(named, None)


def _brands(head: bytes) -> set[bytes]:
    """Brands of a file of boxes, as AVIF, HEIC and videos are; none of others."""
    if not head.startswith(b"ftyp", 4):
        return set()
    length = min(max(int.from_bytes(head[:4], "big"), 16), HEAD_BYTES)
    return {head[at : at + 4] for at in (8, *range(16, length, 4))}


def _document_refusal(head: bytes) -> str | None:
    for at, signature, refusal in _DOCUMENTS:
        if head.startswith(signature, at):
            return refusal
    text = head.lstrip(_TEXT_LEADS)
    if _MARKUP.match(text):
        return "markup (HTML, XML or SVG): no picture"
    return "text: no picture" if text[:1] in (b"{", b"[") or _is_text(head) else None


def _is_text(head: bytes) -> bool:
    """True for text in any encoding without control bytes, or UTF-16, which no forced try can read as a picture."""
    return head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or not any(b < 9 or 13 < b < 32 for b in head)


def has_dicom_preamble(head: bytes) -> bool:
    """True if a file begins with a DICOM preamble (PS3.10 7.1)."""
    return head.startswith(DICOM_MAGIC, DICOM_MAGIC_AT)


def has_picture_ending(name: str) -> bool:
    """True for the name of a picture, of a format that is read here or of another."""
    return PurePath(name).suffix.lower() in PICTURE_ENDINGS


def is_sidecar(name: str, found: Format) -> bool:
    """True for a document that is not named as a picture: it lies beside pictures and is none."""
    return found.is_document and not has_picture_ending(name)


def is_temporary(name: str) -> bool:
    """True for a hidden name of a file or folder, and for a name of unfinished files."""
    return name.startswith(".") or name.lower().endswith(TEMPORARY_ENDINGS)
