"""Picture files from cameras: PNG, JPEG, BMP, TIFF; 8 and 16 bit. What is no single, whole, plain picture is refused
by name.

The colour profile is ignored. Exif orientation is applied once, so rows and columns are those that a person sees.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError

from inspect_ai.domain import Image
from inspect_ai.errors import InputError

FORMATS = ("PNG", "JPEG", "BMP", "TIFF")
TAIL_BYTES = 1 << 16
NO_PICTURE = {
    b"GIF8": "a GIF (animated or not): no camera format, save it as PNG",
    b"RIFF": "a RIFF container (WebP, video or sound): save it as PNG",
    b"%PDF": "a PDF: a document, no picture",
    b"PK\x03\x04": "a zip archive: unpack it first",
    b"\x1f\x8b": "a gzip archive: unpack it first",
    b"\xd0\xcf\x11\xe0": "an Office or thumbnail database: no picture",
}
PICTURE = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
}


def sniff(head: bytes) -> str:
    """ "image", "dicom", "maybe" (one forced try as DICOM), or the reason why it is neither."""
    if head[128:132] == b"DICM":
        return "dicom"
    if any(head.startswith(magic) for magic in PICTURE):
        return "image"
    for magic, reason in NO_PICTURE.items():
        if head.startswith(magic):
            return reason
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if re.match(rb"<(\?xml|!doctype|svg|html|[a-z]+[ >/])", text, re.IGNORECASE):
        return "markup (HTML, XML or SVG): no picture"
    if text[:1] in (b"{", b"["):
        return "text: no picture"
    return "maybe"


def is_text(head: bytes) -> bool:
    """Whether the first bytes are plain text, which no forced try can make a picture."""
    return bool(head) and not any(b < 9 or 13 < b < 32 for b in head)


def read_picture(path: Path, max_pixels: int) -> Image:
    """Decode one file whole. Raises InputError that names what is wrong with it."""
    Pillow.MAX_IMAGE_PIXELS = None  # the size is judged below, by the same limit as everywhere
    try:
        with warnings.catch_warnings(), Pillow.open(path, formats=FORMATS) as picture:
            warnings.simplefilter("ignore")
            _check(picture, path, max_pixels)
            lossy = picture.format in ("JPEG", "MPO")
            picture.load()
            pixels, white = _pixels(ImageOps.exif_transpose(picture))
    except UnidentifiedImageError as e:
        raise InputError("no picture that can be read: damaged, or not what its first bytes say") from e
    except (OSError, SyntaxError, ValueError, EOFError, KeyError, TypeError, IndexError, OverflowError) as e:
        raise InputError(f"the picture is damaged or cut ({type(e).__name__})") from e
    return Image(pixels=pixels, white=white, lossy=lossy)


def _check(picture: Pillow.Image, path: Path, max_pixels: int) -> None:
    width, height = picture.size
    if width * height > max_pixels:
        raise InputError(f"{width} x {height} pixels are more than the limit of {max_pixels}")
    if getattr(picture, "n_frames", 1) > 1 and picture.format != "MPO":
        raise InputError("several pages or frames: which one was meant? Save the one to be inspected")
    if picture.mode == "CMYK":
        raise InputError("CMYK colours: a print file, not what a camera saw")
    if picture.format in ("JPEG", "MPO"):
        with path.open("rb") as f:
            f.seek(max(0, path.stat().st_size - TAIL_BYTES))
            if b"\xff\xd9" not in f.read():
                raise InputError("the JPEG is cut: its end-of-image marker is missing")


def _pixels(picture: Pillow.Image) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.generic]], int]:
    """[H, W] or [H, W, 3] and the full-scale value. Transparency is refused unless nothing is transparent."""
    mode = picture.mode
    if mode in ("I;16", "I;16B", "I;16L", "I;16N"):
        return np.asarray(picture).astype(np.uint16), 65535
    if mode in ("I", "F"):
        raise InputError(f"32-bit pixels (mode {mode}): save the picture with 8 or 16 bits")
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
