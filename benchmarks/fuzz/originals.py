"""Small sound files of every format that the product reads, with texts in them that no message may repeat."""

from __future__ import annotations

import io
import tempfile
import warnings
from pathlib import Path
from typing import Any

import cv2
import gdcm
import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    EnhancedCTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

SECRET = "Zqxname^Secret"  # noqa: S105 - stands for what a header says of a person
SECRETS = ("zqx", "secret")  # in lower case
SIDE = 32
UID_ROOT = "1.2.826.0.1.3680043.10.1338."
BY_GDCM = {
    "JPEG-LS": (JPEGLSLossless, gdcm.TransferSyntax.JPEGLSLossless),
    "JPEG lossless": (JPEGLosslessSV1, gdcm.TransferSyntax.JPEGLosslessProcess14_1),
}
PICTURES: dict[str, tuple[str, dict[str, Any]]] = {  # name -> Pillow's format and options
    "JPEG": ("JPEG", {"quality": 90, "comment": SECRET.encode()}),
    "JPEG progressive": ("JPEG", {"progressive": True, "comment": SECRET.encode()}),
    "BMP": ("BMP", {}),
    "TIFF": ("TIFF", {"description": SECRET}),
    "TIFF LZW": ("TIFF", {"compression": "tiff_lzw", "description": SECRET}),
    "TIFF deflate": ("TIFF", {"compression": "tiff_deflate", "description": SECRET}),
    "BigTIFF": ("TIFF", {"big_tiff": True, "description": SECRET}),
    "PNM": ("PPM", {}),
    "WebP": ("WEBP", {"lossless": True}),
    "GIF": ("GIF", {"comment": SECRET.encode()}),
    "JPEG 2000": ("JPEG2000", {}),
    "AVIF": ("AVIF", {}),
}


def originals() -> dict[str, bytes]:
    """Content of one sound file of each format, by its name; formats that Pillow here cannot write are left out."""
    return {**_dicom_files(), **_pictures()}


def _grey() -> NDArray[np.uint8]:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    grey: NDArray[np.uint8] = (127 + 60 * np.sin(rows / 5) + 60 * np.cos(columns / 4)).astype(np.uint8)
    return grey


def _pictures() -> dict[str, bytes]:
    colour = np.stack([_grey(), _grey().T, 255 - _grey()], axis=-1)
    found = {"PNG": _png(Image.fromarray(colour)), "PNG 16 bit": _deep_png()}
    for name, (kind, options) in PICTURES.items():
        stream = io.BytesIO()
        try:
            Image.fromarray(colour).save(stream, kind, **options)
        except (KeyError, OSError, ValueError):  # this Pillow was built without it
            continue
        found[name] = stream.getvalue()
    return found


def _png(picture: Image.Image) -> bytes:
    said = PngImagePlugin.PngInfo()
    said.add_text("Author", SECRET)
    stream = io.BytesIO()
    picture.save(stream, "PNG", pnginfo=said)
    return stream.getvalue()


def _deep_png() -> bytes:
    return cv2.imencode(".png", _grey().astype(np.uint16) * 257)[1].tobytes()


def _dicom_files() -> dict[str, bytes]:
    packed = _slice()
    packed.compress(RLELossless, generate_instance_uid=False)
    jpeg2000 = _slice()
    jpeg2000.compress(JPEG2000Lossless, generate_instance_uid=False)
    named = {
        "DICOM": _slice(),
        "DICOM implicit": _slice(syntax=ImplicitVRLittleEndian),
        "DICOM big endian": _slice(syntax=ExplicitVRBigEndian),
        "DICOM deflated": _slice(syntax=DeflatedExplicitVRLittleEndian),
        "DICOM RLE": packed,
        "DICOM JPEG 2000": jpeg2000,
        "DICOM JPEG": _jpeg(),
        "DICOM enhanced": _enhanced(),
        **{f"DICOM {name}": _by_gdcm(*syntaxes) for name, syntaxes in BY_GDCM.items()},
    }
    return {name: _written(ds) for name, ds in named.items()}


