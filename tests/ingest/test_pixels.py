"""What stored values mean: bits, padding, tables, functional groups; each expected value is worked out by hand."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from tests.ingest.conftest import Given
from tests.support.dicom_factory import ct_slice, fundus_photograph, save, save_series

Ingest = Callable[[Path], Given]
WATER = 1024  # stored in the middle of a slice; air outside is 24


def stored(ds: Dataset) -> np.ndarray:
    return np.frombuffer(ds.PixelData, "<u2").reshape(ds.Rows, ds.Columns).copy()


def stack_of(folder: Path, change: Callable[[Dataset], None]) -> None:
    for number in range(4):
        ds = ct_slice(2.0 * number, number=number + 1)
        change(ds)
        save(ds, folder / str(number))


def test_values_above_the_lowest_bits_are_moved_down(tmp_path: Path, ingest: Ingest) -> None:
    def shift(ds: Dataset) -> None:
        ds.HighBit, ds.PixelData = 15, (stored(ds) << 4).astype("<u2").tobytes()

    stack_of(tmp_path, shift)

    assert ingest(tmp_path).studies[0].volumes[0].hu[0, 32, 32] == WATER - 1024


@pytest.mark.parametrize(("value", "raw"), [(-2000, -2000), (0xF830, -2000), (-1024, -1024)])
def test_padding_of_signed_pixels_is_air_however_its_sign_was_written(
    tmp_path: Path, ingest: Ingest, value: int, raw: int
) -> None:
    def pad(ds: Dataset) -> None:
        pixels = stored(ds).astype("<i2") - 1024
        pixels[:8] = raw
        ds.PixelRepresentation, ds.RescaleIntercept, ds.PixelData = 1, 0, pixels.tobytes()
        ds.BitsStored, ds.HighBit = 16, 15
        ds.add_new(0x00280120, "US" if value > 0 else "SS", value)

    stack_of(tmp_path, pad)

    hu = ingest(tmp_path).studies[0].volumes[0].hu
    assert (hu[:, :8] == -1024).all()
    assert hu[0, 32, 32] == WATER - 1024


def test_padding_written_in_all_bits_is_found_above_bits_stored(tmp_path: Path, ingest: Ingest) -> None:
    def pad(ds: Dataset) -> None:
        pixels = stored(ds)
        pixels[:8] = 0xF830  # masked to 12 bits it would be 2096, denser than water
        ds.PixelPaddingValue, ds.PixelData = 0xF830, pixels.tobytes()

    stack_of(tmp_path, pad)

    assert (ingest(tmp_path).studies[0].volumes[0].hu[:, :8] == -1024).all()


def test_padding_of_a_turned_over_film_ends_as_dark_as_the_darkest_tissue(tmp_path: Path, ingest: Ingest) -> None:
    ds = ct_slice(0.0, Modality="MG", PhotometricInterpretation="MONOCHROME1", PixelPaddingValue=0)
    pixels = stored(ds)
    pixels[:8] = 0  # the brightest, were it tissue
    ds.PixelData = pixels.tobytes()
    save(ds, tmp_path / "film")

    image = ingest(tmp_path).studies[0].images[0]

    assert (image.pixels[:8] == 4095 - pixels.max()).all()


def test_colour_of_twelve_bits_is_scaled_by_twelve_bits(tmp_path: Path, ingest: Ingest) -> None:
    pixels = np.full((20, 20, 3), 4095, "<u2")
    pixels[5] = 100
    save(fundus_photograph(pixels, BitsAllocated=16, BitsStored=12, HighBit=11), tmp_path / "deep")

    image = ingest(tmp_path).studies[0].images[0]

    assert image.unit_range().max() == 1.0


def enhanced(slope: Any) -> Dataset:
    """Three frames, from the top down."""
    ds = ct_slice(0.0, NumberOfFrames=3)
    ds.PixelData = b"".join(ct_slice(0.0, number=n).PixelData for n in (1, 2, 3))
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope", "RescaleIntercept"):
        delattr(ds, name)
    shared = Dataset()
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [Dataset()], [Dataset()]
    shared.PlaneOrientationSequence[0].ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence[0].PixelSpacing = [0.5, 0.5]
    groups = []
    for number, z in enumerate((4.0, 2.0, 0.0)):
        group = Dataset()
        group.PlanePositionSequence, group.PixelValueTransformationSequence = [Dataset()], [Dataset()]
        group.PlanePositionSequence[0].ImagePositionPatient = [0, 0, z]
        group.PixelValueTransformationSequence[0].RescaleSlope = slope if number == 1 else 1
        group.PixelValueTransformationSequence[0].RescaleIntercept = -1000 - number
        groups.append(group)
    ds.SharedFunctionalGroupsSequence, ds.PerFrameFunctionalGroupsSequence = [shared], groups
    return ds


def test_each_frame_of_an_enhanced_object_has_its_own_place_and_rescale(tmp_path: Path, ingest: Ingest) -> None:
    save(enhanced(1), tmp_path / "multi")

    (volume,) = ingest(tmp_path).studies[0].volumes

    assert volume.hu[:, 32, 32].tolist() == [WATER - 1002, WATER - 1001, WATER - 1000]
    assert volume.spacing_mm[0] == pytest.approx(2.0)


def test_a_slope_of_zero_deep_in_a_functional_group_is_refused(tmp_path: Path, ingest: Ingest) -> None:
    save(enhanced(0), tmp_path / "multi")

    assert "RescaleSlope is zero" in ingest(tmp_path).rejections[0].reason


def test_a_negative_slope_deep_in_a_functional_group_forbids_a_decision(tmp_path: Path, ingest: Ingest) -> None:
    save(enhanced(-1), tmp_path / "multi")

    assert "negative rescale slope" in "; ".join(ingest(tmp_path).problems)


def deflated(folder: Path, cut: int = 0) -> Path:
    """The same file, its data set packed."""
    file = save(ct_slice(0.0, Modality="CR"), folder / "packed")
    content = file.read_bytes()
    end = 144 + struct.unpack_from("<I", content, 140)[0]
    syntax = b"\x02\0\x10\0UI\x14\0" + ExplicitVRLittleEndian.encode() + b"\0"
    longer = b"\x02\0\x10\0UI\x16\0" + ExplicitVRLittleEndian.encode() + b".99"
    meta = content[144:end].replace(syntax, longer)
    pack = zlib.compressobj(wbits=-15)
    body = pack.compress(content[end:]) + pack.flush()
    file.write_bytes(content[:140] + struct.pack("<I", len(meta)) + meta + body[: len(body) - cut])
    return file


def test_a_deflated_file_is_read_like_any_other(tmp_path: Path, ingest: Ingest) -> None:
    deflated(tmp_path)

    assert ingest(tmp_path).studies[0].images[0].pixels[32, 32] == WATER


def test_a_cut_deflated_file_is_refused(tmp_path: Path, ingest: Ingest) -> None:
    deflated(tmp_path, cut=20)

    assert "cut" in ingest(tmp_path).rejections[0].reason


def test_a_film_says_how_much_of_it_nobody_looked_at(tmp_path: Path, ingest: Ingest) -> None:
    ds = ct_slice(0.0, side=16, Modality="US", NumberOfFrames=70)
    ds.PixelData = ds.PixelData * 70
    save(ds, tmp_path / "film")

    (study,) = ingest(tmp_path).studies

    assert len(study.images) == 64
    assert "6 were not looked at" in study.problems[0]


def test_a_screen_capture_among_slices_is_left_out_and_said(tmp_path: Path, ingest: Ingest) -> None:
    save_series(tmp_path, [0, 2, 4, 6])
    save(ct_slice(99.0, number=9, SOPClassUID="1.2.840.10008.5.1.4.1.1.7"), tmp_path / "page")

    (study,) = ingest(tmp_path).studies

    assert len(study.volumes[0].hu) == 4
    assert study.ref.notes == ("set aside from this series: a screen capture or dose page",)


def test_equal_pixels_at_one_place_are_a_copy_even_under_another_uid(tmp_path: Path, ingest: Ingest) -> None:
    save_series(tmp_path, [0, 2, 4, 6])
    save(ct_slice(2.0, number=2, SOPInstanceUID="1.2.3.4.5", SeriesDescription="sent again"), tmp_path / "again")

    (study,) = ingest(tmp_path).studies

    assert len(study.volumes[0].hu) == 4
    assert study.ref.problems == ()
    assert "same pixels" in study.ref.notes[0]
