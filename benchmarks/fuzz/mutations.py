"""Mutations of files, each from one seeded source of chance: bytes of any file, parts of DICOM and PNG files."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

Mutation: TypeAlias = Callable[[bytearray, random.Random], None]

HEADER_BYTES = 700  # most changes hit the first bytes of a file, where its structure is
IN_HEADER = 0.7
NUMBERS = (0, 1, 7, 255, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
TEXTS = (b"1e308", b"-1e308", b"NaN", b"inf", b"-0", b"1,5", b"0", b"9" * 40, b"\\" * 30, b"1\\2\\3\\4", b"\0" * 8,
         b"=cmd|' /C'!A0", b"../../../../etc/passwd", b"\x1b[2J\xff\xfe", b"a" * 5000)  # fmt: skip
LONG_VRS = (b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"SQ", b"UC", b"UR", b"UT", b"UN", b"SV", b"UV")
VRS = (*LONG_VRS, b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"FD", b"FL", b"IS", b"LO", b"PN", b"SH", b"SS", b"UI",
       b"UL", b"US", b"ZZ", b"\0\0")  # fmt: skip
PREAMBLE = 132
UNDEFINED = 0xFFFFFFFF
SEQUENCE_END = b"\xfe\xff\xdd\xe0\0\0\0\0"
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Element:
    """Place of one element of an explicit VR little endian data set: its tag, its value, its end."""

    at: int
    value_at: int
    end: int


def mutated(content: bytes, chance: random.Random) -> bytes:
    """Apply one to four mutations, mostly one or two: a file with many ends early, at its header."""
    data = bytearray(content)
    own = ELEMENT_WISE if content[128:PREAMBLE] == b"DICM" else CHUNK_WISE if content.startswith(PNG_SIGNATURE) else ()
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 4))):
        chance.choice([*BYTE_WISE, *own])(data, chance)
    if content.startswith(PNG_SIGNATURE) and chance.random() < 0.7:
        _sum_again(data)  # or every change of a PNG ends at its check sum
    return bytes(data)


def _place(data: bytearray, chance: random.Random) -> int:
    whole = len(data) if chance.random() > IN_HEADER else min(len(data), HEADER_BYTES)
    return chance.randrange(max(1, whole))


def flip_bits(data: bytearray, chance: random.Random) -> None:
    """Flip one to eight bits."""
    for _ in range(chance.randint(1, 8)):
        at = _place(data, chance)
        data[at : at + 1] = bytes(byte ^ 1 << chance.randrange(8) for byte in data[at : at + 1])


def truncate(data: bytearray, chance: random.Random) -> None:
    """Cut the end off."""
    del data[chance.randrange(max(1, len(data))) :]


def insert(data: bytearray, chance: random.Random) -> None:
    """Insert chance bytes, or bytes of the file itself."""
    at, size = _place(data, chance), chance.randint(1, 64)
    here = _place(data, chance)
    data[at:at] = chance.randbytes(size) if chance.random() < 0.5 else data[here : here + size]


def remove(data: bytearray, chance: random.Random) -> None:
    """Remove some bytes."""
    at = _place(data, chance)
    del data[at : at + chance.randint(1, 64)]


def put_number(data: bytearray, chance: random.Random) -> None:
    """Write a number at the edge of its type, of 2 or 4 bytes in either order: dimensions, lengths, offsets."""
    at, number, order = _place(data, chance), chance.choice(NUMBERS), chance.choice("<>")
    value = struct.pack(f"{order}H", number & 0xFFFF) if chance.random() < 0.5 else struct.pack(f"{order}I", number)
    data[at : at + len(value)] = value


def fill(data: bytearray, chance: random.Random) -> None:
    """Fill a run of bytes with one value."""
    at, size = _place(data, chance), chance.randint(1, 200)
    data[at : at + size] = bytes([chance.choice((0, 0xFF, 0x20, 0x41))]) * len(data[at : at + size])


def elements(data: bytearray) -> list[Element]:
    """Elements at the top of a DICOM file, up to what cannot be followed."""
    found, at = [], PREAMBLE
    while at + 8 <= len(data):
        long = bytes(data[at + 4 : at + 6]) in LONG_VRS
        if at + 12 > len(data):
            break
        value_at = at + (12 if long else 8)
        (length,) = struct.unpack_from("<I" if long else "<H", data, at + (8 if long else 6))
        end = data.find(SEQUENCE_END, value_at) + len(SEQUENCE_END) if length == UNDEFINED else value_at + length
        if end <= at or end > len(data):
            break
        found.append(Element(at, value_at, end))
        at = end
    return found


def _element(data: bytearray, chance: random.Random) -> Element | None:
    found = elements(data)
    return chance.choice(found) if found else None


def remove_element(data: bytearray, chance: random.Random) -> None:
    """Remove one element."""
    if (one := _element(data, chance)) is not None:
        del data[one.at : one.end]


def repeat_element(data: bytearray, chance: random.Random) -> None:
    """Write one element again, there or elsewhere."""
    one, other = _element(data, chance), _element(data, chance)
    if one is not None and other is not None:
        copy = bytes(data[one.at : one.end])
        data[other.end : other.end] = copy * chance.choice((1, 1, 2, 50))


def swap_tags(data: bytearray, chance: random.Random) -> None:
    """Swap the tags of two elements: values under another's name."""
    one, other = _element(data, chance), _element(data, chance)
    if one is not None and other is not None:
        tags = bytes(data[one.at : one.at + 4]), bytes(data[other.at : other.at + 4])
        data[one.at : one.at + 4], data[other.at : other.at + 4] = tags[1], tags[0]


