"""Pixels of one DICOM file: decoded by a fixed choice of decoders, masked to what is stored, in Hounsfield units or
grey.

Order of steps (PS3.3 C.7.6.3, C.11.1): padding mask, Bits Stored, rescale of each frame, MONOCHROME1. Runs in a child.
"""

from __future__ import annotations

import importlib.metadata
import warnings
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from inspect_ai.domain import Pixels
from inspect_ai.errors import InputError
from inspect_ai.ingest import decoder_warnings
from inspect_ai.ingest.bitstream_headers import JPEG_LS, Shape, check_rle, check_shape, jpeg2000_shape, jpeg_shape
from inspect_ai.ingest.header import LOSSY, TAGS
from inspect_ai.ingest.header_validation import NATIVE, SYNTAXES

AIR_HU = -1024
PALETTE = [
    "RedPaletteColorLookupTableDescriptor",
    "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableDescriptor",
    "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableData",
    "SegmentedRedPaletteColorLookupTableData",
    "SegmentedGreenPaletteColorLookupTableData",
    "SegmentedBluePaletteColorLookupTableData",
]
# One decoder for each kind of stream, and no second try: GDCM refuses broken JPEG streams that libjpeg fills with grey,
# but ends the process on broken JPEG 2000 ones, which openjpeg refuses. What GDCM cannot read at all (JPEG Extended of
# more than 8 bits, JPEG-LS of fewer) is libjpeg's.
GDCM, LIBJPEG = ("gdcm", "python-gdcm"), ("pylibjpeg", "pylibjpeg-libjpeg")  # pydicom's plugin, its distribution
OPENJPEG, RLE = ("pylibjpeg", "pylibjpeg-openjpeg"), ("pylibjpeg", "pylibjpeg-rle")
EXTENDED = 0xC1
WAVELET = ("JPEG 2000", "HTJ2K")


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """stored: [F, H, W] or [F, H, W, 3]; padding: [F, H, W] or None; dataset: the header that belongs to it."""

    stored: Pixels = field(repr=False)
    padding: NDArray[np.bool_] | None = field(repr=False)
    dataset: Any = field(repr=False)
    decoder: str
    lossy: bool


def read_frames(source: BinaryIO) -> Frames:
    """Decode all frames of one file whose header was read. Raises InputError, and any error of a decoder."""
    import pydicom
    from pydicom.pixels.processing import apply_color_lut

    pydicom.config.settings.reading_validation_mode = pydicom.config.WARN
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(source, force=True, specific_tags=[*TAGS, *PALETTE, "PixelData"])
        syntax = str(dataset.file_meta.TransferSyntaxUID)
        frames = int(dataset.get("NumberOfFrames") or 1)
        if syntax in NATIVE:
            _cut_surplus(dataset, frames)
            dataset.pixel_array_options(correct_unused_bits=False)  # padding is searched in all bits, below
            array, decoder = dataset.pixel_array, "pydicom"
        else:
            array, decoder = _decoded(dataset, syntax, frames)
    array = array if frames > 1 else array[None]
    if len(array) != frames:
        raise InputError(f"{frames} frames announced, {len(array)} decoded")
    padding = None
    if array.ndim == 3 and dataset.PhotometricInterpretation != "PALETTE COLOR":
        raw = array
        array = _stored_bits(raw, dataset) if syntax in NATIVE or SYNTAXES[syntax].startswith("RLE") else raw
        padding = _padding(raw, array, dataset)
    elif dataset.PhotometricInterpretation == "PALETTE COLOR":
        array = apply_color_lut(array, dataset)
    lossy = str(dataset.get("LossyImageCompression", "")) == "01" or syntax.endswith(LOSSY)
    named = f"{decoder} {importlib.metadata.version(decoder)}"
    return Frames(stored=array, padding=padding, dataset=dataset, decoder=named, lossy=lossy)


