"""Compressed pixels: whole streams give their pixels; a stream that is cut, holed or of another size gives a reason."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import gdcm
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import UID, JPEG2000Lossless, JPEGBaseline8Bit, JPEGLosslessSV1, JPEGLSLossless, RLELossless

from inspect_ai.errors import InputError
from inspect_ai.ingest.bitstream_headers import jpeg_shape
from tests.ingest.conftest import Given
from tests.support.dicom_factory import ct_slice, save

Ingest = Callable[[Path], Given]
GDCM = {
    JPEGLSLossless: gdcm.TransferSyntax.JPEGLSLossless,
    JPEGLosslessSV1: gdcm.TransferSyntax.JPEGLosslessProcess14_1,
}
LOSSLESS = [RLELossless, JPEG2000Lossless, *GDCM]
SIDE = 96


def picture() -> np.ndarray:
    """Smooth, so that JPEG changes it little, and of full range."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return (127 + 60 * np.sin(rows / 9) + 60 * np.cos(columns / 7)).astype(np.uint8)


def compressed(syntax: UID) -> Dataset:
    ds = ct_slice(0.0, side=SIDE, Modality="CR", BitsAllocated=8, BitsStored=8, HighBit=7)
    ds.PixelData = picture().tobytes()
    if syntax == JPEGBaseline8Bit:
        ds.file_meta.TransferSyntaxUID = syntax
        return with_stream(ds, cv2.imencode(".jpg", picture(), [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes())
    return by_gdcm(ds, syntax) if syntax in GDCM else ds.compress(syntax, generate_instance_uid=False) or ds


def by_gdcm(ds: Dataset, syntax: UID) -> Dataset:
    """pydicom has no encoder for these; GDCM works from file to file."""
    with tempfile.TemporaryDirectory() as folder:
        plain, packed = f"{folder}/plain", f"{folder}/packed"
        ds.save_as(plain, enforce_file_format=True)
        reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
        reader.SetFileName(plain)
        assert reader.Read()
        change.SetTransferSyntax(gdcm.TransferSyntax(GDCM[syntax]))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer.SetFileName(packed)
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
        return dcmread(packed)


def with_stream(ds: Dataset, stream: bytes) -> Dataset:
    ds.PixelData = encapsulate([stream])
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    return ds


def stream_of(ds: Dataset) -> bytes:
    return next(generate_frames(ds.PixelData, number_of_frames=1)).rstrip(b"\0")


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda s: s.name)
def test_lossless_streams_give_every_pixel(tmp_path: Path, ingest: Ingest, syntax: UID) -> None:
    save(compressed(syntax), tmp_path / "x")

    (study,) = ingest(tmp_path).studies

    assert np.array_equal(study.images[0].pixels, picture())
    assert not study.images[0].lossy


def test_a_lossy_stream_says_so(tmp_path: Path, ingest: Ingest) -> None:
    save(compressed(JPEGBaseline8Bit), tmp_path / "x")

    (study,) = ingest(tmp_path).studies

    assert study.images[0].lossy
    assert np.abs(study.images[0].pixels.astype(int) - picture()).max() < 8
    assert study.decoders[0].startswith("python-gdcm ")


@pytest.mark.parametrize("share", [0.5, 0.9])
@pytest.mark.parametrize("syntax", [*LOSSLESS, JPEGBaseline8Bit], ids=lambda s: s.name)
def test_a_cut_stream_is_refused(tmp_path: Path, ingest: Ingest, syntax: UID, share: float) -> None:
    ds = compressed(syntax)
    stream = stream_of(ds)
    save(with_stream(ds, stream[: int(share * len(stream))]), tmp_path / "x")

    given = ingest(tmp_path)

    assert given.readable == []
    assert len(given.rejections) == 1


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, *GDCM], ids=lambda s: s.name)
def test_a_stream_with_a_hole_and_a_good_end_is_refused(tmp_path: Path, ingest: Ingest, syntax: UID) -> None:
    ds = compressed(syntax)
    stream = stream_of(ds)
    middle = len(stream) // 2
    save(with_stream(ds, stream[:middle] + b"\xff\xd9"), tmp_path / "x")

    given = ingest(tmp_path)

    assert given.readable == []
    assert len(given.rejections) == 1


@pytest.mark.parametrize("shape", [(SIDE // 2, SIDE), (SIDE * 2, SIDE), (SIDE * 2, SIDE // 2)], ids=str)
@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGBaseline8Bit, *GDCM], ids=lambda s: s.name)
def test_a_stream_of_another_size_than_announced_is_refused_before_a_decoder_sees_it(
    tmp_path: Path, ingest: Ingest, syntax: UID, shape: tuple[int, int]
) -> None:
    ds = compressed(syntax)
    ds.Rows, ds.Columns = shape
    save(ds, tmp_path / "x")

    given = ingest(tmp_path)

    assert given.readable == []
    assert f"{SIDE} x {SIDE} pixels, the header says {shape[0]} x {shape[1]}" in given.rejections[0].reason


def test_an_rle_frame_of_more_pixels_than_announced_is_refused(tmp_path: Path, ingest: Ingest) -> None:
    ds = compressed(RLELossless)
    ds.Rows = SIDE // 2
    save(ds, tmp_path / "x")

    assert "another number of pixels" in ingest(tmp_path).rejections[0].reason


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, *GDCM], ids=lambda s: s.name)
def test_a_stream_without_its_last_marker_is_refused_whatever_a_decoder_would_make_of_it(syntax: UID) -> None:
    stream = stream_of(compressed(syntax))
    assert (jpeg_shape(stream).rows, jpeg_shape(stream).columns) == (SIDE, SIDE)

    with pytest.raises(InputError, match="cut"):
        jpeg_shape(stream[:-2])
