"""Formats that cameras and programs save besides PNG, JPEG, BMP and plain TIFF: right greys, or refused by name."""

import io
import struct
from collections.abc import Callable
from contextlib import suppress

import cv2
import numpy as np
import pytest
from openjpeg.utils import encode_array
from PIL import Image as Pillow

from inspect_ai.errors import InputError
from inspect_ai.ingest.camera import read_picture
from inspect_ai.ingest.completeness import ends_early
from tests.support.pictures import encoded, grey_tiff, noise

LIMIT = 1 << 20
GREY = (np.add.outer(np.arange(48) * 2, np.arange(64)) * 25).astype(np.uint16)  # [48, 64], 12 bits
BYTE = (GREY >> 4).astype(np.uint8)
COLOUR = np.dstack([BYTE, BYTE[::-1], BYTE[:, ::-1]])


def read(content: bytes, max_pixels: int = LIMIT) -> tuple[np.ndarray, int]:
    image, _ = read_picture(content, max_pixels)
    return image.pixels, image.white


def pnm(kind: int, pixels: np.ndarray, white: int, comment: bytes = b"") -> bytes:
    height, width = pixels.shape[:2]
    head = b"P%d\n%b%d %d\n%d\n" % (kind, comment, width, height, white)
    if kind < 4:
        return head + b"\n".join(b"%d" % value for value in pixels.reshape(-1)) + b"\n"
    return head + pixels.astype(">u2" if white > 255 else np.uint8).tobytes()


@pytest.mark.parametrize("kind", [2, 5])
@pytest.mark.parametrize(
    ("pixels", "white"),
    [(BYTE, 255), (BYTE // 3, 99), (GREY >> 2, 1023), (GREY, 4095), (GREY << 2, 16383), (GREY << 4, 65535)],
)
def test_a_pgm_keeps_its_values_and_is_as_bright_as_its_largest_grey_says(
    kind: int, pixels: np.ndarray, white: int
) -> None:
    found, full = read(pnm(kind, pixels, white, comment=b"# made by a camera\n"))

    assert full == white
    assert found.dtype == (np.uint8 if white < 256 else np.uint16)
    assert np.array_equal(found, pixels)


@pytest.mark.parametrize("kind", [3, 6])
@pytest.mark.parametrize(("pixels", "white"), [(COLOUR, 255), (COLOUR.astype(np.uint16) * 16, 4095)])
def test_a_ppm_keeps_its_colours(kind: int, pixels: np.ndarray, white: int) -> None:
    found, full = read(pnm(kind, pixels, white))

    assert full == white
    assert np.array_equal(found, pixels)


@pytest.mark.parametrize("content", [b"P1\n3 2\n010\n110\n", b"P1 3 2 0 1 0 1 1 0", b"P4\n3 2\n\x40\xc0"])
def test_a_one_in_a_bitmap_is_black(content: bytes) -> None:
    assert np.array_equal(read(content)[0], [[255, 0, 255], [0, 0, 255]])


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"P5\n8 8\n70000\n" + bytes(128), "largest grey of 70000"),
        (b"P5\n8 8\n0\n" + bytes(64), "largest grey of 0"),
        (b"P5\n0 8\n255\n" + bytes(64), "size"),
        (pnm(5, BYTE, 99), "above the largest"),
        (pnm(5, BYTE, 255) * 2, "several pictures"),
        (b"P2\n2 2\n255\n1 2 three 4 5", "other text"),
        (b"P1\n2 2\n0 2 1 3 0 1 x", ""),
        (b"P5\n2000 2000\n255\n" + bytes(4_000_000), "2000 x 2000 pixels are more than the limit"),
    ],
)
def test_a_pnm_that_makes_no_sense_is_refused_by_name(content: bytes, word: str) -> None:
    if word:
        with pytest.raises(InputError, match=word):
            read(content)
    else:
        assert read(content)[0].shape == (2, 2)  # other characters stand between ones and zeros


