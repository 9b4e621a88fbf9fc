"""One DICOM header, read without its pixels and believed only as far as the file's length carries it.

Runs in a decoding child. From PS3.10 7.1 (preamble), PS3.5 9.1 (UIDs), PS3.3 C.7.6.2 and C.7.6.3 (plane, pixels).
Texts of a header stay here: a message names tag and fault, never a value that may be somebody's name.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import re
import struct
import warnings
import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import Any, BinaryIO

from inspect_ai.errors import InputError

Vector = tuple[float, float, float]

UID = re.compile(r"[0-9]+(\.[0-9]+)*")
EXPLICIT, DEFLATED = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99"
META_MOST_BYTES = 1 << 16
DEFLATED_MOST_BYTES = 256 << 20
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
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
STACKED = frozenset({"CT", "MR", "PT"})  # modalities whose slices make a volume
NO_PICTURE = {  # SOP classes whose pixels are derived, not a picture to inspect
    "1.2.840.10008.1.3.10": "a DICOMDIR: an index, its folder is read itself",
    "1.2.840.10008.5.1.4.1.1.66.4": "a segmentation",
    "1.2.840.10008.5.1.4.1.1.66.7": "a label map segmentation",
    "1.2.840.10008.5.1.4.1.1.30": "a parametric map",
    "1.2.840.10008.5.1.4.1.1.481.2": "a dose grid",
    "1.2.840.10008.5.1.4.39.1": "a colour palette",
}
TAGS = [
    "SpecificCharacterSet",
    "ImageType",
    "SOPClassUID",
    "SOPInstanceUID",
    "Modality",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "PatientID",
    "IssuerOfPatientID",
    "BodyPartExamined",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "ImagerPixelSpacing",
    "RescaleSlope",
    "RescaleIntercept",
    "RescaleType",
    "ModalityLUTSequence",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "ImageLaterality",
    "Laterality",
    "BurnedInAnnotation",
    "LossyImageCompression",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "TemporalPositionIdentifier",
    "AcquisitionNumber",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """Where a slice lies: LPS millimetres. spacing_mm: between rows, between columns."""

    position_mm: Vector
    row_direction: Vector
    column_direction: Vector
    spacing_mm: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What grouping and routing need of one file. `broken`: why its pixels cannot be used although the header can."""

    study_uid: str
    series_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    modality: str
    body_part: str
    rows: int
    columns: int
    frames: int
    patient: str  # keyed hash, or a hash of this run when there is no key; compared, and stored only if keyed
    frame_of_reference: str
    left_out: str  # why it is no slice of its series' stack; "" for slices
    pixels_sha256: str  # of the pixel data as they are stored, to tell copies from other pictures
    planes: tuple[Plane | None, ...]  # one a frame where functional groups give them, else one
    problems: tuple[str, ...]  # forbid a decision in millimetres or Hounsfield units
    broken: str | None = None


def read_header(f: BinaryIO, max_pixels: int, patient_key: bytes | None) -> Header:
    """Raises InputError with the reason of the rejection. Any other error of the library is the caller's to name."""
    import pydicom

    pydicom.config.settings.reading_validation_mode = pydicom.config.WARN
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # values out of the standard are judged here, not shouted about
        source = _inflated(f) if DEFLATED.encode() in f.read(1024) else f
        source.seek(0)
        dataset = _parsed(source)
        syntax = str(getattr(dataset.file_meta, "TransferSyntaxUID", ""))
        return _header(dataset, source, syntax, max_pixels, patient_key)


def _parsed(f: BinaryIO) -> Any:
    """The data set before its pixels; once more with force where the preamble is missing."""
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        dataset = pydicom.dcmread(f, stop_before_pixels=True, specific_tags=TAGS)
    except InvalidDicomError:
        f.seek(0)
        dataset = pydicom.dcmread(f, stop_before_pixels=True, specific_tags=TAGS, force=True)
        if not getattr(dataset.file_meta, "TransferSyntaxUID", None):
            raise InputError(
                "no picture file that can be recognised, and no DICOM file with a transfer syntax"
            ) from None
    return dataset


