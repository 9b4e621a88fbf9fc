"""Slices become volumes: in order, in Hounsfield units, in millimetres; or the series says why not."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.ingest.conftest import Given
from tests.support.dicom_factory import ct_slice, fundus_photograph, save, save_series

Ingest = Callable[[Path], Given]
REGULAR = [2.5 * i for i in range(6)]


def test_slices_are_ordered_by_position_whatever_their_names_and_numbers(tmp_path: Path, ingest: Ingest) -> None:
    slices = save_series(tmp_path, REGULAR[::-1])

    (study,) = ingest(tmp_path).studies

    (volume,) = study.volumes
    assert volume.sop_instance_uids == tuple(ds.SOPInstanceUID for ds in reversed(slices))
    assert volume.spacing_mm == pytest.approx((2.5, 0.5, 0.8))
    assert volume.hu[0, 32, 32] == 0
    assert volume.hu[0, 0, 0] == -1000
    assert study.ref.problems == study.problems == ()


def test_a_voxel_lies_where_the_header_says_in_millimetres(tmp_path: Path, ingest: Ingest) -> None:
    save_series(tmp_path, REGULAR)

    volume = ingest(tmp_path).studies[0].volumes[0]

    assert volume.position_mm(2, 10, 20) == pytest.approx((-20 + 20 * 0.8, -10 + 10 * 0.5, 5.0))


def test_each_slice_has_its_own_rescale(tmp_path: Path, ingest: Ingest) -> None:
    for i, z in enumerate(REGULAR):
        save(ct_slice(z, number=i + 1, RescaleSlope=1 + i / 4), tmp_path / f"{i}")

    volume = ingest(tmp_path).studies[0].volumes[0]

    assert volume.hu[:, 32, 32].tolist() == [round(1024 * (1 + i / 4) - 1024) for i in range(6)]


def test_padding_becomes_air_and_high_bits_are_masked(tmp_path: Path, ingest: Ingest) -> None:
    for i, z in enumerate(REGULAR):
        ds = ct_slice(z, number=i + 1, PixelPaddingValue=24)
        stored = np.frombuffer(ds.PixelData, "<u2") | 0xF000
        ds.PixelData = stored.astype("<u2").tobytes()
        save(ds, tmp_path / f"{i}")

    volume = ingest(tmp_path).studies[0].volumes[0]

    assert volume.hu[0, 0, 0] == -1024
    assert volume.hu[0, 32, 32] == 0


@pytest.mark.parametrize(
    ("zs", "word"),
    [
        ([0, 2.5, 7.5, 10, 12.5], "gaps between slices"),
        ([0, 1, 2.2, 3.3, 4.7], "uneven steps"),
        ([0, 2.5, 2.5, 5, 7.5], "several pictures at one position"),
        ([0], "too few"),
    ],
)
def test_what_is_no_volume_says_why(tmp_path: Path, ingest: Ingest, zs: list[float], word: str) -> None:
    save_series(tmp_path, zs)

    given = ingest(tmp_path)

    assert word in "; ".join(given.problems)
    assert given.rejections == []


def test_a_leaning_stack_is_found_from_positions_alone(tmp_path: Path, ingest: Ingest) -> None:
    for i, z in enumerate(REGULAR):
        save(ct_slice(z, number=i + 1, ImagePositionPatient=[-20.0, -10.0 + 0.3 * z, z]), tmp_path / f"{i}")

    assert "leans 16.7 degrees" in "; ".join(ingest(tmp_path).problems)


def test_a_cut_slice_is_rejected_by_name_and_its_series_is_not_decided(tmp_path: Path, ingest: Ingest) -> None:
    save_series(tmp_path, REGULAR)
    file = sorted(tmp_path.iterdir())[2]
    file.write_bytes(file.read_bytes()[:-1000])

    given = ingest(tmp_path)

    assert [r.file for r in given.rejections] == [file.name]
    assert "a file of this series cannot be used: pixel data are cut" in "; ".join(given.problems)


def test_two_patients_in_one_series_are_refused(tmp_path: Path, ingest: Ingest) -> None:
    for i, z in enumerate(REGULAR):
        save(ct_slice(z, number=i + 1, PatientID=f"P{i // 3}"), tmp_path / f"{i}")

    given = ingest(tmp_path)

    assert given.studies == []
    assert len(given.rejections) == 6


def test_a_copy_is_counted_once_and_said(tmp_path: Path, ingest: Ingest) -> None:
    save_series(tmp_path, REGULAR)
    first = sorted(tmp_path.iterdir())[0]
    (tmp_path / "copy").write_bytes(first.read_bytes())

    (study,) = ingest(tmp_path).studies

    assert len(study.volumes[0].hu) == 6
    assert "counted once" in study.ref.notes[0]
    assert len(study.ref.files) == 7


def test_two_series_in_one_folder_are_two_studies(tmp_path: Path, ingest: Ingest) -> None:
    save_series(tmp_path / "a", REGULAR)
    save_series(tmp_path / "a" / "b", REGULAR, SeriesInstanceUID="1.2.3.4")

    assert len(ingest(tmp_path).readable) == 2


def test_a_forgery_in_another_folder_does_not_spoil_a_good_series(tmp_path: Path, ingest: Ingest) -> None:
    save_series(tmp_path / "good", REGULAR)
    save_series(tmp_path / "forged", [1.0, 2.0], PatientID="somebody else")

    given = ingest(tmp_path)

    (good,) = [s for s in given.studies if s.ref.source == "good"]
    assert good.ref.problems == good.problems == ()
    assert len(good.volumes[0].hu) == 6
    assert given.rejections == []
    assert "other folders" in good.ref.notes[0]


def test_no_name_of_a_patient_leaves_ingest(tmp_path: Path, ingest: Ingest) -> None:
    save_series(tmp_path, [0, 2.5, 9, 10])
    save(ct_slice(3, PatientName="Marker^Secret", RescaleSlope=0), tmp_path / "bad")

    given = ingest(tmp_path)

    assert given.rejections
    assert "Secret" not in repr(given)
    assert "SECRET" not in repr(given)


def test_a_fundus_photograph_keeps_colour_and_side(tmp_path: Path, ingest: Ingest) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    save(fundus_photograph(pixels), tmp_path / "eye")

    (study,) = ingest(tmp_path).studies

    assert np.array_equal(study.images[0].pixels, pixels)
    assert (study.ref.modality, study.images[0].laterality) == ("OP", "L")


def test_monochrome1_is_turned_over_once(tmp_path: Path, ingest: Ingest) -> None:
    save(ct_slice(0, Modality="CR", PhotometricInterpretation="MONOCHROME1"), tmp_path / "film")

    image = ingest(tmp_path).studies[0].images[0]

    assert image.white == 4095
    assert image.pixels[32, 32] == 4095 - 1024