@pytest.mark.parametrize("depth", [8, 10, 12, 16])
@pytest.mark.parametrize("wrapped", [0, 1])
def test_a_grey_jpeg_2000_keeps_its_values_at_its_own_depth(depth: int, wrapped: int) -> None:
    pixels = (GREY << 4 >> (16 - depth)).astype(np.uint8 if depth == 8 else np.uint16)

    found, white = read(encode_array(pixels, bits_stored=depth, codec_format=wrapped))

    assert white == (1 << depth) - 1
    assert np.array_equal(found, pixels)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (
            encode_array(np.dstack([GREY << 4] * 3), bits_stored=16, photometric_interpretation=1),
            "3 samples with 16 bits",
        ),
        (encode_array(GREY.astype(np.int16) - 1000, bits_stored=13), "signed"),
    ],
)
def test_a_jpeg_2000_that_the_decoder_would_change_is_refused(content: bytes, word: str) -> None:
    with pytest.raises(InputError, match=word):
        read(content)


@pytest.mark.parametrize("kind", ["WEBP", "JPEG2000", "GIF"])
def test_formats_that_can_lose_nothing_lose_nothing(kind: str) -> None:
    out = io.BytesIO()
    Pillow.fromarray(BYTE).convert("RGB" if kind == "WEBP" else "L").save(
        out, kind, **({"lossless": True} if kind == "WEBP" else {})
    )

    found, white = read(out.getvalue())

    assert white == 255
    assert np.array_equal(found if found.ndim == 2 else found[..., 1], BYTE)


@pytest.mark.parametrize(
    ("kind", "options", "lossy"),
    [
        ("WEBP", {"lossless": True}, False), ("WEBP", {}, True), ("AVIF", {}, True), ("GIF", {}, False),
        ("JPEG2000", {}, False), ("JPEG2000", {"irreversible": True}, True), ("PNG", {}, False), ("JPEG", {}, True),
    ],
)  # fmt: skip
def test_a_picture_says_whether_it_lost_something_and_which_decoder_read_it(
    kind: str, options: dict[str, object], lossy: bool
) -> None:
    image, decoder = read_picture(encoded(kind, **options), LIMIT)

    assert image.lossy == lossy
    assert any(part[0].isdigit() for part in decoder.split())


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
def test_a_turned_picture_stands_upright(kind: str, orientation: int) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    Pillow.fromarray(COLOUR).save(out, kind, exif=exif, quality=100)
    plain = io.BytesIO()
    Pillow.fromarray(COLOUR).save(plain, kind, quality=100)
    turns = {1: 0, 3: 2, 6: 3, 8: 1}[orientation]

    assert np.array_equal(read(out.getvalue())[0], np.rot90(read(plain.getvalue())[0], turns))


def test_a_webp_that_announces_too_many_pixels_is_refused_before_a_decoder_sees_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = bytearray(encoded("WEBP"))
    whole[26:30] = struct.pack("<HH", 16000, 16000)
    monkeypatch.setattr(Pillow, "open", lambda *_, **__: pytest.fail("a decoder was asked"))

    with pytest.raises(InputError, match="16000 x 16000 pixels are more than the limit"):
        read(bytes(whole))


@pytest.mark.parametrize("kind", ["GIF", "AVIF", "JPEG2000", "TIFF", "PNG", "BMP"])
def test_every_format_obeys_the_limit_of_pixels(kind: str) -> None:
    with pytest.raises(InputError, match="50 x 40 pixels are more than the limit of 1999"):
        read(encoded(kind), 1999)


def test_an_avif_of_more_than_eight_bits_is_refused() -> None:
    whole = bytearray(encoded("AVIF"))
    whole[whole.index(b"av1C") + 6] |= 0x40

    with pytest.raises(InputError, match="more than 8 bits"):
        read(bytes(whole))


