"""Inputs whose headers people of this trade reported: made by the scripts beside the shared data, read or refused."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from inspect_ai.domain import Study
from tests.ingest.conftest import Given

Ingest = Callable[[Path], Given]
Make = Callable[..., Path]
pytestmark = pytest.mark.shared

SLICES, STEP_MM = 30, 8.0
CORNER_MM = (-173.1767578125, -294.1767578125, 80.0)


@pytest.fixture
def make(shared: Path, tmp_path: Path) -> Make:
    """Run one of the scripts; returns the folder that it made."""

    def made(name: str, **variables: str) -> Path:
        out = tmp_path / "case"
        script = shared / "tools" / "field_cases" / f"{name}.py"
        environment = {**os.environ, **variables, "SHARED": str(shared)}
        subprocess.run([sys.executable, script, out], check=True, capture_output=True, env=environment)
        return out

    return made


@pytest.fixture(scope="session")
def unmodified(shared: Path) -> str:
    """Digest of the Hounsfield units of the series from which the scripts make their cases."""
    import pydicom

    files = (shared / "data" / "lung_nodule" / "ct_series" / "Lung_Dx-A0002").glob("*.dcm")
    slices = sorted((pydicom.dcmread(file) for file in files), key=lambda ds: float(ds.ImagePositionPatient[2]))
    hu = [ds.pixel_array * float(ds.RescaleSlope) + float(ds.RescaleIntercept) for ds in slices]
    return digest(np.clip(np.stack(hu), -1024, None).astype(np.int16))


def digest(hu: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(hu).tobytes()).hexdigest()


def only_study(given: Given) -> Study:
    (study,) = given.studies
    return study


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("dicom_02", {}),
        ("dicom_03", {}),
        ("dicom_30", {"KIND": "for"}),
        ("dicom_30", {"KIND": "un"}),
        ("dicom_30", {"KIND": "noid"}),
        ("dicom_30", {"KIND": "jls"}),
    ],
    ids=lambda value: value if isinstance(value, str) else value.get("KIND", ""),
)
def test_a_deviating_header_gives_the_same_volume(
    name: str, variables: dict[str, str], make: Make, ingest: Ingest, unmodified: str
) -> None:
    given = ingest(make(name, **variables))

    assert given.problems == [] == given.rejections
    (volume,) = only_study(given).volumes
    assert digest(volume.hu) == unmodified
    assert volume.spacing_mm[0] == STEP_MM
    assert volume.origin_mm == CORNER_MM


def test_a_slope_of_each_slice_gives_the_same_values_as_far_as_it_was_rounded(make: Make, ingest: Ingest) -> None:
    (volume,) = only_study(ingest(make("dicom_20"))).volumes

    assert len(volume.hu) == SLICES
    assert volume.hu.astype(np.int64).sum() == pytest.approx(-4216026223, rel=1e-5)


def test_a_patient_lying_prone_feet_first_keeps_places_in_millimetres(make: Make, ingest: Ingest) -> None:
    (volume,) = only_study(ingest(make("dicom_22"))).volumes

    rows, columns = volume.hu.shape[1:]
    assert volume.normal == pytest.approx((0, 0, 1))
    assert volume.position_mm(0, rows - 1, columns - 1) == pytest.approx(CORNER_MM, abs=1e-3)


def test_a_frame_of_reference_of_each_slice_is_told(make: Make, ingest: Ingest) -> None:
    study = only_study(ingest(make("dicom_30", KIND="for")))

    assert any("FrameOfReferenceUID (0020,0052)" in note for note in study.ref.notes)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dicom_10", ("ImagePositionPatient (0020,0032)", "comma", "decimal points")),
        ("dicom_21", ("RescaleSlope (0028,1053)", "RescaleIntercept (0028,1052)", "assume_hounsfield")),
    ],
)
def test_what_is_not_safe_to_read_names_the_element_and_the_next_step(
    name: str, words: tuple[str, ...], make: Make, ingest: Ingest
) -> None:
    given = ingest(make(name))

    assert given.rejections == []
    assert only_study(given).volumes == ()
    assert all(word in given.problems[0] for word in words)


def test_links_are_refused_with_what_to_scan_instead(make: Make, ingest: Ingest) -> None:
    given = ingest(make("dicom_15"))

    assert given.studies == []
    assert len(given.rejections) == SLICES
    assert all("Scan the folder in which the file itself lies" in r.reason for r in given.rejections)


def test_slices_that_a_viewer_saved_as_pictures_are_pictures(make: Make, ingest: Ingest) -> None:
    given = ingest(make("dicom_16"))

    assert given.rejections == []
    assert {(study.ref.kind, len(study.images)) for study in given.studies} == {("image", 1)}


def test_an_enhanced_object_of_many_frames_is_one_volume(make: Make, ingest: Ingest) -> None:
    (volume,) = only_study(ingest(make("dicom_18", THIN="4"))).volumes

    assert volume.hu.shape[0] == 59
    assert volume.spacing_mm[0] == pytest.approx(4.0)
    assert volume.origin_mm == CORNER_MM


def test_volumes_of_other_formats_are_named_with_the_next_step(make: Make, ingest: Ingest) -> None:
    given = ingest(make("dicom_24"))

    assert given.studies == []
    reasons = {r.file: r.reason for r in given.rejections}
    assert "NIfTI" in reasons["a.nii"]
    assert reasons["a.nii.gz"] == reasons["a.nii"]
    assert "MetaImage" in reasons["a.mhd"]
    assert all("export the DICOM series" in reasons[name] for name in ("a.nii", "a.nii.gz", "a.mhd"))
    assert "values without a header" in reasons["a.raw"]
