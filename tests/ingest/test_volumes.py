"""One series becomes the volumes that the standard and scanners mean, and no other."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import JPEG2000, ExplicitVRBigEndian, ImplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from inspect_ai.domain import Study
from tests.ingest.conftest import Given
from tests.support.dicom_factory import ct_slice, enhanced_ct, save, save_series, uid

Ingest = Callable[[Path], Given]
FIRST, SECOND = [8.0 * i for i in range(5)], [8.0 * i + 4 for i in range(5)]  # half a step apart: even when merged


def save_two(folder: Path, first: dict[str, Any], second: dict[str, Any], zs: list[float] = SECOND) -> None:
    """Two sets of five slices in one series; the second has other pixels and other UIDs."""
    for i, z in enumerate(FIRST):
        save(ct_slice(z, number=i + 1, **first), folder / f"a{i}")
    for i, z in enumerate(zs):
        save(ct_slice(z, number=i + 11, **second), folder / f"b{i}")


def heights(study: Study) -> list[float]:
    (volume,) = study.volumes
    return [volume.position_mm(i, 0, 0)[2] for i in range(len(volume.hu))]


def assert_two_volumes(given: Given, word: str, zs: list[float] = SECOND) -> None:
    assert given.problems == []
    assert sorted(heights(study) for study in given.studies) == sorted([FIRST, zs])
    assert len({study.ref.digest for study in given.studies}) == 2
    assert [study.ref.key[-2:] for study in given.studies] == ["/1", "/2"]
    for number, study in enumerate(given.studies, 1):
        assert f"volume {number} of 2 of this series: " in study.ref.notes[-1]
        assert word in study.ref.notes[-1]


@pytest.mark.parametrize(
    ("first", "second", "word"),
    [
        ({"AcquisitionNumber": 1}, {"AcquisitionNumber": 2}, "acquisition"),
        ({"TemporalPositionIdentifier": 1}, {"TemporalPositionIdentifier": 2}, "temporal position"),
        ({"NominalPercentageOfCardiacPhase": 40}, {"NominalPercentageOfCardiacPhase": 75}, "cardiac phase"),
        ({"DiffusionBValue": 0.0}, {"DiffusionBValue": 800.0}, "b-value"),
        ({"EchoTime": 4.6}, {"EchoTime": 9.2}, "echo"),
        ({"EchoNumbers": 1}, {"EchoNumbers": 2}, "echo"),
        ({"ConvolutionKernel": "B30f"}, {"ConvolutionKernel": "B70f"}, "kernel"),
        ({}, {"FrameOfReferenceUID": uid("other")}, "frame of reference"),
        ({}, {"PixelSpacing": [0.7, 0.7]}, "pixel spacing"),
        ({}, {"side": 48}, "matrix"),
    ],
)
@pytest.mark.parametrize("zs", [SECOND, FIRST], ids=["half a step apart", "at the same places"])
def test_two_volumes_in_one_series_are_two_studies(
    tmp_path: Path, ingest: Ingest, first: dict[str, Any], second: dict[str, Any], word: str, zs: list[float]
) -> None:
    save_two(tmp_path, first, second, zs)

    assert_two_volumes(ingest(tmp_path), word, zs)


def test_two_passes_are_told_apart_by_instance_numbers_alone(tmp_path: Path, ingest: Ingest) -> None:
    save_two(tmp_path, {}, {})

    assert_two_volumes(ingest(tmp_path), "in their order")


def test_two_passes_are_told_apart_by_times_alone(tmp_path: Path, ingest: Ingest) -> None:
    save_two(tmp_path, {}, {})
    for i in range(5):
        for letter, time in (("a", "101010"), ("b", "101510.25")):
            ds = dcmread(tmp_path / f"{letter}{i}")
            ds.InstanceNumber, ds.AcquisitionTime = i + 1, time
            save(ds, tmp_path / f"{letter}{i}")

    assert_two_volumes(ingest(tmp_path), "in their order")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AcquisitionNumber", 1),
        ("TemporalPositionIdentifier", 1),
        ("ConvolutionKernel", "B30f"),
        ("EchoTime", 4.6),
        ("SliceThickness", 8),
    ],
)
def test_an_attribute_that_some_slices_lack_parts_nothing(
    tmp_path: Path, ingest: Ingest, name: str, value: Any
) -> None:
    for i, z in enumerate(FIRST):
        save(ct_slice(z, number=i + 1, **({} if i % 2 else {name: value})), tmp_path / f"{i}")

    (study,) = ingest(tmp_path).studies

    assert heights(study) == FIRST
    assert study.ref.problems == ()


def test_two_patients_in_a_folder_for_each_file_are_refused(tmp_path: Path, ingest: Ingest) -> None:
    for i, z in enumerate(FIRST):
        save(ct_slice(z, number=i + 1, PatientID=f"P{i % 2}"), tmp_path / f"{i}" / "file")

    given = ingest(tmp_path)

    assert given.studies == []
    assert all("two patients" in r.reason and not r.expected for r in given.rejections)


def test_a_forgery_in_a_folder_for_each_file_costs_one_case(tmp_path: Path, ingest: Ingest) -> None:
    for i, z in enumerate([*FIRST, FIRST[2]]):
        save(ct_slice(z, number=i + 1), tmp_path / f"{i}" / "file")

    given = ingest(tmp_path)

    assert len(given.studies) == 1
    assert "at one position" in "; ".join(given.problems)


def test_two_reconstructions_of_another_thickness_are_two_volumes(tmp_path: Path, ingest: Ingest) -> None:
    zs = [2.0 * i for i in range(17)]
    save_two(tmp_path, {"SliceThickness": 8, "InstanceNumber": 1}, {"SliceThickness": 2, "InstanceNumber": 1}, zs)

    given = ingest(tmp_path)

    assert sorted(map(heights, given.studies), key=len) == [FIRST, zs]
    assert given.problems == []


def test_another_orientation_is_another_volume(tmp_path: Path, ingest: Ingest) -> None:
    coronal = [[-20.0, 8.0 * i, 0.0] for i in range(5)]
    save_series(tmp_path, FIRST)
    for i, at in enumerate(coronal):
        turned = {"ImageOrientationPatient": [1, 0, 0, 0, 0, -1], "ImagePositionPatient": at}
        save(ct_slice(0, number=i + 11, **turned), tmp_path / f"c{i}")

    given = ingest(tmp_path)

    assert sorted(round(study.volumes[0].normal[2]) for study in given.studies) == [0, 1]
    assert given.problems == []


@pytest.mark.parametrize("numbers", [[1, 2, 3, 4, 5, 6], [1, 1, 1, 2, 2, 2], [3, 3, 1, 1, 2, 2], [6, 5, 4, 3, 2, 1]])
def test_acquisitions_that_follow_each_other_along_the_body_are_one_volume(
    tmp_path: Path, ingest: Ingest, numbers: list[int]
) -> None:
    for i, number in enumerate(numbers):
        save(ct_slice(2.5 * i, number=i + 1, AcquisitionNumber=number), tmp_path / f"{i}")

    (study,) = ingest(tmp_path).studies

    assert heights(study) == [2.5 * i for i in range(6)]
    assert study.ref.problems == study.ref.notes == ()
    assert "/" not in study.ref.key


def test_two_passes_of_one_acquisition_a_slice_are_two_volumes(tmp_path: Path, ingest: Ingest) -> None:
    for i, z in enumerate([*FIRST, *SECOND]):
        save(ct_slice(z, number=i + 1, AcquisitionNumber=i + 1), tmp_path / f"{i}")

    assert_two_volumes(ingest(tmp_path), "acquisitions")


def test_instance_numbers_in_no_order_part_nothing(tmp_path: Path, ingest: Ingest) -> None:
    for i, number in enumerate([4, 1, 6, 2, 5, 3]):
        save(ct_slice(2.5 * i, number=number), tmp_path / f"{i}")

    (study,) = ingest(tmp_path).studies

    assert heights(study) == [2.5 * i for i in range(6)]


def test_single_slices_of_bolus_tracking_are_set_aside(tmp_path: Path, ingest: Ingest) -> None:
    save_series(tmp_path, FIRST, AcquisitionNumber=3)
    for i in range(2):
        save(ct_slice(9.0, number=i + 11, AcquisitionNumber=i + 1), tmp_path / f"b{i}")

    given = ingest(tmp_path)

    assert [heights(study) for study in given.studies] == [FIRST]
    assert given.problems == []
    assert {(r.file, r.expected) for r in given.rejections} == {("b0", True), ("b1", True)}


@pytest.mark.parametrize(
    "image_type",
    [
        ["DERIVED", "PRIMARY", "AXIAL", "CT_SOM5 MIP"],
        ["DERIVED", "SECONDARY", "MINIP"],
        ["DERIVED", "SECONDARY", "REFORMATTED", "AVERAGE"],
        ["DERIVED", "PRIMARY", "MPR"],
        ["DERIVED", "SECONDARY", "AXIAL"],
        ["ORIGINAL", "PRIMARY", "AXIAL", "MIP"],
    ],
)
def test_a_derived_series_alone_is_not_decided_like_an_original(
    tmp_path: Path, ingest: Ingest, image_type: list[str]
) -> None:
    save_series(tmp_path, FIRST, ImageType=image_type)

    (study,) = ingest(tmp_path).studies

    assert "not decided like an original" in "; ".join(study.ref.problems)


def test_a_projection_beside_its_original_is_set_aside(tmp_path: Path, ingest: Ingest) -> None:
    save_series(tmp_path / "thin", FIRST, ImageType=["ORIGINAL", "PRIMARY", "AXIAL"])
    mip = {"ImageType": ["DERIVED", "SECONDARY", "MIP"], "SeriesInstanceUID": uid("mip")}
    for i, z in enumerate(FIRST):
        save(ct_slice(z, number=i + 11, **mip), tmp_path / "mip" / f"{i}")

    given = ingest(tmp_path)

    assert [study.ref.source for study in given.studies] == ["thin"]
    assert {r.file for r in given.rejections if r.expected} == {f"mip/{i}" for i in range(5)}


def test_what_was_only_compressed_is_decided_with_a_remark(tmp_path: Path, ingest: Ingest) -> None:
    save_series(tmp_path, FIRST, ImageType=["DERIVED", "PRIMARY", "AXIAL"], LossyImageCompression="01")

    (study,) = ingest(tmp_path).studies

    assert study.ref.problems == study.problems == ()
    assert len(study.volumes[0].hu) == 5
    assert "lossy compression" in study.ref.notes[0]


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_each_slice_twice_in_another_transfer_syntax_counts_once(tmp_path: Path, ingest: Ingest, syntax: str) -> None:
    save_series(tmp_path / "a", FIRST)
    for i, z in enumerate(FIRST):
        save_encoded(ct_slice(z, number=i + 1, SOPInstanceUID=uid(f"copy{i}")), tmp_path / "b" / f"{i}", syntax)

    (study,) = ingest(tmp_path).studies

    assert study.ref.problems == study.problems == ()
    assert heights(study) == FIRST
    assert len(study.ref.files) == 10
    assert "count" in " ".join(study.ref.notes)


def test_the_lossless_original_is_taken_before_its_lossy_copy(tmp_path: Path, ingest: Ingest) -> None:
    original = save_series(tmp_path / "b", FIRST)
    for i, z in enumerate(FIRST):
        copy = ct_slice(z, number=i + 1, ImageType=["DERIVED", "PRIMARY", "AXIAL"], LossyImageCompression="01")
        save_encoded(copy, tmp_path / "a" / f"{i}", JPEG2000, j2k_cr=[6])

    (study,) = ingest(tmp_path).studies

    assert study.ref.problems == study.problems == ()
    stored = np.frombuffer(original[2].PixelData, "<u2").reshape(64, 64)
    assert np.array_equal(study.volumes[0].hu[2], stored.astype(int) - 1024)
    assert not study.volumes[0].lossy
    assert "lossy" in " ".join(study.ref.notes)


@pytest.mark.parametrize("lossy", [False, True])
def test_another_picture_under_the_header_of_a_copy_forbids_a_decision(
    tmp_path: Path, ingest: Ingest, lossy: bool
) -> None:
    save_series(tmp_path, FIRST)
    strange = ct_slice(FIRST[2], number=3)
    strange.PixelData = np.full((64, 64), 700, "<u2").tobytes()
    if lossy:
        strange.LossyImageCompression = "01"
    save_encoded(strange, tmp_path / "strange", RLELossless)

    assert "two different pictures at one position" in "; ".join(ingest(tmp_path).problems)


def test_the_same_series_in_two_folders_counts_once(tmp_path: Path, ingest: Ingest) -> None:
    save_series(tmp_path / "a", FIRST)
    (alone,) = ingest(tmp_path).studies
    save_series(tmp_path / "b" / "c", FIRST)

    (study,) = ingest(tmp_path).studies

    assert study.ref.problems == study.problems == ()
    assert len(study.ref.files) == 10
    assert study.ref.digest == alone.ref.digest  # the same decision
    assert heights(study) == FIRST
    assert "5 files are copies" in study.ref.notes[0]


@pytest.mark.parametrize("folders", [2, 3, 5])
def test_a_series_over_several_folders_is_one_volume(tmp_path: Path, ingest: Ingest, folders: int) -> None:
    for i, z in enumerate(FIRST):
        save(ct_slice(z, number=i + 1), tmp_path / "deep" / f"{i % folders}" / f"{i}")

    (study,) = ingest(tmp_path).studies

    assert heights(study) == FIRST
    assert study.ref.problems == ()
    assert study.ref.source == "deep"
    assert f"{folders} folders" in study.ref.notes[0]


def test_a_phantom_of_the_same_identifiers_elsewhere_costs_a_remark(tmp_path: Path, ingest: Ingest) -> None:
    save_series(tmp_path / "good", FIRST)
    for i, z in enumerate(FIRST):
        strange = ct_slice(z, number=i + 11)
        strange.PixelData = np.full((64, 64), 100 + i, "<u2").tobytes()
        save(strange, tmp_path / "strange" / f"{i}")

    given = ingest(tmp_path)

    good = next(study for study in given.studies if study.ref.source == "good")
    assert good.ref.problems == ()
    assert "other folders bear the same UIDs" in " ".join(good.ref.notes)


def test_a_cut_copy_of_a_whole_slice_costs_a_remark(tmp_path: Path, ingest: Ingest) -> None:
    save_series(tmp_path / "a", FIRST)
    whole = sorted((tmp_path / "a").iterdir())[0]
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "cut").write_bytes(whole.read_bytes()[:-500])

    given = ingest(tmp_path)

    assert given.problems == []
    assert [(r.file, r.expected) for r in given.rejections] == [("b/cut", False)]
    assert "damaged copy" in " ".join(given.studies[0].ref.notes)


def test_the_parts_of_a_concatenation_are_one_volume(tmp_path: Path, ingest: Ingest) -> None:
    zs = [2.0 * i for i in range(12)]
    for part in range(3):
        own = {"ConcatenationUID": uid("whole"), "InConcatenationNumber": part + 1, "InConcatenationTotalNumber": 3}
        save(enhanced_ct(zs[4 * part : 4 * part + 4], name=f"e{part}", **own), tmp_path / f"{2 - part}")

    (study,) = ingest(tmp_path).studies

    assert heights(study) == zs
    assert study.ref.problems == ()


@pytest.mark.parametrize("lost", [0, 2])
def test_a_lost_part_of_a_concatenation_is_named(tmp_path: Path, ingest: Ingest, lost: int) -> None:
    zs = [2.0 * i for i in range(12)]
    for part in {0, 1, 2} - {lost}:
        own = {"ConcatenationUID": uid("whole"), "InConcatenationNumber": part + 1, "InConcatenationTotalNumber": 3}
        save(enhanced_ct(zs[4 * part : 4 * part + 4], name=f"e{part}", **own), tmp_path / f"{part}")

    assert "1 of 3 parts of a concatenation" in "; ".join(ingest(tmp_path).problems)


def test_one_enhanced_object_of_two_temporal_positions_is_two_volumes(tmp_path: Path, ingest: Ingest) -> None:
    ds = enhanced_ct([z for z in FIRST for _ in range(2)])
    for i, group in enumerate(ds.PerFrameFunctionalGroupsSequence):
        content = Dataset()
        content.TemporalPositionIndex = i % 2 + 1
        group.FrameContentSequence = Sequence([content])
    save(ds, tmp_path / "both")

    given = ingest(tmp_path)

    assert [heights(study) for study in given.studies] == [FIRST, FIRST]
    assert [study.ref.selection for study in given.studies] == [("1,3,5,7,9",), ("2,4,6,8,10",)]
    assert given.problems == []
    first, second = (study.volumes[0].hu for study in given.studies)
    assert not np.array_equal(first, second)
    assert len({study.ref.digest for study in given.studies}) == 2


def test_two_enhanced_objects_of_one_range_are_two_volumes(tmp_path: Path, ingest: Ingest) -> None:
    save(enhanced_ct(FIRST, name="e1"), tmp_path / "1")
    save(enhanced_ct(SECOND, name="e2"), tmp_path / "2")

    assert_two_volumes(ingest(tmp_path), "object")


def test_an_empty_frame_of_reference_in_a_part_of_a_series_parts_nothing(tmp_path: Path, ingest: Ingest) -> None:
    zs = [8.0 * i for i in range(8)]  # enough for two volumes
    for i, z in enumerate(zs):
        save(ct_slice(z, number=i + 1, **({"FrameOfReferenceUID": ""} if i % 2 else {})), tmp_path / f"{i}")

    (study,) = ingest(tmp_path).studies

    assert study.ref.problems == ()
    assert heights(study) == zs


def test_an_empty_patient_in_a_part_of_a_series_is_no_second_patient(tmp_path: Path, ingest: Ingest) -> None:
    for i, z in enumerate(FIRST):
        save(ct_slice(z, number=i + 1, **({"PatientID": ""} if i % 2 else {})), tmp_path / f"{i}")

    given = ingest(tmp_path)

    assert [heights(study) for study in given.studies] == [FIRST]
    assert given.rejections == []


@pytest.mark.parametrize(
    ("sop_class", "word"),
    [
        ("1.2.840.10008.5.1.4.1.1.88.67", "a dose report"),
        ("1.2.840.10008.5.1.4.1.1.88.22", "a structured report"),
        ("1.2.840.10008.5.1.4.1.1.88.59", "a key object selection"),
        ("1.2.840.10008.5.1.4.1.1.104.1", "an encapsulated PDF"),
        ("1.2.840.10008.5.1.4.1.1.11.1", "a presentation state"),
        ("1.2.840.10008.5.1.4.1.1.66.4", "a segmentation"),
        ("1.2.840.10008.5.1.4.1.1.481.5", "a plan of radiotherapy"),
    ],
)
def test_an_object_without_a_picture_is_set_aside_and_told(
    tmp_path: Path, ingest: Ingest, sop_class: str, word: str
) -> None:
    save_series(tmp_path, FIRST)
    other = ct_slice(0, number=99, SOPClassUID=sop_class)
    del other.PixelData
    save(other, tmp_path / "other")

    given = ingest(tmp_path)

    assert [(r.file, r.expected) for r in given.rejections] == [("other", True)]
    assert word in given.rejections[0].reason
    (study,) = given.studies
    assert study.ref.notes == (f"set aside from this series: {word}",)
    assert heights(study) == FIRST


def test_a_picture_file_that_was_cut_before_its_pixels_is_no_foreign_object(tmp_path: Path, ingest: Ingest) -> None:
    cut = ct_slice(0)
    del cut.PixelData
    save(cut, tmp_path / "cut")

    (rejection,) = ingest(tmp_path).rejections

    assert not rejection.expected


def test_a_capture_alone_in_its_study_may_be_somebodys_picture(tmp_path: Path, ingest: Ingest) -> None:
    save(ct_slice(0, SOPClassUID="1.2.840.10008.5.1.4.1.1.7", Modality="OT"), tmp_path / "photograph")

    given = ingest(tmp_path)

    assert [study.ref.modality for study in given.studies] == ["OT"]
    assert given.rejections == []


def test_frames_that_are_set_aside_do_not_take_their_file_with_them(tmp_path: Path, ingest: Ingest) -> None:
    ds = enhanced_ct([*FIRST, 4.0])
    for i, group in enumerate(ds.PerFrameFunctionalGroupsSequence):
        content = Dataset()
        content.TemporalPositionIndex = i // 5 + 1
        group.FrameContentSequence = Sequence([content])
    save(ds, tmp_path / "both")

    given = ingest(tmp_path)

    assert [heights(study) for study in given.studies] == [FIRST]
    assert given.studies[0].ref.selection == ("1-5",)
    assert given.rejections == []
    assert "set aside from this series: 1 x" in given.studies[0].ref.notes[0]


def test_a_remark_names_no_file_of_another_volume(tmp_path: Path, ingest: Ingest) -> None:
    save_two(tmp_path, {"AcquisitionNumber": 1}, {"AcquisitionNumber": 2})
    (tmp_path / "copy").write_bytes((tmp_path / "a0").read_bytes())

    first, second = (study.ref for study in ingest(tmp_path).studies)

    assert "copy" in " ".join(first.notes)
    assert "copy" not in " ".join(second.notes)
    assert {file.path for file in first.files} == {"copy", *(f"a{i}" for i in range(5))}


def test_a_page_without_a_position_does_not_spoil_the_slices(tmp_path: Path, ingest: Ingest) -> None:
    save_series(tmp_path, FIRST)
    page = ct_slice(0, number=99, side=80)
    del page.ImagePositionPatient
    save(page, tmp_path / "page")

    given = ingest(tmp_path)

    assert [(r.file, r.expected) for r in given.rejections] == [("page", True)]
    assert [heights(study) for study in given.studies] == [FIRST]
    assert given.problems == []


def test_a_page_or_view_in_a_series_of_its_own_is_set_aside_though_nothing_names_it(
    tmp_path: Path, ingest: Ingest
) -> None:
    save_series(tmp_path / "ct", FIRST)
    page = ct_slice(0, number=98, SeriesInstanceUID=uid("page"))
    del page.ImagePositionPatient, page.RescaleSlope, page.RescaleIntercept
    save(page, tmp_path / "page")
    view = {"SeriesInstanceUID": uid("view"), "ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}
    save(ct_slice(0, number=99, **view), tmp_path / "view")

    given = ingest(tmp_path)

    assert [heights(study) for study in given.studies] == [FIRST]
    assert {(r.file, r.expected) for r in given.rejections} == {("page", True), ("view", True)}


def test_a_single_axial_slice_beside_a_stack_is_a_case(tmp_path: Path, ingest: Ingest) -> None:
    save_series(tmp_path / "ct", FIRST)
    save(ct_slice(99, number=99, SeriesInstanceUID=uid("alone")), tmp_path / "alone")

    assert len(ingest(tmp_path).studies) == 2


def test_a_slice_that_lost_its_position_forbids_a_decision(tmp_path: Path, ingest: Ingest) -> None:
    save_series(tmp_path, FIRST)
    lost = ct_slice(0, number=99)
    del lost.ImagePositionPatient
    save(lost, tmp_path / "lost")

    assert "without position" in "; ".join(ingest(tmp_path).problems)


def save_encoded(ds: Dataset, path: Path, syntax: str, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    if syntax == ImplicitVRLittleEndian:
        ds.file_meta.TransferSyntaxUID = syntax
        ds.save_as(path, enforce_file_format=True)
    elif syntax == ExplicitVRBigEndian:
        ds.file_meta.TransferSyntaxUID = syntax
        ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
        ds.save_as(path, enforce_file_format=True, implicit_vr=False, little_endian=False)
    else:
        ds.compress(syntax, generate_instance_uid=False, **options)
        ds.save_as(path, enforce_file_format=True)
