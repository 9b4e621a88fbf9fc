"""Small DICOM files as a scanner writes them, for the tests of all rooms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

ROOT = "1.2.826.0.1.3680043.10.1338."
OPHTHALMIC = UID("1.2.840.10008.5.1.4.1.1.77.1.5.1")


def uid(name: str) -> UID:
    return UID(ROOT + str(int.from_bytes(name.encode()[-8:], "big")))


def ct_slice(z: float, number: int = 1, side: int = 64, **changes: Any) -> Dataset:
    """A disc of water in air. Values are stored with slope 1 and intercept -1024."""
    rows, columns = np.mgrid[:side, :side]
    stored = np.where((rows - side / 2) ** 2 + (columns - side / 2) ** 2 < (side / 3) ** 2, 1024, 24).astype("<u2")
    stored[number % side, 3] += number  # no two slices are equal
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = CTImageStorage
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = uid(f"i{number}")
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = uid("study"), uid("series"), uid("frame")
    ds.Modality, ds.PatientName, ds.PatientID = "CT", "Marker^Secret", "SECRET-1"
    ds.Rows = ds.Columns = side
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.RescaleSlope, ds.RescaleIntercept = 1, -1024
    ds.PixelSpacing, ds.ImageOrientationPatient = [0.5, 0.8], [1, 0, 0, 0, 1, 0]
    ds.ImagePositionPatient, ds.InstanceNumber = [-20.0, -10.0, float(z)], number
    ds.PixelData = stored.tobytes()
    for name, value in changes.items():
        setattr(ds, name, value)
    return ds


def enhanced_ct(zs: list[float], name: str = "enhanced", side: int = 24, **changes: Any) -> Dataset:
    """One multi-frame CT object; no two frames are equal."""
    slices = [ct_slice(z, number=i + 1, side=side) for i, z in enumerate(zs)]
    ds = ct_slice(0.0, side=side)
    shared, measures, orientation, values = Dataset(), Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, orientation.ImageOrientationPatient = ds.PixelSpacing, ds.ImageOrientationPatient
    values.RescaleSlope, values.RescaleIntercept, values.RescaleType = 1, -1024, "HU"
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.PlaneOrientationSequence = Sequence([orientation])
    shared.PixelValueTransformationSequence = Sequence([values])
    for element in (
        *("RescaleSlope", "RescaleIntercept", "PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient"),
    ):
        delattr(ds, element)
    groups = []
    for z in zs:
        group, position = Dataset(), Dataset()
        position.ImagePositionPatient = [-20.0, -10.0, float(z)]
        group.PlanePositionSequence = Sequence([position])
        groups.append(group)
    ds.SharedFunctionalGroupsSequence, ds.PerFrameFunctionalGroupsSequence = Sequence([shared]), Sequence(groups)
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = UID("1.2.840.10008.5.1.4.1.1.2.1")
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = uid(name)
    ds.NumberOfFrames, ds.PixelData = len(zs), b"".join(s.PixelData for s in slices)
    for element, value in changes.items():
        setattr(ds, element, value)
    return ds


def fundus_photograph(pixels: np.ndarray[Any, Any], **changes: Any) -> Dataset:
    """An ophthalmic photograph, RGB [H, W, 3] uint8."""
    ds = ct_slice(0.0)
    for name in ("RescaleSlope", "RescaleIntercept", "PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient"):
        delattr(ds, name)
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = OPHTHALMIC
    ds.Modality, ds.ImageLaterality, ds.PhotometricInterpretation = "OP", "L", "RGB"
    ds.SamplesPerPixel, ds.PlanarConfiguration = 3, 0
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 8, 8, 7
    ds.Rows, ds.Columns = pixels.shape[:2]
    ds.PixelData = pixels.tobytes()
    for name, value in changes.items():
        setattr(ds, name, value)
    return ds


def save(ds: Dataset, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
    return path


def save_series(folder: Path, zs: list[float], **changes: Any) -> list[Dataset]:
    slices = [ct_slice(z, number=i + 1, **changes) for i, z in enumerate(zs)]
    for i, ds in enumerate(slices):
        save(ds, folder / f"{len(zs) - i:03d}")
    return slices
