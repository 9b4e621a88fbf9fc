"""Parsing of a DICOM data set before its pixels, as the world writes it: without preamble or File Meta, with UN.

PS3.10 7.1 (preamble, File Meta); PS3.5 6.2.2 (UN), 7.1 (explicit and implicit VR), A.5 (deflated data sets). What the
bytes show counts; what they leave open is refused. Padding is taken out where the standard calls it insignificant.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any, BinaryIO

import numpy as np

from inspect_ai.errors import InputError
from inspect_ai.ingest.formats import DICOM_MAGIC, DICOM_MAGIC_AT, has_dicom_preamble

EXPLICIT, DEFLATED = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99"
PREAMBLE_BYTES = DICOM_MAGIC_AT + len(DICOM_MAGIC)
META_MOST_BYTES = 1 << 16
DEFLATED_MOST_BYTES = 256 << 20  # unpacked: 0.6 MB can become a gigabyte
UNDEFINED_LENGTH = 0xFFFFFFFF
ITEM, SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
LONG_VRS = (b"OB", b"OW", b"UN")  # with a length of four bytes; those in which pixel data are found
GUESSED = "no transfer syntax is written; it was taken from the bytes themselves"
NOT_RECOGNISED = (
    "no picture file that can be recognised, and no DICOM file with an image; values without a header are not read"
)
_SYNTAX_OF = {  # (implicit VR, little endian) -> transfer syntax
    (True, True): "1.2.840.10008.1.2",
    (False, True): "1.2.840.10008.1.2.1",
    (False, False): "1.2.840.10008.1.2.2",
}
_PICTURE = ("Rows", "Columns", "BitsAllocated", "PhotometricInterpretation")


def parsed(f: BinaryIO, tags: list[str]) -> tuple[Any, BinaryIO, bool]:
    """Parse the elements `tags` before the pixel data.

    Returns the data set with a transfer syntax, the (unpacked) file at its pixel data, and whether the transfer syntax
    had to be taken from the bytes. Raises InputError with a reason, and any error of pydicom on broken bytes.
    """
    source = inflated(f) if DEFLATED.encode() in f.read(1024) else f
    source.seek(0)
    dataset, forced = _read(source, tags)
    stated = str(dataset.file_meta.get("TransferSyntaxUID") or "").strip(" \0")
    if not stated:
        if forced and not _is_image(dataset):
            raise InputError(NOT_RECOGNISED)
        _check_uncompressed(source, dataset)
        implicit, little = dataset.original_encoding
        dataset.file_meta.TransferSyntaxUID = _SYNTAX_OF[bool(implicit), bool(little)]
    elif stated != dataset.file_meta.TransferSyntaxUID:
        dataset.file_meta.TransferSyntaxUID = stated
    _give_known_vrs(dataset)
    _clean_code(dataset, "PhotometricInterpretation")
    return dataset, source, not stated


def pixel_data_of(f: BinaryIO, dataset: Any) -> tuple[int, int] | None:
    """(announced length, bytes there) of the Pixel Data element at which reading stopped, None if there is none.

    The file is left at the element's value.
    """
    start = f.tell()
    f.seek(0, 2)
    end = f.tell()
    f.seek(start)
    head = f.read(12)
    order = "<" if dataset.original_encoding[1] is not False else ">"
    if len(head) < 8 or struct.unpack(order + "HH", head[:4]) != (0x7FE0, 0x0010):
        return None
    if head[4:6] not in LONG_VRS:  # implicit, by the bytes themselves: the File Meta may be wrong
        f.seek(start + 8)
        return struct.unpack(order + "I", head[4:8])[0], end - start - 8
    if len(head) < 12:
        return None
    return struct.unpack(order + "I", head[8:12])[0], end - start - 12


def native_frames(f: BinaryIO, dataset: Any, frames: int) -> Iterator[bytes]:
    """Yield the bytes of each frame of uncompressed pixel data; what lies beyond the announced frames is not read."""
    values = int(dataset.Rows) * int(dataset.Columns)
    halved = dataset.PhotometricInterpretation == "YBR_FULL_422"  # two pixels share their colour
    values *= 2 if halved else int(dataset.get("SamplesPerPixel") or 1)
    bits = int(dataset.BitsAllocated)
    if bits > 1 or values % 8 == 0:
        for _ in range(frames):
            yield f.read(values * bits // 8)
        return
    packed = np.frombuffer(f.read(-(-values * frames // 8)), np.uint8)  # PS3.5 8.1.1: frames may begin inside a byte
    unpacked = np.unpackbits(packed, bitorder="little")
    for index in range(frames):
        yield np.packbits(unpacked[index * values : (index + 1) * values], bitorder="little").tobytes()


def compressed_frames(f: BinaryIO, frames: int) -> Iterator[bytes]:
    """Yield the streams of encapsulated pixel data (PS3.5 A.4). Raises InputError where their end is missing."""
    from pydicom.encaps import generate_frames

    start = f.tell()
    while (head := f.read(8))[:4] == ITEM:
        f.seek(struct.unpack("<I", head[4:])[0], os.SEEK_CUR)
    if head[:4] != SEQUENCE_END:
        raise InputError("compressed pixel data are cut: the mark at their end is missing")
    f.seek(start)
    yield from generate_frames(f, number_of_frames=frames)


def _read(f: BinaryIO, tags: list[str]) -> tuple[Any, bool]:
    """Parse the data set before its pixels; once more with force where the preamble is missing."""
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        return pydicom.dcmread(f, stop_before_pixels=True, specific_tags=tags), False
    except InvalidDicomError:
        f.seek(0)
    try:
        return pydicom.dcmread(f, stop_before_pixels=True, specific_tags=tags, force=True), True
    except (InputError, MemoryError):
        raise
    except Exception as e:  # not one sign of DICOM, and pydicom raises anything on other bytes
        raise InputError(NOT_RECOGNISED) from e


def _is_image(dataset: Any) -> bool:
    """True for a known kind of object or the attributes of a picture: forced reading makes a data set of any bytes."""
    from pydicom.uid import UID

    try:
        known = UID(str(dataset.get("SOPClassUID") or "").strip(" \0")).type == "SOP Class"
        return known or all(dataset.get(name) not in (None, "") for name in _PICTURE)
    except Exception:  # noqa: BLE001 - values of bytes that are no DICOM file raise anything
        return False


def _check_uncompressed(f: BinaryIO, dataset: Any) -> None:
    """Raise InputError for compressed pixels: their bytes alone do not say how they were compressed."""
    start = f.tell()
    announced = pixel_data_of(f, dataset)
    f.seek(start)
    if announced is not None and announced[0] == UNDEFINED_LENGTH:
        raise InputError(
            "TransferSyntaxUID (0002,0010) is missing and the pixel data are compressed: export the file again with "
            "its File Meta"
        )


def _give_known_vrs(dataset: Any) -> None:
    """Give elements under VR UN the VR of the dictionary; pydicom does so for short ones alone."""
    from pydicom.datadict import dictionary_has_tag, dictionary_VR
    from pydicom.dataelem import RawDataElement, convert_raw_data_element

    for tag in list(dataset.keys()):
        element = dataset.get_item(tag)
        if isinstance(element, RawDataElement) and element.VR == "UN" and dictionary_has_tag(tag):
            named = element._replace(VR=dictionary_VR(tag).split(" or ")[0])
            dataset[tag] = convert_raw_data_element(named, encoding=None, ds=dataset)


def _clean_code(dataset: Any, name: str) -> None:
    """Take padding and small letters out of a coded value that decoders compare."""
    value = dataset.get(name)
    if isinstance(value, str) and value != (clean := value.strip(" \0").upper()):
        setattr(dataset, name, clean)


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
