"""Decoding of camera pictures: PNG, JPEG, BMP, TIFF and BigTIFF; 8 and 16 bit.

Any file but one single, whole, plain picture is refused with its reason.

The colour profile is ignored. Exif orientation is applied once, so rows and columns are those of the displayed picture.
Pillow checks every file; OpenCV decodes JPEG, since its libjpeg reports a damaged scan and Pillow's does not (the
pixels are the same), and colour PNG of 16 bits, of which Pillow drops the low byte.
"""

from __future__ import annotations

import warnings
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from inspect_ai.domain import Image, Pixels
from inspect_ai.errors import InputError
from inspect_ai.ingest import decoder_warnings
from inspect_ai.ingest.completeness import ends_early
from inspect_ai.ingest.formats import BIG_ENDIAN_BIGTIFF, HEAD_BYTES, PNG_SIGNATURE, format_of

if TYPE_CHECKING:
    from PIL import Image as Pillow

FORMATS = ("PNG", "JPEG", "BMP", "TIFF")
ORIENTATION = 0x0112  # Exif; the others are tags of TIFF 6.0
BITS_PER_SAMPLE, PHOTOMETRIC, MAX_SAMPLE_VALUE = 258, 262, 281
WHITE_IS_ZERO = 0
WHITES_OF_SENSORS = (1023, 4095, 16383)  # 10, 12 and 14 bits in words of 16


def read_picture(content: bytes, max_pixels: int) -> tuple[Image, str]:
    """Decode a picture whole; returns its decoder with version too. Raises InputError that names the fault."""
    import PIL
    from PIL import Image as Pillow
    from PIL import UnidentifiedImageError

    name = format_of(content[:HEAD_BYTES]).name
    if ends_early(BytesIO(content), name):
        raise InputError(f"the {name} is cut: its end is missing")
    if content.startswith(BIG_ENDIAN_BIGTIFF):  # Pillow takes the byte order's zero for the version of plain TIFF
        raise InputError("a BigTIFF of big-endian byte order, which no decoder here reads: save it as little-endian")
    Pillow.MAX_IMAGE_PIXELS = None  # the size is checked below, by the limit of all formats
    try:
        with warnings.catch_warnings(), Pillow.open(BytesIO(content), formats=FORMATS) as picture:
            warnings.simplefilter("ignore")
            _check(picture, max_pixels)
            jpeg = picture.format in ("JPEG", "MPO")
            if jpeg or _is_deep_colour(content):
                pixels, white = _by_opencv(content)
                decoder = f"opencv {_opencv_version()}"
            else:
                picture.load()
                pixels, white = _pixels(picture)
                decoder = f"pillow {PIL.__version__}"
            turned = picture.getexif().get(ORIENTATION)  # after loading: in PNG it may follow the pixels
    except UnidentifiedImageError as e:
        reason = "no picture that can be read: damaged, a rare kind, or not what its first bytes say"
        raise InputError(reason) from e
    except (InputError, MemoryError):
        raise
    except Exception as e:  # broken pictures raise anything; messages may quote data
        raise InputError(f"the picture is damaged or cut ({type(e).__name__})") from e
    return Image(pixels=_upright(pixels, turned), white=white, lossy=jpeg), decoder


def _check(picture: Pillow.Image, max_pixels: int) -> None:
    width, height = picture.size
    if width * height > max_pixels:
        raise InputError(f"{width} x {height} pixels are more than the limit of {max_pixels}")
    if getattr(picture, "n_frames", 1) > 1 and picture.format != "MPO":
        raise InputError("several pages or frames: which one was meant? Save the one to be inspected")
    if picture.mode == "CMYK":
        raise InputError("CMYK colours: a print file, not what a camera saw")


def _is_deep_colour(content: bytes) -> bool:
    """True for PNG with 16 bits a sample, RGB without transparency."""
    return content.startswith(PNG_SIGNATURE) and content[24:26] == b"\x10\x02"


def _by_opencv(content: bytes) -> tuple[Pixels, int]:
    import cv2

    decoder_warnings.take()  # of an earlier file
    pixels: Any = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or decoder_warnings.pixels_are_missing():
        raise InputError("the picture is damaged: a part of its pixels is missing")
    if pixels.ndim == 3:
        pixels = np.ascontiguousarray(pixels[..., ::-1])
    return pixels, 255 if pixels.dtype == np.uint8 else 65535


def _opencv_version() -> str:
    import cv2

    return str(cv2.__version__)


def _upright(pixels: Pixels, turned: object) -> Pixels:
    """Turn [H, W, ...] upright. Exif 2.3, tag 0x0112: the sides that row 0 and column 0 of the stored pixels are."""
    if turned in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if turned in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if turned in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _pixels(picture: Pillow.Image) -> tuple[Pixels, int]:
    """[H, W] or [H, W, 3] and the full-scale value. Transparency is refused unless every pixel is opaque."""
    mode = picture.mode
    if mode in ("I;16", "I;16B", "I;16L", "I;16N"):
        return _deep_grey(picture)
    if mode in ("I", "F"):
        raise InputError(f"signed or 32-bit pixels (mode {mode}): save the picture with 8 or 16 bits")
    if mode == "P":
        picture = picture.convert("RGBA" if "transparency" in picture.info else "RGB")
    if picture.mode in ("LA", "RGBA", "La", "RGBa", "PA"):
        if np.asarray(picture.getchannel("A")).min() < 255:
            raise InputError("transparent pixels: what lies below them? Save the picture without transparency")
        picture = picture.convert("L" if picture.mode.startswith("L") else "RGB")
    if picture.mode in ("L", "1"):
        return np.asarray(picture.convert("L")), 255
    if picture.mode in ("RGB", "YCbCr", "LAB", "HSV"):
        return np.asarray(picture.convert("RGB")), 255
    raise InputError(f"pixels of mode {picture.mode} are not supported: save the picture as grey or RGB")


def _deep_grey(picture: Pillow.Image) -> tuple[Pixels, int]:
    """[H, W] uint16 and its full-scale value, by the tags of a TIFF, which Pillow does not apply."""
    pixels = np.asarray(picture).astype(np.uint16)
    tags: Any = getattr(picture, "tag_v2", {})
    (bits, *_) = tags.get(BITS_PER_SAMPLE, (16,))
    white = (1 << int(bits)) - 1
    (stated, *_) = np.atleast_1d(tags.get(MAX_SAMPLE_VALUE, white))
    if stated in WHITES_OF_SENSORS and pixels.max() <= stated:  # another value may be this picture's own maximum
        white = int(stated)
    return (white - pixels if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO else pixels), white
