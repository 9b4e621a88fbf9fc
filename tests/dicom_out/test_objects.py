"""Segments, picture, identity and headers of the objects, and the files that they become."""

import re
import shutil
import stat
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from inspect_ai.audit import open_log
from inspect_ai.dicom_out import objects_for, write_objects
from inspect_ai.domain import Outcome
from inspect_ai.errors import InputError, SetupError
from inspect_ai.settings import Settings
from tests.dicom_out.conftest import Made, logged, store_picture
from tests.dicom_out.reading import groups, tracking
from tests.support.dicom_factory import enhanced_ct, fundus_photograph, save, save_series, uid
from tests.support.dicom_studies import PROVENANCE, ct_study, decided, nodule, study_of
from tests.support.pictures import noise


def test_a_segment_is_the_circle_of_the_diameter_on_its_slice(root: Path, made: Made) -> None:
    findings = nodule(2, 20, 30, diameter_mm=8.0), nodule(0, 40, 12, diameter_mm=5.0)

    objects = made(decided(ct_study(root), *findings))

    segments = objects["segments"]
    assert segments.SegmentationType == "BINARY"
    assert segments.pixel_array.shape == (2, 64, 64)
    for number, finding in enumerate(findings, 1):
        (at,) = [
            i
            for i, frame in enumerate(segments.PerFrameFunctionalGroupsSequence)
            if frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber == number
        ]
        mask = segments.pixel_array[at]
        rows, columns = np.nonzero(mask)
        assert (rows.mean(), columns.mean()) == pytest.approx((finding.row, finding.col))
        area = mask.sum() * 0.5 * 0.8
        assert area == pytest.approx(np.pi * finding.diameter_mm**2 / 4, rel=0.1)
        frame = segments.PerFrameFunctionalGroupsSequence[at]
        assert float(frame.PlanePositionSequence[0].ImagePositionPatient[2]) == finding.position_mm[2]
        source = frame.DerivationImageSequence[0].SourceImageSequence[0]
        assert source.ReferencedSOPInstanceUID == finding.sop_instance_uid
    assert [segment.TrackingUID for segment in segments.SegmentSequence] == tracking(objects["report"])


def test_the_picture_shows_marks_outcome_and_caution_and_names_nobody(root: Path, made: Made) -> None:
    study, finding = ct_study(root), nodule(1, 20, 30)

    with_mark = made(decided(study, finding), picture=True)["picture"]
    clear = made(decided(study, finding, outcome=Outcome.CLEAR, provenance=_newer()), picture=True)["picture"]

    assert (with_mark.Modality, with_mark.PhotometricInterpretation) == ("OT", "RGB")
    assert list(with_mark.ImageType[:2]) == ["DERIVED", "SECONDARY"]
    assert with_mark.ImageComments == "Research software: not a medical device."
    assert "BurnedInAnnotation" not in with_mark  # the sources do not say that nothing is burned in
    assert with_mark.LossyImageCompression == "01"
    drawn = with_mark.pixel_array[:512, :512]
    ring = drawn[int(512 * 20.5 / 64), : int(512 * 31 / 64)]  # the row of the mark, left of its middle
    assert ring.min() < 20 < 90 < 200 < ring.max()  # white, with a black rim, on even grey
    assert (clear.pixel_array[:512, :512] == 90).all()
    assert with_mark.pixel_array[512:].any()  # the band of text
    assert with_mark.SourceImageSequence[0].ReferencedSOPInstanceUID == uid("i2")


def test_remarks_stand_below_the_picture_too(root: Path, made: Made) -> None:
    study, finding = ct_study(root), nodule(1, 20, 30)
    remarked = replace(study, notes=("a mass of 46 mm lies in slice 3: look at it",))

    without = made(decided(study, finding), picture=True)["picture"]
    with_remark = made(decided(remarked, finding, provenance=_newer()), picture=True)["picture"]

    assert with_remark.Rows == without.Rows + 20  # one line more


def _newer() -> Any:
    return replace(PROVENANCE, model_sha256="77" * 32)


def test_burned_in_is_denied_only_where_every_source_denies_it(root: Path, made: Made) -> None:
    save_series(root / "denied", [0.0, 2.5, 5.0], BurnedInAnnotation="NO")
    study = study_of(root, "denied")

    picture = made(decided(study, nodule(1, 20, 30)), picture=True)["picture"]

    assert picture.BurnedInAnnotation == "NO"


