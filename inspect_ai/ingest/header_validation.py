"""Validation of header values against each other and the length of the file, before memory is allocated for pixels.

PS3.5 8.1 and 9.1, PS3.3 C.7.6.3 and C.11.1.
"""

from __future__ import annotations

import math
import re
from typing import Any

from inspect_ai.errors import InputError
from inspect_ai.ingest.deflated import DEFLATED, EXPLICIT

UID = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))*")  # PS3.5 9.1: no leading zeros
NATIVE = frozenset({"1.2.840.10008.1.2", EXPLICIT, "1.2.840.10008.1.2.2", DEFLATED})
SYNTAXES = {
    **dict.fromkeys(NATIVE, "native"),
    "1.2.840.10008.1.2.5": "RLE Lossless",
    "1.2.840.10008.1.2.4.50": "JPEG Baseline",
    "1.2.840.10008.1.2.4.51": "JPEG Extended",
    "1.2.840.10008.1.2.4.57": "JPEG Lossless",
    "1.2.840.10008.1.2.4.70": "JPEG Lossless SV1",
    "1.2.840.10008.1.2.4.80": "JPEG-LS Lossless",
    "1.2.840.10008.1.2.4.81": "JPEG-LS Near-lossless",
    "1.2.840.10008.1.2.4.90": "JPEG 2000 Lossless",
    "1.2.840.10008.1.2.4.91": "JPEG 2000",
    "1.2.840.10008.1.2.4.201": "HTJ2K Lossless",
    "1.2.840.10008.1.2.4.202": "HTJ2K Lossless RPCL",
    "1.2.840.10008.1.2.4.203": "HTJ2K",
}
PHOTOMETRIC = {  # -> samples per pixel
    "MONOCHROME1": 1, "MONOCHROME2": 1, "PALETTE COLOR": 1,
    "RGB": 3, "YBR_FULL": 3, "YBR_FULL_422": 3, "YBR_RCT": 3, "YBR_ICT": 3,
}  # fmt: skip


def checked_shape(ds: Any, syntax: str, max_pixels: int) -> tuple[int, int, int, int, int]:
    """Check rows, columns, frames, samples, bits allocated. Raises InputError for values that no picture can have."""
    if syntax not in SYNTAXES:
        from pydicom.uid import UID as KnownUID

        name = KnownUID(syntax).name
        name = "unknown" if name == syntax else name  # pydicom's own table, no text of the file
        known = syntax[:64] if UID.fullmatch(syntax) else "none that is valid" if syntax else "missing"
        raise InputError(f"transfer syntax {known} ({name}) is not supported")
    rows, columns = integer(ds, "Rows"), integer(ds, "Columns")
    frames = integer(ds, "NumberOfFrames", 1) or 1
    samples = integer(ds, "SamplesPerPixel", 1)
    allocated, stored = integer(ds, "BitsAllocated"), integer(ds, "BitsStored", integer(ds, "BitsAllocated"))
    photometric = str(ds.get("PhotometricInterpretation", "") or "")
    if photometric not in PHOTOMETRIC:
        raise InputError("Photometric Interpretation is missing or not supported")
    if samples != PHOTOMETRIC[photometric]:
        raise InputError(f"{samples} samples a pixel do not fit {photometric}")
    if allocated not in (1, 8, 16, 32) or not 0 < stored <= allocated:
        raise InputError(f"Bits Allocated {allocated} with Bits Stored {stored} is no supported picture")
    if not stored - 1 <= integer(ds, "HighBit", stored - 1) < allocated:
        raise InputError("High Bit does not fit Bits Stored and Bits Allocated")
    if integer(ds, "PixelRepresentation") not in (0, 1):
        raise InputError("Pixel Representation is neither 0 nor 1")
    if min(rows, columns, frames) < 1:
        raise InputError(f"a picture of {rows} x {columns} pixels and {frames} frames has nothing in it")
    if rows * columns * frames > max_pixels:
        raise InputError(f"{rows} x {columns} pixels x {frames} frames are more than the limit of {max_pixels} pixels")
    return rows, columns, frames, samples, allocated


def check_length(announced: tuple[int, int], syntax: str, values: int, allocated: int) -> None:
    """Check the length of pixel data: as the header says, or undefined if encapsulated. Raises InputError."""
    stated, there = announced  # bytes
    if syntax not in NATIVE:
        if there < 16 or (stated != 0xFFFFFFFF and stated > there):
            raise InputError("compressed pixel data are cut")
        return
    if stated == 0xFFFFFFFF:
        raise InputError("uncompressed pixel data of undefined length")
    if stated > there:
        raise InputError(f"pixel data are cut: {stated} bytes announced, {there} there")
    needed = -(-values * allocated // 8)
    if stated < needed:
        raise InputError(f"pixel data are shorter than rows, columns and frames say: {stated} bytes, {needed} needed")


def rescales(ds: Any) -> list[Any]:
    """Items that may carry a rescale: the data set and the items of its functional groups."""
    groups = [*(ds.get("SharedFunctionalGroupsSequence") or []), *(ds.get("PerFrameFunctionalGroupsSequence") or [])]
    return [ds, *(item for group in groups for item in group.get("PixelValueTransformationSequence") or [])]


def check_rescale(ds: Any) -> None:
    """Check each rescale. Raises InputError for a slope or intercept that makes every pixel equal, or no number."""
    for item in rescales(ds):
        for name in ("RescaleSlope", "RescaleIntercept"):
            value = item.get(name)
            if value in (None, ""):
                continue
            factor = number(value)
            if not math.isfinite(factor) or (name == "RescaleSlope" and factor == 0.0):
                raise InputError(f"{name} is zero or not a number")


def hounsfield_problems(ds: Any) -> list[str]:
    """Reasons why the values of a CT cannot be taken as Hounsfield units."""
    if ds.get("ModalityLUTSequence"):
        return []
    slopes = [number(i.RescaleSlope) for i in rescales(ds) if i.get("RescaleSlope") not in (None, "")]
    if not slopes and ds.get("RescaleType", "") != "HU":
        return ["no rescale slope and intercept: the values are no Hounsfield units"]
    if any(slope < 0 for slope in slopes):
        return ["negative rescale slope: Hounsfield units would be turned over"]
    return []


def uid(ds: Any, name: str, needed: bool) -> str:
    """Read a UID; "" where a picture outside any volume has none. Raises InputError for a wrong or a missing one."""
    value = str(ds.get(name, "") or "").strip("\0 ")
    if not value and (needed or (name in ds and name == "SOPInstanceUID")):
        raise InputError(f"{name} is missing")
    if not value:
        return ""
    if len(value) > 64 or not UID.fullmatch(value):
        raise InputError(f"{name} is no valid UID (1 to 64 digits and dots)")
    return value


def integer(ds: Any, name: str, default: int | None = None) -> int:
    """Read an integer element. Raises InputError where it is no number, or missing without a default."""
    value = ds.get(name)
    if value is None or value == "":
        if default is None:
            raise InputError(f"{name} is missing")
        return default
    try:
        return int(value)
    except (TypeError, ValueError) as e:
        raise InputError(f"{name} is no number") from e


def number(value: Any) -> float:
    """Convert to a float, which may be infinite or NaN. Raises InputError for a text."""
    try:
        return float(value)
    except (TypeError, ValueError) as e:
        raise InputError("a number in the header cannot be read") from e
