"""Small DICOM files of many series, scattered over many folders: bytes of one template with other values."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

ROOT = "1.2.826.0.1.3680043.10.1339"
SLICES = 100  # a series
FILES_A_FOLDER = 40
SIDE_PX = 16
STEP_MM = 2.5
# Values of the template, each as wide as what takes its place.
_SERIES, _INSTANCE, _HEIGHT, _PATIENT = "7777777", "88888888", "-9999.50", "P6666666"


def make_files(folder: Path, files: int, seed: int) -> int:
    """Write `files` CT slices of files/100 series, scattered over files/40 folders; returns the number of folders."""
    template = _template()
    folders = max(1, files // FILES_A_FOLDER)
    for number in range(folders):
        _folder(folder, number).mkdir(parents=True)
    places = np.random.default_rng(seed).integers(0, folders, files)
    for number, place in enumerate(places):
        series, height = divmod(number, SLICES)
        values = (
            (_SERIES, f"{1_000_000 + series}"),
            (_PATIENT, f"P{1_000_000 + series}"),
            (_INSTANCE, f"{10_000_000 + number}"),
            (_HEIGHT, f"{height * STEP_MM:08.2f}"),
        )
        content = template
        for old, new in values:
            content = content.replace(old.encode(), new.encode())
        (_folder(folder, int(place)) / f"{number:08d}").write_bytes(content)
    return folders


def _folder(root: Path, number: int) -> Path:
    return root / f"{number // 100:03d}" / f"{number % 100:02d}"


def _template() -> bytes:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = CTImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = UID(f"{ROOT}.1.{_INSTANCE}")
    ds.StudyInstanceUID, ds.SeriesInstanceUID = f"{ROOT}.2.{_SERIES}", f"{ROOT}.3.{_SERIES}"
    ds.FrameOfReferenceUID, ds.Modality = f"{ROOT}.4.{_SERIES}", "CT"
    ds.PatientName, ds.PatientID = "Made^Patient", _PATIENT
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.Manufacturer, ds.ConvolutionKernel, ds.SliceThickness = "Made", "B30f", STEP_MM
    ds.AcquisitionNumber, ds.BodyPartExamined = 1, "CHEST"
    ds.ImagePositionPatient, ds.ImageOrientationPatient = ["-5", "-5", _HEIGHT], [1, 0, 0, 0, 1, 0]
    ds.Rows = ds.Columns = SIDE_PX
    ds.PixelSpacing = [0.7, 0.7]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.RescaleSlope, ds.RescaleIntercept = 1, -1024
    ds.PixelData = np.arange(SIDE_PX * SIDE_PX, dtype="<u2").tobytes()
    content = BytesIO()
    ds.save_as(content, enforce_file_format=True)
    return content.getvalue()
