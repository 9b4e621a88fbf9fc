"""DICOM files of made studies: CT Image Storage and Ophthalmic Photography 8 Bit. None holds a person's data."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    CTImageStorage,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    OphthalmicPhotography8BitImageStorage,
)

from inspect_ai.phantom.chest_frame import MIDDLE_Y_MM, PIXEL_MM, SIDE, SLICE_MM

DAY, HOUR = "20240102", "101500"
IMPLEMENTATION = "2.25.302216540180414567899157041"


def made_uid(*words: object) -> str:
    """UID below 2.25 that follows from these words alone."""
    digest = hashlib.sha256("/".join(str(word) for word in words).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:15], 'big')}"


def write_ct(folder: Path, hu: NDArray[np.int16], *, name: str, patient: str) -> list[Path]:
    """Write hu [D, H, W], lowest slice first, one file per slice; returns the files from the head down."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, index in enumerate(range(len(hu) - 1, -1, -1), 1):
        path = folder / f"slice_{number:03d}.dcm"
        picture = _ct_slice(hu[index], index, number, name, patient)
        picture.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def ct_uid(name: str, index: int) -> str:
    """SOP Instance UID of a slice, counted from the lowest."""
    return made_uid(name, "slice", index)


def _ct_slice(hu: NDArray[np.int16], index: int, number: int, name: str, patient: str) -> FileDataset:
    item = _start(CTImageStorage, ct_uid(name, index), ExplicitVRLittleEndian, patient, name)
    corner = -(SIDE - 1) / 2 * PIXEL_MM
    item.Modality = "CT"
    item.BodyPartExamined = "CHEST"
    item.SeriesDescription = "Made chest phantom"
    item.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    item.PatientPosition = "HFS"
    item.FrameOfReferenceUID = made_uid(name, "frame")
    item.PositionReferenceIndicator = ""
    item.InstanceNumber = str(number)
    item.ImagePositionPatient = [f"{corner:.3f}", f"{corner + MIDDLE_Y_MM:.3f}", f"{index * SLICE_MM:.3f}"]
    item.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    item.SliceLocation = f"{index * SLICE_MM:.3f}"
    item.PixelSpacing = [f"{PIXEL_MM}", f"{PIXEL_MM}"]
    item.SliceThickness = item.SpacingBetweenSlices = f"{SLICE_MM}"
    item.KVP = "120"
    item.ConvolutionKernel = "MADE"
    item.RescaleIntercept, item.RescaleSlope, item.RescaleType = "-1024", "1", "HU"
    item.WindowCenter, item.WindowWidth = ["-500", "40"], ["1500", "400"]
    _pixels(item, hu.shape, "MONOCHROME2", 1, 12, 16)
    stored = np.clip(hu.astype(np.int32) + 1024, 0, 4095).astype("<u2")
    item.PixelData = stored.tobytes()
    item["PixelData"].VR = "OW"
    return item


def write_photograph(
    path: Path, picture: NDArray[np.uint8], *, laterality: str, name: str, patient: str, jpeg: bool
) -> Path:
    """Write an RGB photograph [H, W, 3]: as JPEG Baseline inside DICOM, as cameras do, or uncompressed."""
    syntax = JPEGBaseline8Bit if jpeg else ExplicitVRLittleEndian
    uid = made_uid(name, "photograph")
    item = _start(OphthalmicPhotography8BitImageStorage, uid, syntax, patient, name)
    item.Modality = "OP"
    item.SeriesDescription = "Made fundus photograph"
    item.ImageType = ["ORIGINAL", "PRIMARY", "", "COLOR"]
    item.InstanceNumber = "1"
    item.ContentDate, item.ContentTime = DAY, HOUR
    item.AcquisitionDateTime = DAY + HOUR
    item.ImageLaterality = laterality
    item.PatientOrientation = ["L", "F"] if laterality == "L" else ["R", "F"]
    item.BurnedInAnnotation = "NO"
    item.HorizontalFieldOfView = 45.0
    item.PupilDilated = ""
    item.AnatomicRegionSequence = [_code("5665001", "SCT", "Retina")]
    item.AcquisitionDeviceTypeCodeSequence = [_code("409898007", "SCT", "Fundus Camera")]
    item.LossyImageCompression = "01" if jpeg else "00"
    _pixels(item, picture.shape[:2], "YBR_FULL_422" if jpeg else "RGB", 3, 8, 8)
    item.PlanarConfiguration = 0
    if jpeg:
        stream = jpeg_bytes(picture, 92)
        item.LossyImageCompressionMethod = "ISO_10918_1"
        item.LossyImageCompressionRatio = f"{picture.nbytes / len(stream):.2f}"
        item.PixelData = encapsulate([stream])
    else:
        item.PixelData = picture.tobytes()
    item["PixelData"].VR = "OB"
    item.save_as(path, enforce_file_format=True)
    return path


def jpeg_bytes(picture: NDArray[np.uint8], quality: int) -> bytes:
    """JPEG of an RGB [H, W, 3] or grey [H, W] picture."""
    ordered = picture[..., ::-1] if picture.ndim == 3 else picture
    return cv2.imencode(".jpg", np.ascontiguousarray(ordered), [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def _start(sop_class: str, uid: str, syntax: str, patient: str, name: str) -> FileDataset:
    """File meta information, patient, study and series."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(sop_class)
    meta.MediaStorageSOPInstanceUID = UID(uid)
    meta.TransferSyntaxUID = UID(syntax)
    meta.ImplementationClassUID = UID(IMPLEMENTATION)
    item = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
    item.SpecificCharacterSet = "ISO_IR 100"
    item.SOPClassUID, item.SOPInstanceUID = sop_class, uid
    item.StudyDate = item.SeriesDate = item.AcquisitionDate = DAY
    item.StudyTime = item.SeriesTime = item.AcquisitionTime = HOUR
    item.AccessionNumber = item.ReferringPhysicianName = item.StudyID = ""
    item.Manufacturer, item.ManufacturerModelName = "inspect-ai", "phantom"
    item.PatientName, item.PatientID = "Made^Phantom", patient
    item.PatientBirthDate = item.PatientSex = ""
    item.StudyInstanceUID, item.SeriesInstanceUID = made_uid(name, "study"), made_uid(name, "series")
    item.SeriesNumber = "1"
    return item


def _pixels(item: Dataset, shape: tuple[int, ...], photometric: str, samples: int, stored: int, allocated: int) -> None:
    item.SamplesPerPixel = samples
    item.PhotometricInterpretation = photometric
    item.Rows, item.Columns = shape[:2]
    item.BitsAllocated, item.BitsStored, item.HighBit = allocated, stored, stored - 1
    item.PixelRepresentation = 0


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item
