"""Decoding of camera pictures: PNG, JPEG, BMP, TIFF, BigTIFF, PNM, GIF, WebP, AVIF and JPEG 2000; 8 and 16 bit.

Any file but one single, whole, plain picture is refused with its reason.

The colour profile is ignored. Exif orientation is applied once, so rows and columns are those of the displayed picture.
Pillow checks every file but PNM, which is read here; OpenCV decodes JPEG, since its libjpeg reports a damaged scan and
Pillow's does not (the pixels are the same), and colour of 16 bits, of which Pillow drops the low byte, in PNG and in
TIFF whose tags tell a sensor's 10 to 14 bits.
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
from inspect_ai.ingest.picture_formats import containers, tiff
from inspect_ai.ingest.picture_formats.jpeg2000 import Codestream, checked_codestream
from inspect_ai.ingest.picture_formats.pnm import read_pnm
from inspect_ai.version import __version__

if TYPE_CHECKING:
    from PIL import Image as Pillow

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "GIF", "WEBP", "AVIF", "JPEG2000")
LIBRARIES = {"WebP": "webp", "AVIF": "avif", "JPEG 2000": "jpg_2000"}  # of Pillow, by its names
ORIENTATION = 0x0112  # Exif
DEEP = ("I;16", "I;16B", "I;16L", "I;16N")
FULL_SCALE = 65535
DARKEST_FULL_SCALE = 4095  # a picture of 16 bits without anything brighter has 12 bits, or shows nothing


def read_picture(content: bytes, max_pixels: int) -> tuple[Image, str]:
    """Decode a picture whole; returns its decoder with version too. Raises InputError that names the fault."""
    name = format_of(content[:HEAD_BYTES]).name
    if ends_early(BytesIO(content), name):
        raise InputError(f"the {name} is cut: its end is missing")
    try:
        if name == "PNM":
            pixels, white = read_pnm(content, max_pixels)
            image, decoder = Image(pixels=pixels, white=white), f"inspect_ai {__version__}"
        else:
            image, decoder = _by_libraries(content, name, max_pixels)
    except (InputError, MemoryError):
        raise
    except Exception as e:  # broken pictures raise anything; messages may quote data
        raise InputError(f"the picture is damaged or cut ({type(e).__name__})") from e
    if image.white == FULL_SCALE:
        _refuse_unscaled(image.pixels)
    return image, decoder


def _by_libraries(content: bytes, name: str, max_pixels: int) -> tuple[Image, str]:
    from PIL import Image as Pillow
    from PIL import UnidentifiedImageError

    tags, stream = _checked_tiff(content, name), None
    if name == "JPEG 2000":
        stream = checked_codestream(BytesIO(content), len(content))
    elif name == "WebP":  # before a decoder makes room for it
        _check_size(*containers.webp_size(content[:HEAD_BYTES]), max_pixels)
    elif name == "AVIF":
        containers.check_avif_depth(content)
    Pillow.MAX_IMAGE_PIXELS = None  # the size is checked here, by the limit of all formats
    source = content if tags is None else tiff.with_black_as_zero(content, tags)
    try:
        with warnings.catch_warnings(action="ignore"), Pillow.open(BytesIO(source), formats=FORMATS) as picture:
            _check_size(*picture.size, max_pixels)
            _check(picture, pages_checked=tags is not None)
            pixels, white, decoder = _decoded(content, name, picture, tags, stream)
            turned = picture.getexif().get(ORIENTATION)  # after loading: in PNG it may follow the pixels
            jpeg = picture.format in ("JPEG", "MPO")
    except UnidentifiedImageError as e:
        reason = "no picture that can be read: damaged, a rare kind, or not what its first bytes say"
        raise InputError(reason if tags is None else tiff.unread(tags)) from e
    lossy = jpeg or name == "AVIF" or (stream is not None and stream.lossy) or containers.is_lossy_webp(content)
    return Image(pixels=_upright(pixels, turned), white=white, lossy=lossy), decoder


def _decoded(
    content: bytes, name: str, picture: Pillow.Image, tags: tiff.Tags | None, stream: Codestream | None
) -> tuple[Pixels, int, str]:
    """Pixels, their full-scale value, and the decoder."""
    colour = _sensor_colour(content, picture, tags)
    if colour is None and (picture.format in ("JPEG", "MPO") or _is_deep_colour(content)):
        colour = _by_opencv(content)
    if colour is not None:
        return *colour, f"opencv {_opencv_version()}"
    picture.load()
    return *_pixels(picture, tags or {}, stream), _pillow_version(name)


def _checked_tiff(content: bytes, name: str) -> tiff.Tags | None:
    """Tags of a TIFF's first page, None for other formats. Raises InputError for a kind that is not read."""
    if content.startswith(BIG_ENDIAN_BIGTIFF):  # Pillow takes the byte order's zero for the version of plain TIFF
        raise InputError("a BigTIFF of big-endian byte order, which no decoder here reads: save it as little-endian")
    return tiff.check_tiff(content) if name in ("TIFF", "BigTIFF") else None


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise InputError(f"{width} x {height} pixels are more than the limit of {max_pixels}")