def _written(ds: Dataset) -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of explicit big endian, which pydicom calls retired
        ds.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def _uid(last: int) -> UID:
    return UID(f"{UID_ROOT}{last}")


def _slice(syntax: UID = ExplicitVRLittleEndian) -> Dataset:
    """One CT slice, with a person's texts in it."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = CTImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = _uid(1)
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = _uid(2), _uid(3), _uid(4)
    ds.PatientName = ds.PatientID = ds.StudyDescription = ds.InstitutionName = ds.PatientComments = SECRET
    ds.PatientBirthDate, ds.StudyDate, ds.Modality = "19700101", "20200101", "CT"
    ds.Rows = ds.Columns = SIDE
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.RescaleSlope, ds.RescaleIntercept = 1, -1024
    ds.PixelSpacing, ds.ImageOrientationPatient = [0.5, 0.8], [1, 0, 0, 0, 1, 0]
    ds.ImagePositionPatient, ds.InstanceNumber, ds.AcquisitionNumber = [-20.0, -10.0, 3.0], 1, 1
    ds.ImageType, ds.SliceThickness = ["ORIGINAL", "PRIMARY", "AXIAL"], 2.5
    stored = _grey().astype("<u2") * 8
    ds.PixelData = stored.byteswap().tobytes() if syntax == ExplicitVRBigEndian else stored.tobytes()
    return ds


def _jpeg() -> Dataset:
    """A colour photograph of an eye, JPEG in DICOM."""
    ds = _slice(JPEGBaseline8Bit)
    for name in ("RescaleSlope", "RescaleIntercept", "PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient"):
        delattr(ds, name)
    ds.Modality, ds.ImageLaterality, ds.PhotometricInterpretation, ds.SamplesPerPixel = "OP", "L", "YBR_FULL_422", 3
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PlanarConfiguration = 8, 8, 7, 0
    return _with_stream(ds, cv2.imencode(".jpg", cv2.cvtColor(_grey(), cv2.COLOR_GRAY2BGR))[1].tobytes())


def _with_stream(ds: Dataset, stream: bytes) -> Dataset:
    ds.PixelData = encapsulate([stream])
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    return ds


def _enhanced() -> Dataset:
    """Three frames in one object."""
    ds = _slice()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = EnhancedCTImageStorage
    ds.NumberOfFrames = 3
    ds.PixelData = ds.PixelData * 3
    for name in ("RescaleSlope", "RescaleIntercept", "PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient"):
        delattr(ds, name)
    shared = Dataset()
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [Dataset()], [Dataset()]
    shared.PlaneOrientationSequence[0].ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence[0].PixelSpacing = [0.5, 0.5]
    groups = []
    for z in (4.0, 2.0, 0.0):
        group = Dataset()
        group.PlanePositionSequence, group.PixelValueTransformationSequence = [Dataset()], [Dataset()]
        group.PlanePositionSequence[0].ImagePositionPatient = [0, 0, z]
        group.PixelValueTransformationSequence[0].RescaleSlope = 1
        group.PixelValueTransformationSequence[0].RescaleIntercept = -1024
        groups.append(group)
    ds.SharedFunctionalGroupsSequence, ds.PerFrameFunctionalGroupsSequence = [shared], groups
    return ds


def _by_gdcm(syntax: str, its: int) -> Dataset:
    """Slice in a syntax that pydicom cannot write; GDCM works from file to file."""
    del syntax
    with tempfile.TemporaryDirectory() as folder:
        plain, packed = Path(folder) / "plain", Path(folder) / "packed"
        plain.write_bytes(_written(_slice()))
        reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
        reader.SetFileName(str(plain))
        reader.Read()
        change.SetTransferSyntax(gdcm.TransferSyntax(its))
        change.SetInput(reader.GetImage())
        change.Change()
        writer.SetFileName(str(packed))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        writer.Write()
        ds = pydicom.dcmread(io.BytesIO(packed.read_bytes()))  # noqa: TID251 - a file made here, to be changed
        ds.PixelData = bytes(ds.PixelData)
        return ds
