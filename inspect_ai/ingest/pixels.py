"""Pixels of one DICOM file: decoded by a fixed choice of decoders, masked to what is stored, in Hounsfield units or
grey.

Order of steps (PS3.3 C.7.6.3, C.11.1): padding mask, Bits Stored, rescale of each frame, MONOCHROME1. Runs in a child.
"""

from __future__ import annotations

import importlib.metadata
import warnings
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from inspect_ai.domain import Pixels
from inspect_ai.errors import InputError
from inspect_ai.ingest import decoder_warnings
from inspect_ai.ingest.bitstream_headers import JPEG_LS, Shape, check_rle, check_shape, jpeg2000_shape, jpeg_shape
from inspect_ai.ingest.data_set import compressed_frames, native_frames, parsed, pixel_data_of
from inspect_ai.ingest.header import LOSSY, TAGS
from inspect_ai.ingest.header_validation import NATIVE, SYNTAXES, numbers

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
class Frame:
    """One decoded frame. stored: [H, W] or [H, W, 3]; padding: [H, W] or None; dataset: the header of its file."""

    index: int
    stored: Pixels = field(repr=False)
    padding: NDArray[np.bool_] | None = field(repr=False)
    dataset: Any = field(repr=False)
    decoder: str
    lossy: bool


def decoded_frames(source: BinaryIO, wanted: Container[int] | None = None) -> Iterator[Frame]:
    """Yield the frames of one file whose header was read, decoded one at a time: memory holds one of them.

    wanted: indices of those to decode, all by default. Raises InputError, and any error of a decoder.
    """
    import pydicom

    pydicom.config.settings.reading_validation_mode = pydicom.config.WARN
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source.seek(0)
        dataset, opened, _ = parsed(source, [*TAGS, *PALETTE])
        announced = pixel_data_of(opened, dataset)
        if announced is None:
            raise InputError("no pixel data")
        frames = int(dataset.get("NumberOfFrames") or 1)
        dataset.NumberOfFrames = 1  # to pydicom each frame is a file of its own
        native = str(dataset.file_meta.TransferSyntaxUID) in NATIVE
        streams = native_frames(opened, dataset, frames) if native else compressed_frames(opened, frames)
    count = 0
    for stream in streams:
        if count == frames:
            break
        if wanted is None or count in wanted:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                frame = _decoded(dataset, stream, count)
            yield frame
        count += 1
    if count != frames:
        raise InputError(f"{frames} frames announced, {count} decoded")


def hounsfield(frame: Frame) -> NDArray[np.int16]:
    """[H, W] Hounsfield units of one frame with its own rescale; padding and values below air become air."""
    from pydicom.pixels.processing import apply_modality_lut

    if frame.dataset.get("ModalityLUTSequence"):
        values = apply_modality_lut(frame.stored, frame.dataset).astype(np.float32)
    else:
        slope, intercept = _rescale(frame.dataset, frame.index)
        values = frame.stored.astype(np.float32) * np.float32(slope) + np.float32(intercept)
    values = np.clip(np.rint(values), AIR_HU, np.iinfo(np.int16).max)
    if frame.padding is not None:
        values[frame.padding] = AIR_HU
    return values.astype(np.int16)


def grey_or_colour(frame: Frame) -> tuple[Pixels, int]:
    """Convert one frame to unsigned grey or RGB with its full-scale value; black is dark (MONOCHROME1 is inverted)."""
    dataset, stored = frame.dataset, frame.stored
    bits = int(dataset.get("BitsStored") or dataset.BitsAllocated)
    if stored.ndim == 3:
        if dataset.PhotometricInterpretation == "PALETTE COLOR":
            bits = 8 * stored.dtype.itemsize  # the table's depth, not that of its indices
        if bits > 16:
            return np.right_shift(stored.astype(np.int64), bits - 16).astype(np.uint16), 65535
        return stored, (1 << bits) - 1
    white = (1 << bits) - 1
    grey = stored.astype(np.int64)
    if int(dataset.PixelRepresentation) == 1:
        grey += 1 << (bits - 1)
    grey = np.clip(grey, 0, white)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        grey = white - grey
    if frame.padding is not None and not frame.padding.all():
        grey[frame.padding] = grey[~frame.padding].min()
    if bits > 16:
        grey, white = grey >> (bits - 16), 65535
    if bits == 1:
        grey, white = grey * 255, 255
    return grey.astype(np.uint8 if white <= 255 else np.uint16), white


def _decoded(dataset: Any, stream: bytes, index: int) -> Frame:
    """Decode one frame from its bytes in the file."""
    from pydicom.pixels.processing import apply_color_lut

    syntax = str(dataset.file_meta.TransferSyntaxUID)
    native = syntax in NATIVE
    array: Pixels
    if native:
        _give_pixels(dataset, stream, compressed=False)
        dataset.pixel_array_options(correct_unused_bits=False)  # padding is searched in all bits, below
        array, decoder = dataset.pixel_array, "pydicom"
    else:
        array, decoder = _decompressed(dataset, syntax, stream)
    dataset._pixel_array = None
    padding = None
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        array = apply_color_lut(array, dataset)
    elif array.ndim == 2:
        raw = array
        array = _stored_bits(raw, dataset) if native or SYNTAXES[syntax].startswith("RLE") else raw
        padding = _padding(raw, array, dataset)
    lossy = str(dataset.get("LossyImageCompression", "")) == "01" or syntax.endswith(LOSSY)
    named = f"{decoder} {importlib.metadata.version(decoder)}"
    return Frame(index=index, stored=array, padding=padding, dataset=dataset, decoder=named, lossy=lossy)


def _give_pixels(dataset: Any, content: bytes, *, compressed: bool) -> None:
    """Put the pixel data of one frame into a data set that pydicom decodes."""
    from pydicom.dataelem import DataElement

    bits = int(dataset.BitsAllocated)
    element = DataElement(0x7FE00010, "OB" if compressed or bits == 8 else "OW", content)
    element.is_undefined_length = compressed
    dataset[0x7FE00010] = element
    dataset._pixel_array = None


def _decompressed(dataset: Any, syntax: str, stream: bytes) -> tuple[Pixels, str]:
    """Decode one stream; returns the decoder's distribution too. It is checked before a decoder reads it."""
    from pydicom.encaps import encapsulate

    kind = SYNTAXES[syntax]
    rows, columns, samples = int(dataset.Rows), int(dataset.Columns), int(dataset.get("SamplesPerPixel") or 1)
    allocated = int(dataset.BitsAllocated)
    plugin, distribution = RLE
    if kind.startswith("RLE"):
        check_rle(stream, rows * columns, samples * allocated // 8)
    else:
        shape = jpeg2000_shape(stream) if kind.startswith(WAVELET) else jpeg_shape(stream)
        check_shape(shape, rows, columns, samples, allocated)
        plugin, distribution = OPENJPEG if kind.startswith(WAVELET) else _jpeg_decoder(shape)
    try:
        decoder_warnings.take()  # of an earlier file
        _give_pixels(dataset, encapsulate([stream], has_bot=False), compressed=True)
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
    item = dataset
    for name in ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"):
        groups = dataset.get(name)
        found = groups[min(index, len(groups) - 1)].get("PixelValueTransformationSequence") if groups else None
        if found:
            item = found[0]
            break
    slope, intercept = numbers(item, "RescaleSlope"), numbers(item, "RescaleIntercept")
    return slope[0] if slope else 1.0, intercept[0] if intercept else 0.0
