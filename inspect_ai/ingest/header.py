"""Reading of one DICOM header without its pixels, checked against the length of the file.

Runs in a decoding child. From PS3.10 7.1 (preamble, File Meta); header_validation and plane_geometry check the values.
Texts of a header stay here: a message names tag and fault, never a value that may be a person's name. Only codes, UIDs
and the few attributes that tell groups of pictures apart are passed on.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
import warnings
from dataclasses import dataclass
from typing import Any, BinaryIO

from inspect_ai.errors import InputError
from inspect_ai.ingest import known_words
from inspect_ai.ingest.attributes import attributes_of
from inspect_ai.ingest.deflated import DEFLATED, inflated
from inspect_ai.ingest.header_validation import check_length, check_rescale, checked_shape, hounsfield_problems, uid
from inspect_ai.ingest.plane_geometry import Plane, many, planes_of

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
    "Manufacturer",
    "ManufacturerModelName",
    "SliceThickness",
    "PatientAge",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Header values of one file, for grouping and routing. `broken`: reason why its pixels cannot be used."""

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
    left_out: str  # reason why it is no slice of its series' stack; "" for slices
    pixels_sha256: str  # of the pixel data as they are stored, to tell copies from other pictures
    planes: tuple[Plane | None, ...]  # one a frame where functional groups give them, else one
    problems: tuple[str, ...]  # forbid a decision in millimetres or Hounsfield units
    broken: str | None = None
    attributes: tuple[tuple[str, str], ...] = ()  # of the device and the kind of picture; see attributes.py


def read_header(f: BinaryIO, max_pixels: int, patient_key: bytes | None) -> Header:
    """Read one header. Raises InputError with the reason of the rejection, and any error of pydicom on broken bytes."""
    import pydicom

    pydicom.config.settings.reading_validation_mode = pydicom.config.WARN
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # values out of the standard are checked here
        source = inflated(f) if DEFLATED.encode() in f.read(1024) else f
        source.seek(0)
        dataset = _parsed(source)
        syntax = str(getattr(dataset.file_meta, "TransferSyntaxUID", ""))
        return _header(dataset, source, syntax, max_pixels, patient_key)


def _parsed(f: BinaryIO) -> Any:
    """Parse the data set before its pixels; once more with force where the preamble is missing."""
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


def _header(ds: Any, f: BinaryIO, syntax: str, max_pixels: int, key: bytes | None) -> Header:
    sop_class = str(ds.get("SOPClassUID", "") or getattr(ds.file_meta, "MediaStorageSOPClassUID", ""))
    if sop_class in NO_PICTURE:
        raise InputError(f"no picture to inspect: {NO_PICTURE[sop_class]}")
    announced = _pixel_data(f, ds)
    if announced is None:
        raise InputError("no pixel data: a document, plan or report, or a file cut before its pixels")
    rows, columns, frames, samples, allocated = checked_shape(ds, syntax, max_pixels)
    modality = known_words.modality(ds.get("Modality", ""))
    needed = modality in STACKED
    uids = [uid(ds, name, needed) for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")]
    check_rescale(ds)
    planes, problems = planes_of(ds, frames)
    broken = None
    try:
        halved = (
            str(ds.PhotometricInterpretation) == "YBR_FULL_422"
        )  # two pixels share their colour: two values a pixel
        check_length(announced, syntax, rows * columns * (2 if halved else samples) * frames, allocated)
    except InputError as e:
        broken = str(e)
    if modality == "CT":
        problems += hounsfield_problems(ds)
    return Header(
        study_uid=uids[0],
        series_uid=uids[1],
        sop_instance_uid=uids[2],
        sop_class_uid=sop_class,
        modality=modality,
        body_part=known_words.body_part(ds.get("BodyPartExamined", "")),
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
        attributes=attributes_of(ds),
    )


def _left_out(ds: Any, sop_class: str) -> str:
    if "LOCALIZER" in [str(v).upper() for v in many(ds.get("ImageType", []))]:
        return "a localizer"
    return "a screen capture" if sop_class.startswith(SECONDARY_CAPTURE) else ""


def _pixels_sha256(ds: Any, f: BinaryIO) -> str:
    """Digest of the bytes after the header and of the attributes that give the values their meaning."""
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
    implicit = head[4:6] not in (b"OB", b"OW")  # by the bytes themselves: the File Meta may be wrong
    if len(head) < 8 or struct.unpack(order + "HH", head[:4]) != (0x7FE0, 0x0010):
        return None
    if implicit:
        return struct.unpack(order + "I", head[4:8])[0], end - start - 8
    if len(head) < 12:
        return None
    return struct.unpack(order + "I", head[8:12])[0], end - start - 12


def _patient(ds: Any, key: bytes | None) -> str:
    """Keyed hash of issuer and ID; "" where there is no ID. Without a key it only tells two patients apart."""
    identity = "\0".join(str(ds.get(name, "") or "") for name in ("IssuerOfPatientID", "PatientID"))
    if identity == "\0":
        return ""
    return hmac.new(key or b"compared within one run", identity.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
