"""Validation of header values against each other and the length of the file, before memory is allocated for pixels.

PS3.5 8.1 and 9.1, PS3.3 C.7.6.3 and C.11.1.
"""

from __future__ import annotations

import math
import re
from typing import Any

from inspect_ai.errors import InputError
from inspect_ai.ingest.data_set import DEFLATED, EXPLICIT

UID = re.compile(r"[0-9][0-9.]*")  # PS3.5 9.1 forbids leading zeros and empty components, which do no harm
COMMA = re.compile(r"[-+]?\d*,\d+([eE][-+]?\d+)?")
BINARY = frozenset({"FL", "FD", "US", "SS", "UL", "SL", "UV", "SV"})  # VRs whose bytes are no text
VOLUME_TIMES = 8  # of the limit of pixels: what a volume may have, which is decoded frame by frame
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
NO_RESCALE = (
    "RescaleSlope (0028,1053) and RescaleIntercept (0028,1052) are missing: the stored values may be no Hounsfield "
    "units. Export the original series; or, if you know that they are, scan with the setting assume_hounsfield = true"
)
ASSUMED_HOUNSFIELD = (
    "RescaleSlope (0028,1053) and RescaleIntercept (0028,1052) are missing: the stored values were taken as Hounsfield "
    "units, as the setting assume_hounsfield says"
)
PARTLY_RESCALED = (
    "RescaleSlope (0028,1053) and RescaleIntercept (0028,1052) are missing in a part of the slices: their values have "
    "no unit in common. Export the original series"
)
PHOTOMETRIC = {  # -> samples per pixel
    "MONOCHROME1": 1, "MONOCHROME2": 1, "PALETTE COLOR": 1,
    "RGB": 3, "YBR_FULL": 3, "YBR_FULL_422": 3, "YBR_RCT": 3, "YBR_ICT": 3,
}  # fmt: skip


def checked_shape(ds: Any, syntax: str, max_pixels: int, *, is_volume: bool) -> tuple[int, int, int, int, int]:
    """Check rows, columns, frames, samples, bits allocated. Raises InputError for values that no picture can have.

    max_pixels: of a picture, or of a frame of a volume.
    """
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
    most = max_pixels * (VOLUME_TIMES if is_volume else 1)
    if rows * columns > max_pixels or rows * columns * frames > most:
        raise InputError(f"{rows} x {columns} pixels x {frames} frames are more than the limit of {most} pixels")
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


def rescale_problems(ds: Any) -> list[str]:
    """Reasons why a rescale cannot be read.

    Raises InputError for a slope or intercept that makes every pixel equal, or no number.
    """
    problems = []
    for item in rescales(ds):
        for name in ("RescaleSlope", "RescaleIntercept"):
            values = written(item, name)
            if any(COMMA.fullmatch(text) for text in values):
                problems.append(comma_problem(name))
                continue
            for factor in numbers(item, name):
                if not math.isfinite(factor) or (name == "RescaleSlope" and factor == 0.0):
                    raise InputError(f"{name} is zero or not a number")
    return list(dict.fromkeys(problems))


def hounsfield_problems(ds: Any) -> list[str]:
    """Reasons why the values of a CT cannot be taken as Hounsfield units, in a data set without rescale problems."""
    if is_without_rescale(ds):
        return [NO_RESCALE]
    if ds.get("ModalityLUTSequence"):
        return []
    if any(slope < 0 for item in rescales(ds) for slope in numbers(item, "RescaleSlope")):
        return ["negative rescale slope: Hounsfield units would be turned over"]
    return []


def is_without_rescale(ds: Any) -> bool:
    """True for a CT that does not say how its stored values become Hounsfield units."""
    if ds.get("ModalityLUTSequence") or str(ds.get("RescaleType", "") or "").strip(" \0") == "HU":
        return False
    return not any(written(item, "RescaleSlope") for item in rescales(ds))


def tagged(name: str) -> str:
    """Name and tag of an element, such as "Rows (0028,0010)"."""
    from pydicom.datadict import tag_for_keyword
    from pydicom.tag import Tag

    tag = Tag(tag_for_keyword(name) or 0)
    return f"{name} ({tag.group:04X},{tag.element:04X})"


def comma_problem(name: str) -> str:
    """Reason to refuse numbers with a decimal comma: it names the element, and what to do."""
    return (
        f"{tagged(name)} is written with a comma as its decimal sign, which DICOM does not know (PS3.5 6.2): "
        "export the series again with decimal points"
    )


def written(item: Any, name: str) -> list[str]:
    """Values of a numeric element as they stand in the file, without padding; none where it is missing or empty."""
    from pydicom.datadict import tag_for_keyword
    from pydicom.dataelem import RawDataElement

    tag = tag_for_keyword(name)
    if tag is None or tag not in item:
        return []
    element = item.get_item(tag)
    if isinstance(element, RawDataElement) and element.VR not in BINARY:
        texts = (element.value or b"").decode("ascii", "replace").split("\\")
    else:
        value = item[tag].value
        values = [] if value is None else list(value) if is_several(value) else [value]
        texts = [str(getattr(v, "original_string", v)) for v in values]
    texts = [text.strip(" \0") for text in texts]
    return texts if any(texts) else []


def is_several(value: Any) -> bool:
    """True for a list of values."""
    return hasattr(value, "__iter__") and not isinstance(value, str | bytes)


def numbers(item: Any, name: str) -> list[float]:
    """Values of a numeric element, which may be infinite or NaN; none where it is missing or empty.

    Raises InputError for a text.
    """
    values = []
    for text in written(item, name):
        if COMMA.fullmatch(text):
            raise InputError(comma_problem(name))
        try:
            values.append(float(text.replace("_", "?")))  # Python alone reads 1_000
        except ValueError as e:
            raise InputError(f"{tagged(name)} is no number") from e
    return values


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
