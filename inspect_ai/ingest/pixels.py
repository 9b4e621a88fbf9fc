"""Pixels of one DICOM file: decoded by a fixed choice of decoders, masked to what is stored, in Hounsfield units or
grey.

Order of steps (PS3.3 C.7.6.3, C.11.1): padding mask, Bits Stored, rescale of each frame, MONOCHROME1. Runs in a child.
"""

from __future__ import annotations

import importlib.metadata
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspect_ai.domain import Pixels
from inspect_ai.errors import InputError
from inspect_ai.ingest.header import NATIVE, SYNTAXES, TAGS

AIR_HU = -1024
PALETTE = [f"{c}PaletteColorLookupTable{what}" for c in ("Red", "Green", "Blue") for what in ("Descriptor", "Data")]
PALETTE += [f"Segmented{c}PaletteColorLookupTableData" for c in ("Red", "Green", "Blue")]
JPEG = frozenset({"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"})
# What decodes what, in this order; the first that succeeds counts. GDCM fails loudly on cut JPEG streams, but ends the
# process on broken JPEG 2000 ones, which openjpeg refuses; libjpeg alone reads 12-bit JPEG Extended.
DECODERS = {
    "JPEG 2000": ("pylibjpeg",),
    "HTJ2K": ("pylibjpeg",),
    "JPEG": ("gdcm", "pylibjpeg"),
    "RLE": ("pylibjpeg", "pydicom"),
}
DISTRIBUTIONS = {
    "gdcm": "python-gdcm", "pydicom": "pydicom",
    "JPEG 2000": "pylibjpeg-openjpeg", "HTJ2K": "pylibjpeg-openjpeg",
    "RLE": "pylibjpeg-rle", "JPEG": "pylibjpeg-libjpeg",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """stored: [F, H, W] or [F, H, W, 3]; padding: [F, H, W] or None; dataset: the header that belongs to it."""

    stored: Pixels = field(repr=False)
    padding: NDArray[np.bool_] | None = field(repr=False)
    dataset: Any = field(repr=False)
    decoder: str
    lossy: bool


def read_frames(path: Path) -> Frames:
    """Decode all frames of one file. Raises InputError that says why not."""
    import pydicom
    from pydicom.pixels.processing import apply_color_lut

    pydicom.config.settings.reading_validation_mode = pydicom.config.WARN
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path, force=True, specific_tags=[*TAGS, *PALETTE, "PixelData"])
        syntax = str(dataset.file_meta.TransferSyntaxUID)
        frames = int(dataset.get("NumberOfFrames") or 1)
        if syntax in NATIVE:
            _cut_surplus(dataset, frames)
        elif syntax in JPEG:
            _check_ends(dataset, frames)
        array, decoder = _decoded(dataset, syntax)
    array = array if frames > 1 else array[None]
    if len(array) != frames:
        raise InputError(f"{frames} frames announced, {len(array)} decoded")
    padding = None
    if array.ndim == 3 and dataset.PhotometricInterpretation != "PALETTE COLOR":
        array = _stored_bits(array, dataset) if syntax in NATIVE else array
        padding = _padding(array, dataset)
    elif dataset.PhotometricInterpretation == "PALETTE COLOR":
        array = apply_color_lut(array, dataset)
    lossy = str(dataset.get("LossyImageCompression", "")) == "01" or syntax.endswith(
        (".50", ".51", ".81", ".91", ".203")
    )
    return Frames(stored=array, padding=padding, dataset=dataset, decoder=decoder, lossy=lossy)


def hounsfield(frames: Frames, index: int) -> NDArray[np.int16]:
    """[H, W] Hounsfield units of one frame with its own rescale; padding and what lies below air are air."""
    from pydicom.pixels.processing import apply_modality_lut

    dataset, stored = frames.dataset, frames.stored[index]
    if dataset.get("ModalityLUTSequence"):
        values = apply_modality_lut(stored, dataset).astype(np.float32)
    else:
        slope, intercept = _rescale(dataset, index)
        values = stored.astype(np.float32) * np.float32(slope) + np.float32(intercept)
    values = np.clip(np.rint(values), AIR_HU, np.iinfo(np.int16).max)
    if frames.padding is not None:
        values[frames.padding[index]] = AIR_HU
    return values.astype(np.int16)


