"""Camera files: what is a whole plain picture is read as it is seen; everything else is refused by name."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageOps

from inspect_ai.domain import StudyRef
from inspect_ai.ingest import DecoderPool, discover, load
from tests.ingest.conftest import SETTINGS, Given
from tests.support.pictures import grey_tiff, moving

Ingest = Callable[[Path], Given]


def ramp(dtype: type = np.uint8, factor: int = 1) -> np.ndarray:
    return (np.add.outer(np.arange(48) * 2, np.arange(64)) * factor).astype(dtype)


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "no_ending"])
def test_lossless_formats_keep_every_pixel(tmp_path: Path, ingest: Ingest, name: str) -> None:
    Pillow.fromarray(ramp()).save(tmp_path / name, format=None if "." in name else "PNG")

    (study,) = ingest(tmp_path).studies

    assert np.array_equal(study.images[0].pixels, ramp())


def test_sixteen_bits_are_scaled_by_their_depth(tmp_path: Path, ingest: Ingest) -> None:
    cv2.imwrite(str(tmp_path / "deep.png"), ramp(np.uint16, 400))

    image = ingest(tmp_path).studies[0].images[0]

    assert image.white == 65535
    assert np.array_equal(image.pixels, ramp(np.uint16, 400))


@pytest.mark.parametrize(
    ("pixels", "tags", "white", "inverted"),
    [
        (ramp(np.uint16, 400), {}, 65535, False),
        (ramp(np.uint16, 400), {262: 0}, 65535, True),  # WhiteIsZero
        (ramp(np.uint16, 25), {281: 4095}, 4095, False),  # MaxSampleValue: 12 bits in words of 16
        (ramp(np.uint16, 25), {281: 4095, 262: 0}, 4095, True),
        (ramp(np.uint16, 100), {281: 15700}, 65535, False),  # the largest value of this picture says nothing of others
        (ramp(np.uint16, 400), {281: 4095}, 65535, False),  # a lie: there are larger values
    ],
)
def test_a_deep_tiff_is_as_bright_as_its_tags_say(
    tmp_path: Path, ingest: Ingest, pixels: np.ndarray, tags: dict[int, int], white: int, inverted: bool
) -> None:
    (tmp_path / "deep.tif").write_bytes(grey_tiff(pixels.tobytes(), pixels.shape, bits=16, tags=tags))

    image = ingest(tmp_path).studies[0].images[0]

    assert image.white == white
    assert np.array_equal(image.pixels, white - pixels if inverted else pixels)


def test_a_tiff_of_packed_twelve_bits_is_scaled_by_its_depth(tmp_path: Path, ingest: Ingest) -> None:
    pixels = ramp(np.uint16, 25)
    left, right = pixels[:, 0::2], pixels[:, 1::2]
    packed = np.dstack([left >> 4, (left & 15) << 4 | right >> 8, right & 255]).astype(np.uint8)
    (tmp_path / "packed.tif").write_bytes(grey_tiff(packed.tobytes(), pixels.shape, bits=12))

    image = ingest(tmp_path).studies[0].images[0]

    assert image.white == 4095
    assert np.array_equal(image.pixels, pixels)


def test_exif_orientation_is_applied_once(tmp_path: Path, ingest: Ingest) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    Pillow.fromarray(ramp()).save(tmp_path / "turned.jpg", exif=exif, quality=95)

    image = ingest(tmp_path).studies[0].images[0]

    assert image.pixels.shape == (64, 48)
    assert image.pixels[0, 0] > image.pixels[0, -1]  # the left column of a turned ramp came from its bottom row


def test_palettes_become_colours_and_opaque_alpha_is_dropped(tmp_path: Path, ingest: Ingest) -> None:
    colour = np.dstack([ramp(), ramp()[::-1], ramp()])
    Pillow.fromarray(colour).quantize(256).save(tmp_path / "palette.png")
    Pillow.fromarray(np.dstack([colour, np.full((48, 64), 255, np.uint8)])).save(tmp_path / "opaque.png")

    shapes = {s.ref.key: s.images[0].pixels.shape for s in ingest(tmp_path).studies}

    assert shapes == {"palette.png": (48, 64, 3), "opaque.png": (48, 64, 3)}


@pytest.mark.parametrize(
    ("name", "make", "word"),
    [
        ("cmyk.jpg", lambda p: Pillow.fromarray(ramp()).convert("CMYK").save(p), "CMYK"),
        ("clear.png", lambda p: Pillow.fromarray(np.zeros((48, 64, 4), np.uint8)).save(p), "transparent"),
        ("float.tif", lambda p: Pillow.fromarray(ramp().astype(np.float32)).save(p), "32-bit"),
        ("move.gif", lambda p: p.write_bytes(moving("GIF")), "animated GIF"),
        ("move.webp", lambda p: p.write_bytes(moving("WEBP")), "animated WEBP"),
        ("move.avif", lambda p: p.write_bytes(moving("AVIF")), "animated AVIF"),
        (
            "pages.tif",
            lambda p: Pillow.fromarray(ramp()).save(p, save_all=True, append_images=[Pillow.fromarray(ramp())]),
            "several pages",
        ),
        ("page.jpg", lambda p: p.write_text("<!doctype html><b>"), "markup"),
        ("notes.txt", lambda p: p.write_text("remember the light"), "text"),
        ("empty.png", lambda p: p.touch(), "empty"),
        ("being_written.png.part", lambda p: p.write_bytes(b"\x89PNG"), "temporary"),
    ],
)
def test_what_is_no_plain_picture_is_refused_by_name(
    tmp_path: Path, ingest: Ingest, name: str, make: Callable[[Path], object], word: str
) -> None:
    make(tmp_path / name)

    given = ingest(tmp_path)

    assert given.readable == []
    assert word in given.rejections[0].reason


@pytest.mark.parametrize("name", ["cut.png", "cut.jpg", "cut.bmp"])
def test_a_cut_picture_is_refused(tmp_path: Path, ingest: Ingest, name: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 200), dtype=np.uint8)
    path = tmp_path / name
    Pillow.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])

    given = ingest(tmp_path)

    assert given.readable == []
    assert len(given.rejections) == 1


def test_a_link_out_of_the_folder_a_pipe_and_a_loop_are_named_and_not_followed(tmp_path: Path, ingest: Ingest) -> None:
    import os

    root = tmp_path / "root"
    root.mkdir()
    Pillow.fromarray(ramp()).save(root / "good.png")
    Pillow.fromarray(ramp()).save(tmp_path / "outside.png")
    (root / "leak.png").symlink_to(tmp_path / "outside.png")
    (root / "again").symlink_to(".", target_is_directory=True)
    os.mkfifo(root / "pipe.png")

    given = ingest(root)

    assert [s.ref.key for s in given.studies] == ["good.png"]
    assert sorted(r.file for r in given.rejections) == ["leak.png", "pipe.png"]


def test_colour_of_sixteen_bits_keeps_its_low_byte(tmp_path: Path, ingest: Ingest) -> None:
    colour = np.dstack([ramp(np.uint16, 301), ramp(np.uint16, 200), ramp(np.uint16, 100)])
    cv2.imwrite(str(tmp_path / "deep.png"), colour[..., ::-1])  # OpenCV writes blue first

    image = ingest(tmp_path).studies[0].images[0]

    assert image.white == 65535
    assert np.array_equal(image.pixels, colour)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_stands_upright(tmp_path: Path, ingest: Ingest, orientation: int) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    Pillow.fromarray(ramp()).save(tmp_path / "turned.jpg", exif=exif, quality=95)

    image = ingest(tmp_path).studies[0].images[0]

    upright = ImageOps.exif_transpose(Pillow.open(tmp_path / "turned.jpg"))
    assert np.array_equal(image.pixels, np.asarray(upright))


def noisy_jpeg() -> bytes:
    noise = np.random.default_rng(0).integers(0, 255, (200, 200), dtype=np.uint8)
    return cv2.imencode(".jpg", noise)[1].tobytes()


@pytest.mark.parametrize(
    "damage",
    [
        lambda c: c[: len(c) // 2] + b"\xff\xd9",  # cut, and an end put on
        lambda c: c[: len(c) // 2] + c[len(c) // 2 + 500 :],  # a packet that was lost
        lambda c: c[:-2],  # all but its end
    ],
)
def test_a_jpeg_whose_scan_is_damaged_is_refused(
    tmp_path: Path, ingest: Ingest, damage: Callable[[bytes], bytes]
) -> None:
    (tmp_path / "x.jpg").write_bytes(damage(noisy_jpeg()))

    given = ingest(tmp_path)

    assert given.readable == []
    assert len(given.rejections) == 1


def test_a_png_without_its_end_is_refused(tmp_path: Path, ingest: Ingest) -> None:
    path = tmp_path / "cut.png"
    Pillow.fromarray(ramp()).save(path)
    path.write_bytes(path.read_bytes()[:-12])

    assert "end is missing" in ingest(tmp_path).rejections[0].reason


def test_a_file_that_changes_between_two_looks_is_not_decided_under_the_first_ones_digest(
    tmp_path: Path, pool: DecoderPool
) -> None:
    path = tmp_path / "part.png"
    Pillow.fromarray(ramp()).save(path)
    (ref,) = discover(tmp_path, settings=SETTINGS, pool=pool)
    assert isinstance(ref, StudyRef)

    Pillow.fromarray(ramp()[::-1]).save(path)

    study = load(tmp_path, ref, SETTINGS)
    assert study.images == ()
    assert "changed" in study.rejections[0].reason


def test_a_linked_folder_outside_the_root_is_named(tmp_path: Path, ingest: Ingest) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "more").symlink_to(tmp_path / "elsewhere", target_is_directory=True)

    assert [r.file for r in ingest(tmp_path / "root").rejections] == ["more"]
