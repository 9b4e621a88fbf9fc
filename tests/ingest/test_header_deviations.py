"""Headers as the world writes them: read where it is safe, else refused by naming the element and the next step."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import RLELossless

from inspect_ai.ingest import DecoderPool, discover, load
from inspect_ai.ingest.data_set import GUESSED, NOT_RECOGNISED
from inspect_ai.settings import Settings
from tests.ingest.conftest import Given
from tests.support.dicom_factory import ct_slice, save, save_series

Ingest = Callable[[Path], Given]
REGULAR = [2.5 * i for i in range(6)]


@pytest.fixture
def plain(tmp_path: Path, ingest: Ingest) -> np.ndarray[Any, Any]:
    """Hounsfield units of the series without any deviation."""
    save_series(tmp_path / "plain", REGULAR)
    return ingest(tmp_path / "plain").studies[0].volumes[0].hu


def only_volume(given: Given) -> np.ndarray[Any, Any]:
    (study,) = given.studies
    assert given.problems == [] == given.rejections
    return study.volumes[0].hu


def rewritten(folder: Path, change: Callable[[int, bytes], bytes]) -> Path:
    """A folder of REGULAR slices whose bytes were changed."""
    for i, z in enumerate(REGULAR):
        path = save(ct_slice(z, number=i + 1), folder / f"{i}")
        path.write_bytes(change(i, path.read_bytes()))
    return folder


def bare(folder: Path, *, implicit: bool, little: bool = True, **changes: Any) -> Path:
    """The slices as data sets alone: no preamble, no File Meta."""
    folder.mkdir(parents=True)
    for i, z in enumerate(REGULAR):
        ds = ct_slice(z, number=i + 1, **changes)
        if not little:
            ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
        ds.file_meta = FileMetaDataset()
        with (folder / f"{i}").open("wb") as f:
            pydicom.dcmwrite(f, ds, implicit_vr=implicit, little_endian=little, enforce_file_format=False)
    return folder


@pytest.mark.parametrize(("implicit", "little"), [(True, True), (False, True), (False, False)])
def test_a_data_set_without_preamble_and_file_meta_is_read_by_what_its_bytes_show(
    implicit: bool, little: bool, tmp_path: Path, ingest: Ingest, plain: np.ndarray[Any, Any]
) -> None:
    given = ingest(bare(tmp_path / "bare", implicit=implicit, little=little))

    assert np.array_equal(only_volume(given), plain)
    assert GUESSED in given.studies[0].ref.notes


def test_bytes_that_happen_to_parse_are_no_picture(tmp_path: Path, ingest: Ingest) -> None:
    noise = np.random.default_rng(5)
    for i in range(40):
        content = struct.pack("<HHI", 8, 16, 4) + noise.bytes(4000)
        (tmp_path / f"{i}.raw").write_bytes(content if i % 2 else noise.bytes(4000))

    given = ingest(tmp_path)

    assert given.studies == []
    assert len(given.rejections) == 40
    assert {r.reason for r in given.rejections} <= {NOT_RECOGNISED, "text: no picture"}


def test_a_file_meta_without_transfer_syntax_is_no_obstacle(
    tmp_path: Path, ingest: Ingest, plain: np.ndarray[Any, Any]
) -> None:
    def without_syntax(_: int, content: bytes) -> bytes:
        at = content.index(b"\x02\x00\x10\x00UI")
        end = at + 8 + struct.unpack("<H", content[at + 6 : at + 8])[0]
        length = struct.unpack("<I", content[140:144])[0] - (end - at)
        return content[:140] + struct.pack("<I", length) + content[144:at] + content[end:]

    given = ingest(rewritten(tmp_path / "meta", without_syntax))

    assert np.array_equal(only_volume(given), plain)


def test_compressed_pixels_without_a_transfer_syntax_are_refused_by_its_tag(tmp_path: Path, ingest: Ingest) -> None:
    ds = ct_slice(0.0)
    ds.compress(RLELossless)
    del ds.file_meta.TransferSyntaxUID
    with (tmp_path / "a").open("wb") as f:
        pydicom.dcmwrite(f, ds, implicit_vr=False, little_endian=True, enforce_file_format=False)

    (rejection,) = ingest(tmp_path).rejections

    assert "TransferSyntaxUID (0002,0010)" in rejection.reason


@pytest.mark.parametrize("name", ["Rows", "PixelSpacing", "RescaleIntercept", "PixelData"])
def test_an_element_under_vr_un_is_read_as_the_dictionary_says(
    name: str, tmp_path: Path, ingest: Ingest, plain: np.ndarray[Any, Any]
) -> None:
    tag = pydicom.datadict.tag_for_keyword(name)
    assert tag is not None

    def unknown(_: int, content: bytes) -> bytes:
        at = content.rindex(
            struct.pack("<HH", tag >> 16, tag & 0xFFFF) + pydicom.datadict.dictionary_VR(tag)[-2:].encode()
        )
        if name == "PixelData":
            return content[: at + 4] + b"UN" + content[at + 6 :]
        length = content[at + 6 : at + 8]
        return content[: at + 4] + b"UN\0\0" + length + b"\0\0" + content[at + 8 :]

    assert np.array_equal(only_volume(ingest(rewritten(tmp_path / "un", unknown))), plain)


def test_functional_groups_longer_than_64_kib_under_vr_un_are_read(tmp_path: Path, ingest: Ingest) -> None:
    ds = enhanced(1400, side=4)
    path = save(ds, tmp_path / "a")
    content = path.read_bytes()
    at = content.index(b"\x00\x52\x30\x92SQ")
    length = content.index(b"\xe0\x7f\x10\x00OW") - at - 12
    assert length > 0xFFFF
    path.write_bytes(content[: at + 4] + b"UN\0\0" + struct.pack("<I", length) + content[at + 12 :])

    (study,) = ingest(tmp_path).studies

    assert study.ref.frames == 1400
    assert study.ref.problems == ()


def enhanced(frames: int, side: int = 64) -> Dataset:
    """One enhanced CT object; each frame has its height as its value, and frames are stored from the top down."""
    ds = ct_slice(0.0, side=side, SOPClassUID="1.2.840.10008.5.1.4.1.1.2.1")
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    for name in ("PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient"):
        delattr(ds, name)
    orientation, measures, shared = Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    measures.PixelSpacing, measures.SliceThickness = [0.5, 0.8], 1.0
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [orientation], [measures]
    ds.SharedFunctionalGroupsSequence = [shared]
    groups = []
    for k in range(frames):
        group, position = Dataset(), Dataset()
        position.ImagePositionPatient = [0, 0, frames - 1 - k]
        group.PlanePositionSequence = [position]
        groups.append(group)
    ds.PerFrameFunctionalGroupsSequence = groups
    ds.NumberOfFrames = frames
    stored = np.broadcast_to((frames - 1 - np.arange(frames, dtype="<u2"))[:, None, None], (frames, side, side)).copy()
    stored[:, 0, 0] = 4000
    ds.PixelData = stored.tobytes()
    return ds


def test_a_long_enhanced_object_is_more_than_a_picture_may_have_and_still_read(
    tmp_path: Path, pool: DecoderPool
) -> None:
    save(enhanced(60), tmp_path / "a")
    small = Settings(max_pixels=64 * 64 * 10)  # ten frames of a film; a volume may have eight times as many

    (ref,) = discover(tmp_path, settings=small, pool=pool)
    study = pool.submit(load, tmp_path, ref, small, timeout_s=60).result()

    assert study.volumes[0].hu.shape == (60, 64, 64)
    assert (study.volumes[0].hu[:, 5, 5] + 1024).tolist() == list(range(60))


def test_a_frame_over_the_limit_of_pixels_is_refused(tmp_path: Path, pool: DecoderPool) -> None:
    save(enhanced(60), tmp_path / "a")

    (rejection,) = discover(tmp_path, settings=Settings(max_pixels=64 * 64 - 1), pool=pool)

    assert "more than the limit" in rejection.reason  # type: ignore[union-attr]


def test_compressed_frames_are_decoded_one_by_one_into_their_places(tmp_path: Path, ingest: Ingest) -> None:
    ds = enhanced(12)
    ds.compress(RLELossless)
    save(ds, tmp_path / "a")

    hu = only_volume(ingest(tmp_path))

    assert (hu[:, 5, 5] + 1024).tolist() == list(range(12))


def test_compressed_frames_whose_end_mark_is_missing_are_refused(tmp_path: Path, ingest: Ingest) -> None:
    ds = enhanced(12)
    ds.compress(RLELossless)
    path = save(ds, tmp_path / "a")
    path.write_bytes(path.read_bytes()[:-8])

    assert "cut" in ingest(tmp_path).rejections[0].reason


@pytest.mark.parametrize("frames", [3, 8])
def test_frames_of_one_bit_that_begin_inside_a_byte_are_told_apart(frames: int, tmp_path: Path, ingest: Ingest) -> None:
    ds = ct_slice(0.0, side=9, Modality="OT", NumberOfFrames=frames)
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 1, 1, 0
    for name in ("RescaleSlope", "RescaleIntercept"):
        delattr(ds, name)
    bits = np.zeros((frames, 9, 9), np.uint8)
    for k in range(frames):
        bits[k, k, :] = 1
    packed = np.packbits(bits.ravel(), bitorder="little").tobytes()
    ds.PixelData = packed + b"\0" * (len(packed) % 2)
    save(ds, tmp_path / "a")

    images = ingest(tmp_path).studies[0].images

    assert [int(image.pixels[k].min()) for k, image in enumerate(images)] == [255] * frames
    assert [int((image.pixels > 0).sum()) for image in images] == [9] * frames


@pytest.mark.parametrize("series", ["1.2.826.00.4711", "1.2..826.4711", "1.2.826.4711."])
def test_a_uid_with_harmless_deviations_is_read(
    series: str, tmp_path: Path, ingest: Ingest, plain: np.ndarray[Any, Any]
) -> None:
    save_series(tmp_path / "uids", REGULAR, SeriesInstanceUID=series)

    assert np.array_equal(only_volume(ingest(tmp_path / "uids")), plain)


@pytest.mark.parametrize("series", ["1." * 32 + "12", "../1.2", "abc", "1.2/3", "1.2 3", "..1"])
def test_what_is_no_uid_is_refused(series: str, tmp_path: Path, ingest: Ingest) -> None:
    save_series(tmp_path, REGULAR, SeriesInstanceUID=series)

    given = ingest(tmp_path)

    assert given.studies == []
    assert {r.reason for r in given.rejections} == {"SeriesInstanceUID is no valid UID (1 to 64 digits and dots)"}


@pytest.mark.parametrize(
    "changes",
    [
        [{"PatientID": "SECRET-1"}, {"PatientID": " SECRET-1 "}],
        [{"PatientID": "SECRET-1"}, {"PatientID": ""}],
        [{"IssuerOfPatientID": "HOUSE"}, {"IssuerOfPatientID": ""}],
        [{"IssuerOfPatientID": "HOUSE", "PatientID": ""}, {"PatientID": "SECRET-1"}],
        [{"FrameOfReferenceUID": "1.2.3"}, {"FrameOfReferenceUID": ""}],
    ],
    ids=["spaces", "no id", "no issuer", "one of two", "no frame of reference"],
)
def test_identifiers_that_are_empty_or_padded_in_a_part_of_a_series_contradict_nothing(
    changes: list[dict[str, str]], tmp_path: Path, ingest: Ingest, plain: np.ndarray[Any, Any]
) -> None:
    for i, z in enumerate(REGULAR):
        save(ct_slice(z, number=i + 1, **changes[i % 2]), tmp_path / "part" / f"{i}")

    assert np.array_equal(only_volume(ingest(tmp_path / "part")), plain)


def test_the_patient_of_a_series_is_the_one_that_is_written_most_completely(tmp_path: Path, pool: DecoderPool) -> None:
    for i, z in enumerate(REGULAR):
        save(ct_slice(z, number=i + 1, PatientID="" if i else "SECRET-1"), tmp_path / "part" / f"{i}")
    save_series(tmp_path / "whole", REGULAR)

    hashes = {
        next(iter(discover(tmp_path / name, settings=Settings(), pool=pool, patient_key=b"key"))).patient_hash  # type: ignore[union-attr]
        for name in ("part", "whole")
    }

    assert len(hashes) == 1
    assert None not in hashes


def test_two_issuers_are_two_patients(tmp_path: Path, ingest: Ingest) -> None:
    for i, z in enumerate(REGULAR):
        save(ct_slice(z, number=i + 1, IssuerOfPatientID=f"HOUSE {i % 2}"), tmp_path / f"{i}")

    given = ingest(tmp_path)

    assert given.studies == []
    assert "two patients" in given.rejections[0].reason


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("ImagePositionPatient", "(0020,0032)"),
        ("PixelSpacing", "(0028,0030)"),
        ("RescaleIntercept", "(0028,1052)"),
        ("RescaleSlope", "(0028,1053)"),
    ],
)
def test_a_decimal_comma_is_refused_by_its_tag_and_the_next_step(
    name: str, tag: str, tmp_path: Path, ingest: Ingest
) -> None:
    group, number = (int(part, 16) for part in tag.strip("()").split(","))

    def with_commas(_: int, content: bytes) -> bytes:
        at = content.index(struct.pack("<HH", group, number) + b"DS")
        length = struct.unpack("<H", content[at + 6 : at + 8])[0]
        value = content[at + 8 : at + 8 + length]
        value = value.replace(b".", b",") if b"." in value else b"1,5".ljust(length)
        return content[: at + 6] + struct.pack("<H", len(value)) + value + content[at + 8 + length :]

    given = ingest(rewritten(tmp_path, with_commas))

    (study,) = given.studies
    assert study.volumes == ()
    assert any(f"{name} {tag}" in p and "decimal points" in p for p in given.problems)


def test_signed_values_without_rescale_are_refused_and_read_where_the_setting_says_so(
    tmp_path: Path, pool: DecoderPool, ingest: Ingest
) -> None:
    for i, z in enumerate(REGULAR):
        ds = ct_slice(z, number=i + 1, BitsStored=16, HighBit=15, PixelRepresentation=1)
        ds.PixelData = (np.frombuffer(ds.PixelData, "<u2").astype("<i2") - 1024).tobytes()
        for name in ("RescaleSlope", "RescaleIntercept"):
            delattr(ds, name)
        save(ds, tmp_path / f"{i}")
    assumed = replace(Settings(), assume_hounsfield=True)

    (problem,) = ingest(tmp_path).problems
    (ref,) = discover(tmp_path, settings=assumed, pool=pool)
    study = pool.submit(load, tmp_path, ref, assumed, timeout_s=60).result()

    assert "RescaleSlope (0028,1053)" in problem
    assert "assume_hounsfield = true" in problem
    assert ref.problems == () == study.problems  # type: ignore[union-attr]
    assert any("assume_hounsfield" in note for note in ref.notes)  # type: ignore[union-attr]
    assert study.volumes[0].hu[0, 32, 32] == 0
    assert study.volumes[0].hu[0, 0, 0] == -1000


def test_a_decision_without_the_assumption_is_another_than_one_with_it(tmp_path: Path, pool: DecoderPool) -> None:
    for i, z in enumerate(REGULAR):
        ds = ct_slice(z, number=i + 1)
        for name in ("RescaleSlope", "RescaleIntercept"):
            delattr(ds, name)
        save(ds, tmp_path / "without" / f"{i}")
    save_series(tmp_path / "with", REGULAR)

    def digest(folder: str, **changes: Any) -> str:
        (ref,) = discover(tmp_path / folder, settings=Settings(**changes), pool=pool)
        return ref.digest  # type: ignore[union-attr]

    assert digest("without") != digest("without", assume_hounsfield=True)
    assert digest("with") == digest("with", assume_hounsfield=True)


def test_slices_with_a_decimal_comma_at_one_end_do_not_shorten_the_volume(tmp_path: Path, ingest: Ingest) -> None:
    def with_commas(i: int, content: bytes) -> bytes:
        at = content.index(struct.pack("<HH", 0x20, 0x32) + b"DS")
        length = struct.unpack("<H", content[at + 6 : at + 8])[0]
        value = content[at + 8 : at + 8 + length]
        return content.replace(value, value.replace(b".", b",")) if i == 5 else content

    given = ingest(rewritten(tmp_path, with_commas))

    (study,) = given.studies
    assert len(study.ref.files) == 6
    assert study.volumes == ()
    assert "comma" in given.problems[0]


def test_slices_without_rescale_among_others_are_not_assumed_to_be_in_hounsfield_units(
    tmp_path: Path, pool: DecoderPool
) -> None:
    for i, z in enumerate(REGULAR):
        ds = ct_slice(z, number=i + 1)
        for name in ("RescaleSlope", "RescaleIntercept") if i == 2 else ():
            delattr(ds, name)
        save(ds, tmp_path / f"{i}")

    (ref,) = discover(tmp_path, settings=Settings(assume_hounsfield=True), pool=pool)

    assert any("in a part of the slices" in problem for problem in ref.problems)  # type: ignore[union-attr]