def test_a_gif_whose_frame_leaves_a_border_is_refused() -> None:
    whole = bytearray(encoded("GIF"))
    whole[6:10] = struct.pack("<HH", 60, 60)

    with pytest.raises(InputError, match="does not fill"):
        read(bytes(whole))


def tiff(pixels: np.ndarray = GREY, *, bits: int = 16, **tags: int) -> bytes:
    """A grey TIFF; tags as t281=4095."""
    return grey_tiff(pixels.tobytes(), pixels.shape, bits=bits, tags={int(k[1:]): v for k, v in tags.items()})


def packed(pixels: np.ndarray) -> np.ndarray:
    """Two samples of 12 bits in three bytes."""
    left, right = pixels[:, 0::2], pixels[:, 1::2]
    return np.dstack([left >> 4, (left & 15) << 4 | right >> 8, right & 255]).astype(np.uint8)


@pytest.mark.parametrize("tag", ["t281", "t341"])
def test_twelve_bits_in_words_of_sixteen_are_as_bright_as_their_own_tag_says(tag: str) -> None:
    found, white = read(tiff(GREY, **{tag: 4095}))

    assert white == 4095
    assert np.array_equal(found, GREY)


def test_colour_of_twelve_bits_in_words_of_sixteen_is_as_bright_as_its_own_tag_says() -> None:
    colour = np.dstack([GREY, GREY[::-1], GREY // 2])
    entries = {256: 64, 257: 48, 258: 0, 259: 1, 262: 2, 273: 8, 277: 3, 278: 48, 279: colour.nbytes, 281: 4095}
    bits_at = 8 + colour.nbytes
    directory = struct.pack("<H", len(entries))
    for tag, value in entries.items():
        number, kind = (3, 3) if tag == 258 else (1, 4 if tag in (273, 279) else 3)
        directory += struct.pack("<HHII", tag, kind, number, bits_at if tag == 258 else value)
    head = struct.pack("<2sHI", b"II", 42, bits_at + 6) + colour.tobytes() + struct.pack("<3H", 16, 16, 16)

    found, white = read(head + directory + bytes(4))

    assert white == 4095
    assert np.array_equal(found, colour)


def test_packed_twelve_bits_with_white_as_zero_are_inverted() -> None:
    content = grey_tiff(packed(4095 - GREY).tobytes(), GREY.shape, bits=12, tags={262: 0})

    found, white = read(content)

    assert white == 4095
    assert np.array_equal(found, GREY)


@pytest.mark.parametrize("order", ["<", ">"])
def test_sixteen_bits_with_white_as_zero_are_inverted_in_both_byte_orders(order: str) -> None:
    stored = (65535 - (GREY << 4)).astype(order + "u2")
    content = stored.tobytes()
    entries = {256: 64, 257: 48, 258: 16, 259: 1, 262: 0, 273: 8, 277: 1, 278: 48, 279: len(content)}
    directory = struct.pack(order + "H", len(entries))
    for tag, value in entries.items():
        kind, layout = (4, "HHII") if tag in (273, 279) else (3, "HHIHxx")
        directory += struct.pack(order + layout, tag, kind, 1, value)
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8 + len(content))

    found, white = read(head + content + directory + bytes(4))

    assert white == 65535
    assert np.array_equal(found, GREY << 4)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (lambda: tiff(GREY), "10 or 12 bits without a tag"),
        (lambda: tiff(GREY, t262=0), "10 or 12 bits without a tag"),
        (lambda: cv2.imencode(".png", GREY)[1].tobytes(), "10 or 12 bits without a tag"),
        (lambda: cv2.imencode(".png", np.dstack([GREY] * 3))[1].tobytes(), "10 or 12 bits without a tag"),
        (lambda: pnm(5, GREY, 65535), "10 or 12 bits without a tag"),
        (lambda: cv2.imencode(".tif", np.dstack([GREY] * 3))[1].tobytes(), "10 or 12 bits without a tag"),
        (lambda: encode_array(GREY, bits_stored=16), "10 or 12 bits without a tag"),
        (lambda: tiff(GREY.astype(np.int16), t339=2), "signed 16-bit"),
        (lambda: tiff(BYTE, bits=8, t339=2), "signed 8-bit"),
        (lambda: tiff(GREY.view(np.float16), t339=3), "floating-point"),
        (lambda: tiff(BYTE.astype(np.float32), bits=32, t339=3), "floating-point"),
        (lambda: tiff(BYTE.astype(np.uint32), bits=32), "32-bit"),
        (lambda: tiff(BYTE, bits=10), "10 bits a sample"),
        (lambda: tiff(GREY, t262=32803), "raw file"),
        (lambda: tiff(GREY, t50706=1), "raw file"),
        (lambda: tiff(GREY, t259=34713), "raw file"),
        (lambda: tiff(GREY, t254=1), "thumbnail"),
        (lambda: b"II*\0\x10\0\0\0CR\x02\0" + tiff(GREY)[12:], "raw file|cut"),
    ],
)
def test_a_deep_picture_without_right_greys_is_refused_by_name(content: Callable[[], bytes], word: str) -> None:
    with pytest.raises(InputError, match=word):
        read(content())