def _inflated(f: BinaryIO) -> BinaryIO:
    """A deflated file as it would be without: File Meta, then the data set, unpacked up to a bound.

    A file in which the deflated syntax is only mentioned comes back as it is.
    """
    f.seek(0)
    start = 132 if f.read(132)[128:] == b"DICM" else 0
    f.seek(start)
    head = f.read(META_MOST_BYTES)
    at = head.find(b"\x02\0\x10\0UI")
    size = struct.unpack_from("<H", head, at + 6)[0] if at >= 0 else 0
    if at < 0 or head[at + 8 : at + 8 + size].rstrip(b"\0 ") != DEFLATED.encode():
        return f
    if head[:8] != b"\x02\0\0\0UL\x04\0":
        raise InputError("a deflated data set behind a File Meta group without its length")
    end = 12 + struct.unpack_from("<I", head, 8)[0]
    plain = b"\x02\0\x10\0UI\x14\0" + EXPLICIT.encode() + b"\0"
    meta = head[12:at] + plain + head[at + 8 + size : end]
    f.seek(start + end)
    unpack = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        body = unpack.decompress(f.read(), DEFLATED_MOST_BYTES)
    except zlib.error as e:
        raise InputError("the deflated data set is damaged") from e
    if unpack.unconsumed_tail:
        raise InputError(f"the deflated data set unpacks to more than {DEFLATED_MOST_BYTES >> 20} MiB")
    if not unpack.eof:
        raise InputError("the deflated data set is cut")
    return BytesIO(b"\0" * 128 + b"DICM" + head[:8] + struct.pack("<I", len(meta)) + meta + body)


