"""Reading of one DICOM header without its pixels, checked against the length of the file.

Runs in a decoding child. From PS3.10 7.1 (preamble, File Meta); header_validation and plane_geometry check the values.
Texts of a header stay here: a message names tag and fault, never a value that may be a person's name. Only codes, UIDs
and the few attributes that tell groups of pictures apart are passed on.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

from inspect_ai.errors import InputError
from inspect_ai.ingest.attributes import attributes_of
from inspect_ai.ingest.data_set import GUESSED, parsed, pixel_data_of
from inspect_ai.ingest.foreign_objects import SECONDARY_CAPTURE, ForeignObject, NotToInspect, foreign_kind
from inspect_ai.ingest.header_validation import (
    ASSUMED_HOUNSFIELD,
    NO_RESCALE,
    check_length,
    checked_shape,
    hounsfield_problems,
    rescale_problems,
    uid,
    written,
)
from inspect_ai.ingest.plane_geometry import Plane, many, planes_of
from inspect_ai.ingest.series_attributes import TAGS as SERIES_TAGS
from inspect_ai.ingest.series_attributes import Concatenation, SliceAttributes, concatenation, slice_attributes

STACKED = frozenset({"CT", "MR", "PT"})  # modalities whose slices make a volume
LOCALIZERS = frozenset({"LOCALIZER", "SCOUT", "TOPOGRAM", "SURVIEW", "SCANOGRAM"})  # values of Image Type
PAGES = frozenset(
    {"SCREEN SAVE", "SCREENSAVE", "SCREEN_SAVE", "DOSE_INFO", "DOSE INFO", "DOSE REPORT", "PROTOCOL PAGE"}
)
LOSSY = (".50", ".51", ".81", ".91", ".203")  # endings of lossy transfer syntaxes
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
    "Manufacturer",
    "ManufacturerModelName",
    "SliceThickness",
    "PatientAge",
    *SERIES_TAGS,
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
    identity: tuple[str, str]  # such hashes of IssuerOfPatientID and of PatientID, "" for an empty one; never stored
    frame_of_reference: str
    left_out: str  # reason why it is no slice of its series' stack; "" for slices
    pixels_sha256: str  # of the pixel data as they are stored, to tell copies from other pictures
    planes: tuple[Plane | None, ...]  # one a frame where functional groups give them, else one
    problems: tuple[str, ...]  # forbid a decision in millimetres or Hounsfield units
    broken: str | None = None
    attributes: tuple[tuple[str, str], ...] = ()  # of the device and the kind of picture; see attributes.py
    remarks: tuple[str, ...] = ()  # on how it was read; they forbid nothing
    syntax: str = ""  # transfer syntax
    lossy: bool = False
    slices: tuple[SliceAttributes, ...] = (SliceAttributes(),)  # one a frame where they differ, else one
    concatenation: Concatenation | None = None


def read_header(f: BinaryIO, max_pixels: int, patient_key: bytes | None, *, assume_hounsfield: bool = False) -> Header:
    """Read one header. Raises InputError with the reason of the rejection, and any error of pydicom on broken bytes.

    assume_hounsfield: take the stored values of a CT without rescale as Hounsfield units.
    """
    import pydicom

    pydicom.config.settings.reading_validation_mode = pydicom.config.WARN
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # values out of the standard are checked here
        dataset, source, guessed = parsed(f, TAGS)
        header = _header(dataset, source, max_pixels, patient_key)
    remarks = (GUESSED,) if guessed else ()
    if assume_hounsfield and NO_RESCALE in header.problems:
        left = tuple(problem for problem in header.problems if problem != NO_RESCALE)
        return replace(header, problems=left, remarks=(*remarks, ASSUMED_HOUNSFIELD))
    return replace(header, remarks=remarks)


def _header(ds: Any, f: BinaryIO, max_pixels: int, key: bytes | None) -> Header:
    sop_class = _clean(ds.get("SOPClassUID", "") or getattr(ds.file_meta, "MediaStorageSOPClassUID", ""))
    if what := foreign_kind(sop_class):
        raise NotToInspect(ForeignObject(what=what, study_uid=_any_uid(ds, "Study"), series_uid=_any_uid(ds, "Series")))
    announced = pixel_data_of(f, ds)
    if announced is None:
        raise InputError("no pixel data: a document, plan or report, or a file cut before its pixels")
    modality = _clean(ds.get("Modality", "")).upper()
    syntax = str(ds.file_meta.TransferSyntaxUID)
    lossy = _clean(ds.get("LossyImageCompression", "")) == "01" or syntax.endswith(LOSSY)
    rows, columns, frames, samples, allocated = checked_shape(ds, syntax, max_pixels, is_volume=modality in STACKED)
    needed = modality in STACKED
    uids = [uid(ds, name, needed) for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")]
    problems = rescale_problems(ds)
    planes, faults = planes_of(ds, frames)
    problems += faults
    broken = None
    try:
        halved = (
            str(ds.PhotometricInterpretation) == "YBR_FULL_422"
        )  # two pixels share their colour: two values a pixel
        check_length(announced, syntax, rows * columns * (2 if halved else samples) * frames, allocated)
    except InputError as e:
        broken = str(e)
    if modality == "CT" and not rescale_problems(ds):
        problems += hounsfield_problems(ds)
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
        identity=_identity(ds, key),
        frame_of_reference=_clean(ds.get("FrameOfReferenceUID", "")),
        left_out=_left_out(ds, sop_class),
        pixels_sha256=_pixels_sha256(ds, f),
        planes=planes,
        problems=tuple(problems),
        broken=broken,
        attributes=attributes_of(ds),
        syntax=syntax,
        lossy=lossy,
        slices=slice_attributes(ds, frames, lossy),
        concatenation=concatenation(ds),
    )


def _left_out(ds: Any, sop_class: str) -> str:
    words = {str(v).strip().upper() for v in many(ds.get("ImageType", []))}
    if words & LOCALIZERS:
        return "a localizer"
    captured = sop_class == SECONDARY_CAPTURE or sop_class.startswith(SECONDARY_CAPTURE + ".")
    return "a screen capture or dose page" if captured or words & PAGES else ""


def _any_uid(ds: Any, level: str) -> str:
    """UID of study or series of an object without a picture; "" where it is none."""
    value = str(ds.get(f"{level}InstanceUID", "") or "").strip("\0 ")
    return value if re.fullmatch(r"[0-9.]{1,64}", value) else ""


def _pixels_sha256(ds: Any, f: BinaryIO) -> str:
    """Digest of the bytes after the header and of the attributes that give the values their meaning."""
    meaning = ["\\".join(written(ds, name)) for name in ("Rows", "Columns", "RescaleSlope", "RescaleIntercept")]
    digest = hashlib.sha256("\0".join(meaning).encode())
    while chunk := f.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


def _code(value: Any) -> str:
    text = str(value or "").strip().upper()
    return text if re.fullmatch(r"[A-Z0-9_ ]{1,16}", text) else ""


def _clean(value: Any) -> str:
    """Text without the padding of spaces and NULs, which is not significant (PS3.5 6.2); "" for several values."""
    return value.strip(" \0") if isinstance(value, str) else ""


def _patient(ds: Any, key: bytes | None) -> str:
    """Keyed hash of issuer and ID; "" where there is no ID. Without a key it only tells two patients apart."""
    names = [_clean(ds.get(name, "")) for name in ("IssuerOfPatientID", "PatientID")]
    return _hash("\0".join(names), key) if any(names) else ""


def _identity(ds: Any, key: bytes | None) -> tuple[str, str]:
    issuer, patient = (_clean(ds.get(name, "")) for name in ("IssuerOfPatientID", "PatientID"))
    return _hash(issuer, key) if issuer else "", _hash(patient, key) if patient else ""


def _hash(text: str, key: bytes | None) -> str:
    return hmac.new(key or b"compared within one run", text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def patient_of(headers: Iterable[Header]) -> str:
    """Hash of the one patient of the headers, by the one whose identifiers are most complete; "" without any."""
    return max(headers, key=lambda header: (*map(bool, reversed(header.identity)), header.patient)).patient
