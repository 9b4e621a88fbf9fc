"""Completeness: a picture's file is whole, or ends before its format says."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from inspect_ai.ingest.completeness import JPEG_BLOCK_BYTES, TIFF_MOST_ENTRIES, ends_early
from inspect_ai.ingest.formats import format_of
from tests.support.pictures import bigtiff, encoded, noise


def text_ppm() -> bytes:
    """Text of greys, with a comment."""
    greys = noise()
    return b"P3\n# by hand\n50 40 255\n" + b"\n".join(b"%d %d %d" % tuple(p) for p in greys.reshape(-1, 3)) + b"\n"


WHOLE = {
    "png": encoded("PNG"),
    "jpeg": encoded("JPEG"),
    "progressive jpeg": encoded("JPEG", progressive=True),
    "jpeg with restart markers": encoded("JPEG", restart_marker_blocks=1),
    "bmp": encoded("BMP"),
    "tiff": encoded("TIFF"),
    "lzw tiff": encoded("TIFF", compression="tiff_lzw"),
    "bigtiff": bigtiff(),
    "tiled bigtiff": bigtiff(tiled=True),
    "motorola bigtiff": bigtiff(order=">"),
    "pillow bigtiff": encoded("TIFF", big_tiff=True),
    "gif": encoded("GIF"),
    "webp": encoded("WEBP"),
    "lossless webp": encoded("WEBP", lossless=True),
    "avif": encoded("AVIF"),
    "jp2": encoded("JPEG2000"),
    "bare jpeg 2000": encoded("JPEG2000", no_jp2=True),
    "ppm": encoded("PPM"),
    "text ppm": text_ppm(),
}


def is_cut(content: bytes) -> bool:
    return ends_early(io.BytesIO(content), format_of(content[:512]).name)


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_picture_is_whole(name: str) -> None:
    assert not is_cut(WHOLE[name])


@pytest.mark.parametrize("share", [0.02, 0.3, 0.66, 0.95])
@pytest.mark.parametrize("name", WHOLE)
def test_a_picture_cut_anywhere_ends_early(name: str, share: float) -> None:
    whole = WHOLE[name]

    assert is_cut(whole[: max(8, int(len(whole) * share))])


@pytest.mark.parametrize("name", WHOLE)
def test_a_picture_that_lacks_its_last_two_bytes_ends_early(name: str) -> None:
    # TIFF may end in bytes that no strip needs (padding, tags); then every pixel is there. Text may end in a digit.
    assert is_cut(WHOLE[name][:-2]) or name in ("tiff", "lzw tiff", "pillow bigtiff", "text ppm")


@pytest.mark.parametrize("name", ["bigtiff", "tiled bigtiff", "motorola bigtiff"])
def test_a_bigtiff_that_lacks_its_last_pixel_ends_early(name: str) -> None:
    assert is_cut(WHOLE[name][:-1])


def test_a_tiff_whose_directory_is_not_written_yet_ends_early() -> None:
    pixels = bytes(1 << 20)

    assert is_cut(b"II*\0" + struct.pack("<I", 0) + pixels)
    assert is_cut(b"II+\0" + struct.pack("<HHQ", 8, 0, 0) + pixels)


def test_a_thumbnail_does_not_make_a_cut_jpeg_whole() -> None:
    thumbnail = encoded("JPEG")
    segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    whole = WHOLE["jpeg"][:2] + segment + WHOLE["jpeg"][2:]

    assert is_cut(whole[:-300])
    assert not is_cut(whole)


def test_a_jpeg_of_several_pictures_is_whole_with_its_last_one() -> None:
    out = io.BytesIO()
    first, second = Image.fromarray(noise()), Image.fromarray(noise()[::-1])
    first.save(out, "MPO", save_all=True, append_images=[second])

    assert not is_cut(out.getvalue())
    assert is_cut(out.getvalue()[:-300])


def test_bytes_after_the_end_of_a_jpeg_are_no_part_of_it() -> None:
    assert not is_cut(WHOLE["jpeg"] + bytes(100) + b"\xff\xda maker's notes")


@pytest.mark.parametrize("shift", [-1, 0, 1])
def test_a_marker_that_lies_across_two_blocks_of_reading_is_found(shift: int) -> None:
    whole = WHOLE["jpeg"]
    segment = whole.rindex(b"\xff\xda") + 2
    scan = segment + int.from_bytes(whole[segment : segment + 2], "big")  # reading in blocks begins there
    padding = JPEG_BLOCK_BYTES - 1 + shift - (len(whole) - 2 - scan)  # moves the end marker's first byte to a border
    data = whole[:-2] + b"\x11" * padding + whole[-2:]

    assert not is_cut(data)
    assert is_cut(data[:-1])


@pytest.mark.parametrize("announced", [0, 54, 1 << 30])
def test_a_bmp_is_judged_by_its_rows_of_pixels_where_writers_get_its_file_size_wrong(announced: int) -> None:
    whole = WHOLE["bmp"][:2] + struct.pack("<I", announced) + WHOLE["bmp"][6:]

    assert not is_cut(whole)
    assert is_cut(whole[:-1])


def test_a_bmp_that_is_compressed_is_judged_by_its_file_size() -> None:
    pixels = b"\x08\x00" * 8 + b"\x00\x01"
    palette = np.repeat(np.arange(256, dtype=np.uint8), 4).tobytes()
    size = 54 + len(palette) + len(pixels)
    head = struct.pack("<2sIIIIiiHHIIiiII", b"BM", size, 0, 54 + len(palette), 40, 8, 8, 1, 8, 1, 0, 0, 0, 0, 0)
    whole = head + palette + pixels

    assert not is_cut(whole)
    assert is_cut(whole[:-1])


def test_a_hostile_directory_costs_neither_memory_nor_time() -> None:
    endless = struct.pack("<HHHQ", 43, 8, 0, 16) + struct.pack("<Q", 1 << 62)
    assert is_cut(b"II" + endless + bytes(100))
    many = struct.pack("<HHHQQ", 43, 8, 0, 16, TIFF_MOST_ENTRIES + 1) + bytes(20 * (TIFF_MOST_ENTRIES + 2))
    assert is_cut(b"II" + many)
    strip = struct.pack("<HHQQ", 273, 16, 1 << 61, 16) + struct.pack("<HHQQ", 279, 16, 1, (1 << 64) - 1)
    overflowing = b"II" + struct.pack("<HHHQ", 43, 8, 0, 16) + struct.pack("<Q", 2) + strip + bytes(100)
    assert not is_cut(overflowing)  # more strips than a picture can have: for the decoder to refuse