def _header(ds: Any, f: BinaryIO, syntax: str, max_pixels: int, key: bytes | None) -> Header:
    sop_class = str(ds.get("SOPClassUID", "") or getattr(ds.file_meta, "MediaStorageSOPClassUID", ""))
    if sop_class in NO_PICTURE:
        raise InputError(f"no picture to inspect: {NO_PICTURE[sop_class]}")
    announced = _pixel_data(f, ds)
    if announced is None:
        raise InputError("no pixel data: a document, plan or report, or a file cut before its pixels")
    rows, columns, frames, samples, allocated = _checked_shape(ds, syntax, max_pixels)
    modality = str(ds.get("Modality", "") or "")[:16].strip().upper()
    needed = modality in STACKED
    uids = [_uid(ds, name, needed) for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")]
    _check_rescale(ds)
    planes, problems = _planes(ds, frames)
    broken = None
    try:
        halved = (
            str(ds.PhotometricInterpretation) == "YBR_FULL_422"
        )  # two pixels share their colour: two values a pixel
        _check_length(announced, syntax, rows * columns * (2 if halved else samples) * frames, allocated)
    except InputError as e:
        broken = str(e)
    if modality == "CT":
        problems += _hounsfield_problems(ds)
    return Header(
        study_uid=uids[0],
        series_uid=uids[1],
        sop_instance_uid=uids[2],
        sop_class_uid=sop_class,
        modality=modality if re.fullmatch(r"[A-Z0-9_]{1,16}", modality) else "",
        body_part=_code(ds.get("BodyPartExamined", "")),
        rows=rows,
        columns=columns,
        frames=frames,
        patient=_patient(ds, key),
        frame_of_reference=str(ds.get("FrameOfReferenceUID", "") or ""),
        left_out=_left_out(ds, sop_class),
        pixels_sha256=_pixels_sha256(ds, f),
        planes=planes,
        problems=tuple(problems),
        broken=broken,
    )


def _left_out(ds: Any, sop_class: str) -> str:
    if "LOCALIZER" in [str(v).upper() for v in _many(ds.get("ImageType", []))]:
        return "a localizer"
    return "a screen capture" if sop_class.startswith(SECONDARY_CAPTURE) else ""


def _pixels_sha256(ds: Any, f: BinaryIO) -> str:
    """Digest from where the header's reading stopped to the end, and of what the values mean."""
    meaning = [str(ds.get(name, "")) for name in ("Rows", "Columns", "RescaleSlope", "RescaleIntercept")]
    digest = hashlib.sha256("\0".join(meaning).encode())
    while chunk := f.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


def _pixel_data(f: BinaryIO, ds: Any) -> tuple[int, int] | None:
    """(announced length, bytes there) of the Pixel Data element at which reading stopped; None if there is none."""
    start = f.tell()
    f.seek(0, 2)
    end = f.tell()
    f.seek(start)
    head = f.read(12)
    order = "<" if ds.original_encoding[1] is not False else ">"
    implicit = head[4:6] not in (b"OB", b"OW")  # by what the bytes are: the File Meta may lie
    if len(head) < 8 or struct.unpack(order + "HH", head[:4]) != (0x7FE0, 0x0010):
        return None
    if implicit:
        return struct.unpack(order + "I", head[4:8])[0], end - start - 8
    if len(head) < 12:
        return None
    return struct.unpack(order + "I", head[8:12])[0], end - start - 12


def _checked_shape(ds: Any, syntax: str, max_pixels: int) -> tuple[int, int, int, int, int]:
    """Rows, columns, frames, samples, bits allocated; claims that no picture can make are rejected before anything is
    allocated.
    """
    if syntax not in SYNTAXES:
        from pydicom.uid import UID as KnownUID

        name = KnownUID(syntax).name
        name = "unknown" if name == syntax else name  # pydicom's own table, no text of the file
        known = syntax[:64] if UID.fullmatch(syntax) else "none that is valid" if syntax else "missing"
        raise InputError(f"transfer syntax {known} ({name}) is not supported")
    rows, columns = _integer(ds, "Rows"), _integer(ds, "Columns")
    frames = _integer(ds, "NumberOfFrames", 1) or 1
    samples = _integer(ds, "SamplesPerPixel", 1)
    allocated, stored = _integer(ds, "BitsAllocated"), _integer(ds, "BitsStored", _integer(ds, "BitsAllocated"))
    photometric = str(ds.get("PhotometricInterpretation", "") or "")
    if photometric not in PHOTOMETRIC:
        raise InputError("Photometric Interpretation is missing or not supported")
    if samples != PHOTOMETRIC[photometric]:
        raise InputError(f"{samples} samples a pixel do not fit {photometric}")
    if allocated not in (1, 8, 16, 32) or not 0 < stored <= allocated:
        raise InputError(f"Bits Allocated {allocated} with Bits Stored {stored} is no supported picture")
    if not stored - 1 <= _integer(ds, "HighBit", stored - 1) < allocated:
        raise InputError("High Bit does not fit Bits Stored and Bits Allocated")
    if _integer(ds, "PixelRepresentation") not in (0, 1):
        raise InputError("Pixel Representation is neither 0 nor 1")
    if min(rows, columns, frames) < 1:
        raise InputError(f"a picture of {rows} x {columns} pixels and {frames} frames has nothing in it")
    if rows * columns * frames > max_pixels:
        raise InputError(f"{rows} x {columns} pixels x {frames} frames are more than the limit of {max_pixels} pixels")
    return rows, columns, frames, samples, allocated


def _check_length(announced: tuple[int, int], syntax: str, values: int, allocated: int) -> None:
    """Native pixels must be as long as the header says; encapsulated ones must have undefined length."""
    claimed, there = announced
    if syntax not in NATIVE:
        if there < 16 or (claimed != 0xFFFFFFFF and claimed > there):
            raise InputError("compressed pixel data are cut")
        return
    if claimed == 0xFFFFFFFF:
        raise InputError("uncompressed pixel data of undefined length")
    if claimed > there:
        raise InputError(f"pixel data are cut: {claimed} bytes announced, {there} there")
    needed = -(-values * allocated // 8)
    if claimed < needed:
        raise InputError(f"pixel data are shorter than rows, columns and frames say: {claimed} bytes, {needed} needed")


def _rescales(ds: Any) -> list[Any]:
    """Everything that carries a rescale: the data set and the items of its functional groups."""
    groups = [*(ds.get("SharedFunctionalGroupsSequence") or []), *(ds.get("PerFrameFunctionalGroupsSequence") or [])]
    return [ds, *(item for group in groups for item in group.get("PixelValueTransformationSequence") or [])]


def _check_rescale(ds: Any) -> None:
    for item in _rescales(ds):
        for name in ("RescaleSlope", "RescaleIntercept"):
            value = item.get(name)
            if value in (None, ""):
                continue
            number = _float(value)
            if not math.isfinite(number) or (name == "RescaleSlope" and number == 0.0):
                raise InputError(f"{name} is zero or not a number")


def _hounsfield_problems(ds: Any) -> list[str]:
    if ds.get("ModalityLUTSequence"):
        return []
    slopes = [_float(i.RescaleSlope) for i in _rescales(ds) if i.get("RescaleSlope") not in (None, "")]
    if not slopes and ds.get("RescaleType", "") != "HU":
        return ["no rescale slope and intercept: the values are no Hounsfield units"]
    if any(slope < 0 for slope in slopes):
        return ["negative rescale slope: Hounsfield units would be turned over"]
    return []


def _planes(ds: Any, frames: int) -> tuple[tuple[Plane | None, ...], list[str]]:
    """Planes of the frames and what is wrong with them.

    Raises InputError where frames and functional groups disagree.
    """
    per_frame = ds.get("PerFrameFunctionalGroupsSequence")
    if not per_frame:
        plane, problem = _plane(ds, ds, ds)
        return (plane,), [problem] if problem else []
    if len(per_frame) != frames:
        raise InputError(f"{frames} frames but {len(per_frame)} per-frame functional groups")
    shared = (ds.get("SharedFunctionalGroupsSequence") or [None])[0]
    found = []
    for group in per_frame:
        position = _group(group, shared, "PlanePositionSequence")
        orientation = _group(group, shared, "PlaneOrientationSequence")
        measures = _group(group, shared, "PixelMeasuresSequence")
        found.append(_plane(position, orientation, measures))
    return tuple(p for p, _ in found), sorted({problem for _, problem in found if problem})


def _group(own: Any, shared: Any, name: str) -> Any:
    """The item of a functional group: the frame's own, else the shared one, else nothing."""
    for source in (own, shared):
        if source is not None and source.get(name):
            return source.get(name)[0]
    return {}


def _plane(position: Any, orientation: Any, measures: Any) -> tuple[Plane | None, str | None]:
    at, directions = position.get("ImagePositionPatient"), orientation.get("ImageOrientationPatient")
    spacing = measures.get("PixelSpacing")
    if at is None or directions is None or spacing is None:
        return None, None
    try:
        p, d, s = ([_float(v) for v in _many(values)] for values in (at, directions, spacing))
    except ValueError:
        return None, "position, orientation or spacing is not a number"
    if len(p) != 3 or len(d) != 6 or len(s) != 2 or not all(map(math.isfinite, [*p, *d, *s])):
        return None, "position, orientation or spacing is incomplete"
    if min(s) <= 0:
        return None, "pixel spacing is zero or negative"
    row, column = d[:3], d[3:]
    length = math.hypot(*row), math.hypot(*column)
    across = sum(a * b for a, b in zip(row, column, strict=True))
    if max(abs(n - 1) for n in length) > 1e-2 or abs(across) > 1e-2:
        return None, "the direction cosines are no pair of unit vectors at a right angle"
    plane = Plane(
        position_mm=(p[0], p[1], p[2]),
        row_direction=(row[0], row[1], row[2]),
        column_direction=(column[0], column[1], column[2]),
        spacing_mm=(s[0], s[1]),
    )
    return plane, None


def _uid(ds: Any, name: str, needed: bool) -> str:
    """A valid UID; "" where a picture outside any volume has none. Raises InputError for a wrong or a needed one."""
    value = str(ds.get(name, "") or "").strip("\0 ")
    if not value and (needed or (name in ds and name == "SOPInstanceUID")):
        raise InputError(f"{name} is missing")
    if not value:
        return ""
    if len(value) > 64 or not UID.fullmatch(value):
        raise InputError(f"{name} is no valid UID (1 to 64 digits and dots)")
    return value


def _integer(ds: Any, name: str, default: int | None = None) -> int:
    value = ds.get(name)
    if value is None or value == "":
        if default is None:
            raise InputError(f"{name} is missing")
        return default
    try:
        return int(value)
    except (TypeError, ValueError) as e:
        raise InputError(f"{name} is no number") from e


def _float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as e:
        raise InputError("a number in the header cannot be read") from e


def _many(value: Any) -> list[Any]:
    return list(value) if hasattr(value, "__iter__") and not isinstance(value, str) else [value]


def _code(value: Any) -> str:
    text = str(value or "").strip().upper()
    return text if re.fullmatch(r"[A-Z0-9_ ]{1,16}", text) else ""


def _patient(ds: Any, key: bytes | None) -> str:
    """A keyed hash of issuer and ID; "" where there is no ID. Without a key it only tells two patients apart."""
    identity = "\0".join(str(ds.get(name, "") or "") for name in ("IssuerOfPatientID", "PatientID"))
    if identity == "\0":
        return ""
    return hmac.new(key or b"compared within one run", identity.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
