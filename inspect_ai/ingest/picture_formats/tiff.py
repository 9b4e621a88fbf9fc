"""TIFF: the tags that tell what its pixels mean, read here from every page, and the kinds that are refused by name.

After TIFF 6.0 (sections 2 and 8), BigTIFF (libtiff's design page), TIFF/EP and DNG 1.7 (raw data of cameras).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import TypeAlias

from inspect_ai.errors import InputError

Tags: TypeAlias = Mapping[int, tuple[int, ...]]

SUBFILE, OLD_SUBFILE, BITS, COMPRESSION, PHOTOMETRIC, SAMPLES = 254, 255, 258, 259, 262, 277
MAX_SAMPLE, SUB_DIRECTORIES, SAMPLE_FORMAT, S_MAX_SAMPLE, DNG_VERSION = 281, 330, 339, 341, 50706
WANTED = frozenset(
    {SUBFILE, OLD_SUBFILE, BITS, COMPRESSION, PHOTOMETRIC, SAMPLES}
    | {MAX_SAMPLE, SUB_DIRECTORIES, SAMPLE_FORMAT, S_MAX_SAMPLE, DNG_VERSION}
)
INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
MOST_VALUES, MOST_ENTRIES, MOST_PAGES = 64, 1 << 16, 64
WHITE_IS_ZERO, BLACK_IS_ZERO = 0, 1
COLOUR_FILTER_ARRAY, LINEAR_RAW = 32803, 34892  # photometric interpretations of raw data
RAW_COMPRESSIONS = frozenset({32767, 34713, 65535})  # of Sony, Nikon and Pentax
RAW_SIGNATURE_AT, RAW_SIGNATURE = 8, b"CR\x02"  # Canon
REDUCED, MASK, OLD_REDUCED = 1, 4, 2  # bits of NewSubfileType, value of SubfileType
SIGNED, FLOATING = 2, 3  # sample formats; 1 is unsigned, 4 is not told
WHITES_OF_SENSORS = (1023, 4095, 16383)  # 10, 12 and 14 bits in words of 16
RAW = "a camera's raw file (DNG, NEF, CR2 or alike): develop it and save it as PNG or TIFF"


def tiff_pages(content: bytes) -> list[Tags]:
    """Tags of the pages, no more than MOST_PAGES. Raises InputError where a page lies outside the file."""
    order = "<" if content.startswith(b"II") else ">"
    (version,) = struct.unpack_from(order + "H", content, 2)
    big = version == 43
    (at,) = struct.unpack_from(order + ("Q" if big else "I"), content, 8 if big else 4)
    pages: list[Tags] = []
    seen = set()
    while at and at not in seen and len(pages) < MOST_PAGES:
        seen.add(at)
        try:
            tags, at = _directory(content, order, at, big)
        except struct.error as e:
            raise InputError("the TIFF is cut or damaged: a page lies outside the file") from e
        pages.append(tags)
    return pages


def _directory(content: bytes, order: str, at: int, big: bool) -> tuple[Tags, int]:
    """Wanted tags of one page, and where the next page lies (0: nowhere). Raises struct.error outside the file."""
    count, layout, offset = ("Q", "HHQQ", "Q") if big else ("H", "HHII", "I")
    (entries,) = struct.unpack_from(order + count, content, at)
    first, entry_bytes = at + struct.calcsize(count), struct.calcsize("<" + layout)
    if entries > MOST_ENTRIES:
        raise struct.error
    tags: dict[int, tuple[int, ...]] = {}
    for entry_at in range(first, first + entries * entry_bytes, entry_bytes):
        tag, kind, number, where = struct.unpack_from(order + layout, content, entry_at)
        if tag in WANTED and kind in INTEGERS and number > 0:
            values = f"{order}{min(number, MOST_VALUES)}{INTEGERS[kind]}"
            inline = number * struct.calcsize(INTEGERS[kind]) <= struct.calcsize(offset)
            start = entry_at + entry_bytes - struct.calcsize(offset) if inline else where
            tags[tag] = struct.unpack_from(values, content, start)
    (following,) = struct.unpack_from(order + offset, content, first + entries * entry_bytes)
    return tags, following


def check_tiff(content: bytes) -> Tags:
    """Check that a TIFF is one picture of a kind that is read; returns the tags of its first page.

    Raises InputError with the name of what it is, and how to save it. Further pages may be thumbnails or masks.
    """
    pages = tiff_pages(content)
    if not pages:
        raise InputError("the TIFF holds no picture")
    first, *others = pages
    if _is_raw(content, first):
        raise InputError(RAW)
    if is_reduced(first):
        raise InputError("the TIFF's first page is a thumbnail or a mask: save the picture alone, as PNG or TIFF")
    full = 1 + sum(not is_reduced(page) for page in others)
    if full > 1:
        raise InputError(
            f"several pages or frames ({full}): which one was meant? Save the one to be inspected as PNG or TIFF"
        )
    _check_samples(first)
    return first


def is_reduced(tags: Tags) -> bool:
    """True for a page that is a thumbnail or a mask of another."""
    return bool(_one(tags, SUBFILE, 0) & (REDUCED | MASK)) or _one(tags, OLD_SUBFILE, 1) == OLD_REDUCED


def white_of_sensor(tags: Tags, largest: int) -> int | None:
    """Largest grey of a sensor by the file's own tags, if `largest` of this picture does not exceed it.

    Another value of the tag may be this picture's own maximum, which tells nothing.
    """
    stated = max(tags.get(MAX_SAMPLE, (0,)) + tags.get(S_MAX_SAMPLE, (0,)))
    return stated if stated in WHITES_OF_SENSORS and largest <= stated else None


def depth(tags: Tags) -> int:
    """Bits of a sample; 0 without tags."""
    return max(tags.get(BITS, (1,))) if tags else 0


def is_white_zero(tags: Tags) -> bool:
    """True where the value 0 is white."""
    return _one(tags, PHOTOMETRIC, 1) == WHITE_IS_ZERO


def with_black_as_zero(content: bytes, tags: Tags) -> bytes:
    """Copy of a deep grey TIFF that says that 0 is black, since Pillow reads few kinds of the other; values stay."""
    if not is_white_zero(tags) or not 8 < depth(tags) <= 16 or _one(tags, SAMPLES, 1) != 1:
        return content
    order = "<" if content.startswith(b"II") else ">"
    big = struct.unpack_from(order + "H", content, 2)[0] == 43
    (at,) = struct.unpack_from(order + ("Q" if big else "I"), content, 8 if big else 4)
    count, entry_bytes, value_at = ("Q", 20, 12) if big else ("H", 12, 8)
    (entries,) = struct.unpack_from(order + count, content, at)
    first = at + struct.calcsize(count)
    changed = bytearray(content)
    for entry_at in range(first, first + entries * entry_bytes, entry_bytes):
        if struct.unpack_from(order + "H", content, entry_at)[0] == PHOTOMETRIC:
            struct.pack_into(order + "H", changed, entry_at + value_at, BLACK_IS_ZERO)
    return bytes(changed)


def _is_raw(content: bytes, first: Tags) -> bool:
    mosaic = _one(first, PHOTOMETRIC, 0) in (COLOUR_FILTER_ARRAY, LINEAR_RAW)
    packed = _one(first, COMPRESSION, 1) in RAW_COMPRESSIONS
    preview = is_reduced(first) and SUB_DIRECTORIES in first
    canon = content.startswith(RAW_SIGNATURE, RAW_SIGNATURE_AT)
    return mosaic or packed or preview or canon or DNG_VERSION in first


def _check_samples(tags: Tags) -> None:
    bits = max(tags.get(BITS, (1,)))
    formats = tags.get(SAMPLE_FORMAT, (1,))
    if SIGNED in formats:
        raise InputError(f"signed {bits}-bit pixels: save the picture unsigned, with 8 or 16 bits")
    if FLOATING in formats:
        raise InputError(f"floating-point {bits}-bit pixels: save the picture with 8 or 16 bits")
    if any(form not in (1, 4) for form in formats):
        raise InputError("pixels of complex numbers: save the picture with 8 or 16 bits")
    if bits > 16:
        raise InputError(f"{bits}-bit pixels: save the picture with 8 or 16 bits")


def unread(tags: Tags) -> str:
    """Sentence about a TIFF that no decoder here reads."""
    bits = ", ".join(str(depth) for depth in sorted(set(tags.get(BITS, (1,)))))
    what = f"{bits} bits a sample, {_one(tags, SAMPLES, 1)} samples a pixel, compression {_one(tags, COMPRESSION, 1)}"
    return f"a TIFF of a kind that no decoder here reads ({what}): save it with 8 or 16 bits, uncompressed or as PNG"


def _one(tags: Tags, tag: int, default: int) -> int:
    return tags.get(tag, (default,))[0]