def hounsfield(frames: Frames, index: int) -> NDArray[np.int16]:
    """[H, W] Hounsfield units of one frame with its own rescale; padding and values below air become air."""
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
    """Convert one frame to unsigned grey or RGB with its full-scale value; black is dark (MONOCHROME1 is inverted)."""
    dataset, stored = frames.dataset, frames.stored[index]
    bits = int(dataset.get("BitsStored") or dataset.BitsAllocated)
    if stored.ndim == 3:
        if dataset.PhotometricInterpretation == "PALETTE COLOR":
            bits = 8 * stored.dtype.itemsize  # the table's depth, not that of its indices
        if bits > 16:
            return (stored >> (bits - 16)).astype(np.uint16), 65535
        return stored, (1 << bits) - 1
    white = (1 << bits) - 1
    grey = stored.astype(np.int64)
    if int(dataset.PixelRepresentation) == 1:
        grey += 1 << (bits - 1)
    grey = np.clip(grey, 0, white)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        grey = white - grey
    if frames.padding is not None and not frames.padding[index].all():
        grey[frames.padding[index]] = grey[~frames.padding[index]].min()
    if bits > 16:
        grey, white = grey >> (bits - 16), 65535
    if bits == 1:
        grey, white = grey * 255, 255
    return grey.astype(np.uint8 if white <= 255 else np.uint16), white


def _decoded(dataset: Any, syntax: str, frames: int) -> tuple[Pixels, str]:
    """Decode all frames; returns the decoder's distribution too. Each stream is checked before a decoder reads it."""
    from pydicom.encaps import generate_frames

    kind = SYNTAXES[syntax]
    rows, columns, samples = int(dataset.Rows), int(dataset.Columns), int(dataset.get("SamplesPerPixel") or 1)
    allocated = int(dataset.BitsAllocated)
    plugin, distribution = RLE
    for stream in generate_frames(dataset.PixelData, number_of_frames=frames):
        if kind.startswith("RLE"):
            check_rle(stream, rows * columns, samples * allocated // 8)
            continue
        shape = jpeg2000_shape(stream) if kind.startswith(WAVELET) else jpeg_shape(stream)
        check_shape(shape, rows, columns, samples, allocated)
        plugin, distribution = OPENJPEG if kind.startswith(WAVELET) else _jpeg_decoder(shape)
    try:
        decoder_warnings.take()  # of an earlier file
        dataset.pixel_array_options(decoding_plugin=plugin, correct_unused_bits=not kind.startswith("RLE"))
        array = dataset.pixel_array
    except MemoryError:
        raise
    except Exception as e:  # a decoder raises anything on a broken stream, and quotes data in its message
        raise InputError(f"{distribution} cannot read its {kind} pixel data: damaged, or a rare variant") from e
    if decoder_warnings.pixels_are_missing():
        raise InputError(f"its {kind} pixel data are damaged: a part of the pixels is missing")
    return array, distribution


def _jpeg_decoder(shape: Shape) -> tuple[str, str]:
    deep = shape.marker == EXTENDED and shape.precision > 8
    shallow = shape.marker == JPEG_LS and shape.precision < 8
    return LIBJPEG if deep or shallow else GDCM


def _cut_surplus(dataset: Any, frames: int) -> None:
    """Cut bytes beyond the announced frames (plain pydicom would make frames of them)."""
    if dataset.PhotometricInterpretation == "YBR_FULL_422":
        return
    values = int(dataset.Rows) * int(dataset.Columns) * frames * int(dataset.get("SamplesPerPixel") or 1)
    needed = -(-values * int(dataset.BitsAllocated) // 8)
    if len(dataset.PixelData) > needed + 1:
        dataset.PixelData = dataset.PixelData[:needed]


def _stored_bits(array: Pixels, dataset: Any) -> Pixels:
    """Move High Bit down, mask to Bits Stored, extend the sign: unused bits may hold overlays (PS3.5 8.1.1)."""
    allocated, stored = int(dataset.BitsAllocated), int(dataset.get("BitsStored") or dataset.BitsAllocated)
    if stored == allocated or array.dtype.kind not in "iu":
        return array
    unused_below = max(0, int(dataset.get("HighBit", stored - 1)) + 1 - stored)
    values = (array.astype(np.int64) >> unused_below) & ((1 << stored) - 1)
    if int(dataset.PixelRepresentation) == 1:
        values -= (values >> (stored - 1)) << stored
    return values.astype(array.dtype)


def _padding(raw: Pixels, masked: Pixels, dataset: Any) -> NDArray[np.bool_] | None:
    """Mask of pixels without tissue. Writers mean the value as it is in all bits, or in Bits Stored: both count."""
    value = dataset.get("PixelPaddingValue")
    if value is None:
        return None
    limit = dataset.get("PixelPaddingRangeLimit")
    ends = np.array([int(value), int(value if limit is None else limit)], np.int64).astype(raw.dtype)  # US may mean SS
    low, high = ends.min(), ends.max()
    mask: NDArray[np.bool_] = ((raw >= low) & (raw <= high)) | ((masked >= low) & (masked <= high))
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