def test_a_decision_without_a_stored_picture_has_no_capture_and_says_so(root: Path, settings: Settings) -> None:
    (entry,) = logged(settings, decided(ct_study(root), nodule(1, 20, 30)))

    with open_log(settings.db) as log:
        objects = objects_for(entry, log, root, settings)

    assert [one.kind for one in objects.objects] == ["report", "segments"]
    assert objects.remarks == (f"Entry {entry.id} has no stored picture: no secondary capture was made.",)


def test_objects_made_twice_are_the_same_bytes(root: Path, settings: Settings, tmp_path: Path) -> None:
    (entry,) = logged(settings, decided(ct_study(root), nodule(1, 20, 30)))
    store_picture(entry, settings)

    written = []
    for folder in ("a", "b"):
        with open_log(settings.db) as log:
            paths = write_objects(objects_for(entry, log, root, settings), tmp_path / folder)
        written.append({path.name: path.read_bytes() for path in paths})

    assert set(written[0]) == {"report.dcm", "segments.dcm", "picture.dcm"}
    assert written[0] == written[1]


def test_objects_lie_in_the_source_study_each_in_a_series_of_its_own(root: Path, made: Made) -> None:
    save_series(
        root / "p", [0.0, 2.5, 5.0], StudyID="S7", StudyDate="20250102", StudyTime="101112", AccessionNumber="A9",
        PatientBirthDate="19650412", PatientSex="F", StudyInstanceUID=uid("own study"),
    )  # fmt: skip

    objects = made(decided(study_of(root, "p"), nodule(1, 20, 30)), picture=True)

    assert len(objects) == 3
    for ds in objects.values():
        assert ds.StudyInstanceUID == uid("own study")
        assert (str(ds.PatientName), ds.PatientID, ds.PatientSex) == ("Marker^Secret", "SECRET-1", "F")
        assert (ds.PatientBirthDate, ds.StudyDate, ds.StudyID, ds.AccessionNumber) == (
            "19650412", "20250102", "S7", "A9"
        )  # fmt: skip
    series = {ds.SeriesInstanceUID for ds in objects.values()}
    assert len(series) == 3
    assert uid("series") not in series
    assert all(re.fullmatch(r"2\.25\.\d{1,39}", ds.SOPInstanceUID) for ds in objects.values())


def test_times_are_those_of_the_decision_by_the_clock_of_the_sources(
    root: Path, settings: Settings, tmp_path: Path
) -> None:
    save_series(root / "p", [0.0, 2.5, 5.0], TimezoneOffsetFromUTC="+0530")
    with open_log(settings.db, clock=lambda: datetime(2025, 3, 31, 22, 15, 1, tzinfo=UTC)) as log:
        (entry,) = log.append([decided(study_of(root, "p"), nodule(1, 20, 30))])
        objects = objects_for(entry, log, root, settings)

    for one in objects.objects:
        ds = one.dataset
        assert (ds.ContentDate, ds.ContentTime, ds.TimezoneOffsetFromUTC) == ("20250401", "034501.000000", "+0530")
    assert objects.objects[0].dataset.ObservationDateTime == "20250401034501.000000+0530"


def test_files_are_for_their_owner_alone_and_named_after_their_kind(
    root: Path, settings: Settings, tmp_path: Path
) -> None:
    (entry,) = logged(settings, decided(ct_study(root), nodule(1, 20, 30)))
    with open_log(settings.db) as log:
        paths = write_objects(objects_for(entry, log, root, settings), tmp_path / "dicom" / "1")

    assert [path.name for path in paths] == ["segments.dcm", "report.dcm"]  # the report last: it says all are there
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in paths)
    assert stat.S_IMODE((tmp_path / "dicom" / "1").stat().st_mode) == 0o700


def test_an_object_that_is_not_made_any_more_leaves_no_file(root: Path, settings: Settings, tmp_path: Path) -> None:
    (entry,) = logged(settings, decided(ct_study(root), nodule(1, 20, 30)))
    with open_log(settings.db) as log:
        objects = objects_for(entry, log, root, settings)
    write_objects(objects, tmp_path / "1")

    write_objects(replace(objects, objects=objects.objects[:1]), tmp_path / "1")

    assert [path.name for path in (tmp_path / "1").iterdir()] == ["report.dcm"]