def _check(picture: Pillow.Image, *, pages_checked: bool) -> None:
    if not pages_checked and picture.format != "MPO" and getattr(picture, "n_frames", 1) > 1:
        what = f"several pages or frames (an animated {picture.format})"
        raise InputError(f"{what}: which one was meant? Save the one to be inspected as PNG")
    if picture.mode == "CMYK":
        raise InputError("CMYK colours: a print file, not what a camera saw; save it as grey or RGB")
    tiles: Any = getattr(picture, "tile", None)
    if picture.format == "GIF" and tiles and tuple(tiles[0][1]) != (0, 0, *picture.size):
        raise InputError("the GIF's frame does not fill its picture: what lies beside it? Save it as PNG")


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
    return pixels, 255 if pixels.dtype == np.uint8 else FULL_SCALE


def _sensor_colour(content: bytes, picture: Pillow.Image, tags: tiff.Tags | None) -> tuple[Pixels, int] | None:
    """Colours of a TIFF whose tags tell a sensor's depth in words of 16 bits, with their full scale; None of others."""
    if tags is None or picture.mode != "RGB" or tiff.depth(tags) != 16 or tiff.white_of_sensor(tags, 0) is None:
        return None
    pixels, _ = _by_opencv(content)
    white = tiff.white_of_sensor(tags, int(pixels.max()))
    return None if white is None else (pixels, white)


def _opencv_version() -> str:
    import cv2

    return str(cv2.__version__)


def _pillow_version(name: str) -> str:
    import PIL
    from PIL import features

    library = LIBRARIES.get(name)
    return f"pillow {PIL.__version__}" + (f" {library} {features.version(library)}" if library else "")


def _upright(pixels: Pixels, turned: object) -> Pixels:
    """Turn [H, W, ...] upright. Exif 2.3, tag 0x0112: the sides that row 0 and column 0 of the stored pixels are."""
    if turned in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if turned in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if turned in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _pixels(picture: Pillow.Image, tags: tiff.Tags, stream: Codestream | None) -> tuple[Pixels, int]:
    """[H, W] or [H, W, 3] and the full-scale value. Transparency is refused unless every pixel is opaque."""
    mode = picture.mode
    if mode in DEEP and stream is not None:  # Pillow shifts JPEG 2000 up to 16 bits
        return np.asarray(picture).astype(np.uint16) >> (16 - stream.depths[0]), (1 << stream.depths[0]) - 1
    if mode in DEEP:
        return _deep_grey(picture, tags)
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
        pixels = np.asarray(picture.convert("RGB"))
        if tiff.depth(tags) == 16:  # Pillow keeps the high byte
            _refuse_unscaled(pixels.astype(np.uint16) << 8 | 0xFF)
        return pixels, 255
    raise InputError(f"pixels of mode {picture.mode} are not supported: save the picture as grey or RGB")


def _deep_grey(picture: Pillow.Image, tags: tiff.Tags) -> tuple[Pixels, int]:
    """[H, W] uint16 and its full-scale value, by the tags of a TIFF, which Pillow does not apply."""
    pixels = np.asarray(picture).astype(np.uint16)
    bits = tiff.depth(tags) or 16
    white = tiff.white_of_sensor(tags, int(pixels.max())) or (1 << bits) - 1
    if not tiff.is_white_zero(tags):
        return pixels, white
    if white == FULL_SCALE:
        _refuse_unscaled(pixels)
    return white - pixels, white


def _refuse_unscaled(pixels: Pixels) -> None:
    """Refuse a picture of 16 bits that uses 12 or fewer without saying so: divided by 65535 it would be all dark."""
    brightest = int(pixels.max())
    if 0 < brightest <= DARKEST_FULL_SCALE:
        raise InputError(
            f"no value of its 16 bits is above {brightest}: 10 or 12 bits without a tag that says so, or hardly any "
            "light. Save it over the full scale, as PGM with its largest grey, or as TIFF with MaxSampleValue 4095"
        )