def grey_or_colour(frames: Frames, index: int) -> tuple[Pixels, int]:
    """One frame as unsigned grey or RGB with its full-scale value; black is dark (MONOCHROME1 is turned over once)."""
    dataset, stored = frames.dataset, frames.stored[index]
    if stored.ndim == 3:
        white = 255 if stored.dtype == np.uint8 else int(np.iinfo(stored.dtype).max)
        return (stored, white) if white <= 65535 else ((stored >> 16).astype(np.uint16), 65535)
    bits = int(dataset.get("BitsStored") or dataset.BitsAllocated)
    white = (1 << bits) - 1
    grey = stored.astype(np.int64)
    if int(dataset.PixelRepresentation) == 1:
        grey += 1 << (bits - 1)
    grey = np.clip(grey, 0, white)
    if frames.padding is not None and not frames.padding[index].all():
        grey[frames.padding[index]] = grey[~frames.padding[index]].min()
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        grey = white - grey
    if bits > 16:
        grey, white = grey >> (bits - 16), 65535
    if bits == 1:
        grey, white = grey * 255, 255
    return grey.astype(np.uint8 if white <= 255 else np.uint16), white


def _decoded(dataset: Any, syntax: str) -> tuple[Pixels, str]:
    """All frames and the decoder that gave them."""
    if syntax in NATIVE:
        return dataset.pixel_array, f"pydicom {importlib.metadata.version('pydicom')}"
    kind = next(k for k in DECODERS if SYNTAXES[syntax].startswith(k))
    for plugin in DECODERS[kind]:
        try:
            dataset.pixel_array_options(decoding_plugin=plugin)
            array = dataset.pixel_array
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001, S112 - a decoder raises anything on a broken stream; the next one may read it
            continue
        distribution = DISTRIBUTIONS[kind if plugin == "pylibjpeg" else plugin]
        return array, f"{distribution} {importlib.metadata.version(distribution)}"
    raise InputError(f"no decoder can read its {SYNTAXES[syntax]} pixel data: damaged, or a variant nobody supports")


def _cut_surplus(dataset: Any, frames: int) -> None:
    """Bytes beyond the announced frames are no frames (plain pydicom would make some of them)."""
    if dataset.PhotometricInterpretation == "YBR_FULL_422":
        return
    values = int(dataset.Rows) * int(dataset.Columns) * frames * int(dataset.get("SamplesPerPixel") or 1)
    needed = -(-values * int(dataset.BitsAllocated) // 8)
    if len(dataset.PixelData) > needed + 1:
        dataset.PixelData = dataset.PixelData[:needed]


def _check_ends(dataset: Any, frames: int) -> None:
    """Every JPEG frame must reach its end-of-image marker: a decoder may fill what is missing with grey and say
    nothing.
    """
    from pydicom.encaps import generate_frames

    for frame in generate_frames(dataset.PixelData, number_of_frames=frames):
        if b"\xff\xd9" not in frame[-64:]:
            raise InputError("a JPEG frame is cut: its end-of-image marker is missing")


def _stored_bits(array: Pixels, dataset: Any) -> Pixels:
    """Mask to Bits Stored and extend the sign: the unused high bits may hold overlays (PS3.5 8.1.1)."""
    allocated, stored = int(dataset.BitsAllocated), int(dataset.get("BitsStored") or dataset.BitsAllocated)
    if stored == allocated or array.dtype.kind not in "iu":
        return array
    values = array.astype(np.int64) & ((1 << stored) - 1)
    if int(dataset.PixelRepresentation) == 1:
        values -= (values >> (stored - 1)) << stored
    return values.astype(array.dtype)


def _padding(array: Pixels, dataset: Any) -> NDArray[np.bool_] | None:
    value = dataset.get("PixelPaddingValue")
    if value is None:
        return None
    limit = dataset.get("PixelPaddingRangeLimit")
    low, high = sorted((int(value), int(value if limit is None else limit)))
    values: NDArray[Any] = array
    mask: NDArray[np.bool_] = (values >= low) & (values <= high)
    return mask if mask.any() else None


def _rescale(dataset: Any, index: int) -> tuple[float, float]:
    """Slope and intercept of one frame: its functional group's, else the data set's, else 1 and 0."""
    for name in ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"):
        groups = dataset.get(name)
        if groups:
            item = groups[min(index, len(groups) - 1)].get("PixelValueTransformationSequence")
            if item:
                return float(item[0].RescaleSlope), float(item[0].RescaleIntercept)
    slope, intercept = dataset.get("RescaleSlope"), dataset.get("RescaleIntercept")
    return (1.0 if slope in (None, "") else float(slope)), (0.0 if intercept in (None, "") else float(intercept))