def test_a_folder_that_cannot_be_written_ends_with_a_sentence(root: Path, settings: Settings, tmp_path: Path) -> None:
    (entry,) = logged(settings, decided(ct_study(root), nodule(1, 20, 30)))
    (tmp_path / "taken").write_text("a file")
    with open_log(settings.db) as log:
        objects = objects_for(entry, log, root, settings)

    with pytest.raises(InputError, match=r"DICOM objects of entry 1 could not be written to .*taken"):
        write_objects(objects, tmp_path / "taken")


def test_without_the_extra_a_sentence_says_what_to_install(
    root: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (entry,) = logged(settings, decided(ct_study(root), nodule(1, 20, 30)))
    monkeypatch.setitem(__import__("sys").modules, "highdicom", None)

    with open_log(settings.db) as log, pytest.raises(SetupError, match=r'pip install "inspect-ai-vision\[dicom\]"'):
        objects_for(entry, log, root, settings)


@pytest.mark.parametrize("kind", ["ct", "enhanced", "photograph", "clear", "abstain", "bare"])
def test_the_validators_of_dicom3tools_and_dcmtk_find_no_error(
    kind: str, root: Path, settings: Settings, tmp_path: Path
) -> None:
    if not (shutil.which("dciodvfy") and shutil.which("dsrdump")):
        pytest.skip("needs dciodvfy and dsrdump: apt-get install dicom3tools dcmtk")
    finding = nodule(1, 20, 30)
    decision = decided(_source(root, kind), *([] if kind == "bare" else [_finding(kind, finding)]))
    if kind in ("clear", "abstain", "bare"):
        outcome = Outcome.CLEAR if kind == "clear" else Outcome.ABSTAIN
        score = None if kind == "bare" else 0.75
        decision = decided(decision.study, *decision.findings, outcome=outcome, score=score)
    (entry,) = logged(settings, decision)
    store_picture(entry, settings)
    with open_log(settings.db) as log:
        paths = write_objects(objects_for(entry, log, root, settings), tmp_path / "objects")

    for path in paths:
        checked = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False)
        errors = [line for line in (checked.stdout + checked.stderr).splitlines() if line.startswith("Error")]
        assert errors == [], path.name
    assert "picture.dcm" in {path.name for path in paths}
    read = subprocess.run(["dsrdump", str(paths[-1])], capture_output=True, text=True, check=False)
    assert read.returncode == 0
    assert "Comprehensive SR Document" in read.stdout


def _source(root: Path, kind: str) -> Any:
    if kind == "enhanced":
        save(enhanced_ct([0.0, 2.5, 5.0], side=64), root / "p" / "all.dcm")
        return study_of(root, "p")
    if kind == "photograph":
        save(fundus_photograph(noise()), root / "p" / "eye.dcm")
        return study_of(root, "p", "OP")
    return ct_study(root, zs=[0.0, 2.5, 5.0])


def _finding(kind: str, finding: Any) -> Any:
    if kind == "photograph":
        nothing = {"position_mm": None, "diameter_mm": None, "axes_mm": None}
        return replace(finding, **nothing, laterality="L", image_index=0, sop_instance_uid=uid("i1"))
    return replace(finding, sop_instance_uid=uid("enhanced")) if kind == "enhanced" else finding


def test_the_library_reads_its_own_objects_back(root: Path, made: Made, tmp_path: Path) -> None:
    import highdicom

    objects = made(decided(ct_study(root), nodule(1, 20, 30)), picture=True)

    report = highdicom.sr.srread(tmp_path / "objects" / "1" / "report.dcm")
    (group,) = report.content.get_planar_roi_measurement_groups()
    assert group.tracking_uid == tracking(objects["report"])[0]
    segments = highdicom.seg.segread(tmp_path / "objects" / "1" / "segments.dcm")
    assert segments.number_of_segments == len(groups(objects["report"]))
    assert pydicom.dcmread(tmp_path / "objects" / "1" / "picture.dcm").pixel_array.shape[-1] == 3