def change_vr(data: bytearray, chance: random.Random) -> None:
    """Write another value representation."""
    if (one := _element(data, chance)) is not None:
        data[one.at + 4 : one.at + 6] = chance.choice(VRS)


def change_length(data: bytearray, chance: random.Random) -> None:
    """Write another length: none, odd, huge, undefined, one more, one less."""
    if (one := _element(data, chance)) is not None:
        long = one.value_at - one.at == 12
        old = one.end - one.value_at
        new = chance.choice((*NUMBERS, old + 1, old - 1, 2 * old)) & (UNDEFINED if long else 0xFFFF)
        struct.pack_into("<I" if long else "<H", data, one.at + (8 if long else 6), new)


def change_value(data: bytearray, chance: random.Random) -> None:
    """Write a value that a reader must not believe, with its right length."""
    one = _element(data, chance)
    if one is None or one.value_at - one.at == 12:
        return
    value = chance.choice(TEXTS)
    if chance.random() < 0.4:
        value = struct.pack("<H", chance.choice(NUMBERS) & 0xFFFF)
    value += b" " * (len(value) % 2)
    data[one.value_at : one.end] = value
    struct.pack_into("<H", data, one.at + 6, len(value))


def nest(data: bytearray, chance: random.Random) -> None:
    """Insert sequences in sequences."""
    if (one := _element(data, chance)) is not None:
        depth = chance.choice((1, 5, 60, 1_500))
        begin = b"\x40\x00\x75\x02SQ\0\0" + struct.pack("<I", UNDEFINED) + b"\xfe\xff\x00\xe0" + b"\xff" * 4
        end = b"\xfe\xff\x0d\xe0\0\0\0\0" + SEQUENCE_END
        data[one.at : one.at] = begin * depth + (end * depth if chance.random() < 0.7 else b"")


def chunks(data: bytearray) -> list[tuple[int, int]]:
    """Start and end of each chunk of a PNG, up to what cannot be followed."""
    found, at = [], len(PNG_SIGNATURE)
    while at + 12 <= len(data):
        end = at + 12 + int(struct.unpack_from(">I", data, at)[0])
        if end > len(data):
            break
        found.append((at, end))
        at = end
    return found


def change_chunks(data: bytearray, chance: random.Random) -> None:
    """Remove, repeat or exchange chunks."""
    found = chunks(data)
    if not found:
        return
    (at, end), (to, _) = chance.choice(found), chance.choice(found)
    copy = bytes(data[at:end])
    if chance.random() < 0.5:
        del data[at:end]
    if chance.random() < 0.7:
        data[to:to] = copy * chance.choice((1, 1, 30))


def _sum_again(data: bytearray) -> None:
    """Make the check sums of a PNG right."""
    for at, end in chunks(data):
        struct.pack_into(">I", data, end - 4, zlib.crc32(data[at + 4 : end - 4]))


BYTE_WISE: tuple[Mutation, ...] = (flip_bits, truncate, insert, remove, put_number, put_number, fill)
ELEMENT_WISE: tuple[Mutation, ...] = (
    remove_element, repeat_element, swap_tags, change_vr, change_length, change_value, change_value, nest
)  # fmt: skip
CHUNK_WISE: tuple[Mutation, ...] = (change_chunks,)