def pages(*kinds: int | None) -> bytes:
    """A TIFF of several pages, each darker than the one before; kinds: their NewSubfileType."""
    out = io.BytesIO()
    images = []
    for number, _ in enumerate(kinds):
        image = Pillow.fromarray(BYTE // (number + 1))
        images.append(image)
    images[0].save(out, "TIFF", save_all=True, append_images=images[1:], tiffinfo={254: kinds[0] or 0})
    content = bytearray(out.getvalue())
    (at,) = struct.unpack_from("<I", content, 4)
    for kind in kinds:  # Pillow writes the first page's tags into all
        (count,) = struct.unpack_from("<H", content, at)
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            if struct.unpack_from("<H", content, entry)[0] == 254:
                struct.pack_into("<I", content, entry + 8, kind or 0)
        (at,) = struct.unpack_from("<I", content, at + 2 + 12 * count)
    return bytes(content)


def test_of_pages_the_full_one_is_read_where_all_others_are_thumbnails_or_masks() -> None:
    assert np.array_equal(read(pages(0, 1, 4))[0], BYTE)


@pytest.mark.parametrize("kinds", [(0, 0), (0, 1, 0), (0, 2)])
def test_of_several_full_pages_none_is_chosen(kinds: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="several pages"):
        read(pages(*kinds))


def test_a_page_outside_the_file_is_a_cut() -> None:
    content = bytearray(tiff(BYTE, bits=8))
    content[-4:] = struct.pack("<I", 1 << 30)

    with pytest.raises(InputError, match="a page lies outside"):
        read(bytes(content))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "GIF", "JPEG2000", "PPM", "TIFF"])
def test_damaged_bytes_are_read_or_refused_in_a_sentence(kind: str, seed: int) -> None:
    whole = encoded(kind)
    random = np.random.default_rng(seed)
    for _ in range(40):
        damaged = bytearray(whole)
        for at in random.integers(0, min(len(whole), 300), 3):
            damaged[at] = random.integers(256)
        with suppress(InputError):
            assert read(bytes(damaged[: random.integers(1, len(whole))]))[0].size <= 3 * LIMIT


def test_formats_of_boxes_end_early_where_a_box_is_missing() -> None:
    head = b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf"

    assert ends_early(io.BytesIO(head), "AVIF")
    assert ends_early(io.BytesIO(b"RIFF\0\0\0\0WEBP" + bytes(100)), "WebP")


def test_noise_in_every_format_is_the_same_picture() -> None:
    for kind, options in (("WEBP", {"lossless": True}), ("JPEG2000", {}), ("PPM", {}), ("TIFF", {}), ("BMP", {})):
        assert np.array_equal(read(encoded(kind, **options))[0], noise()), kind
