"""The report of a reader's answer says what the log holds of it, about the source files themselves."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inspect_ai import review
from inspect_ai.audit import Action, CertificateNote, DrawnMark, MarkKind, open_log
from inspect_ai.dicom_out import NoDicomStudy, objects_for, write_objects
from inspect_ai.errors import UsageError
from inspect_ai.review import standing_answer
from inspect_ai.settings import Settings
from tests.dicom_out.conftest import Answer, Made, logged
from tests.dicom_out.reading import code, groups, named, text, tracking
from tests.dicom_out.test_report import centre, region_of, source_of
from tests.support import logs
from tests.support.dicom_factory import enhanced_ct, fundus_photograph, save, uid
from tests.support.dicom_studies import PROVENANCE, ct_study, decided, nodule, study_of
from tests.support.pictures import noise

POINT, BOX, CIRCLE, FREEHAND = MarkKind.POINT, MarkKind.BOX, MarkKind.CIRCLE, MarkKind.FREEHAND
ANSWER, FINDING, READING, REASON = "answer 99INSPECT", "121071 DCM", "reading 99INSPECT", "answer_reason 99INSPECT"


def drawn(kind: MarkKind, *points: tuple[float, float], at: int | None = None) -> DrawnMark:
    return DrawnMark(kind=kind, points=points, slice=at)


def points_of(group: Any) -> list[tuple[float, float]]:
    """Rows and columns of a region, where the centre of the first pixel is 0, 0."""
    flat = np.array(region_of(group).GraphicData, float).reshape(-1, 2) - 0.5
    return [(float(y), float(x)) for x, y in flat]


def evaluations(report: Any) -> Any:
    (found,) = named(report, "C0034375 UMLS")
    return found


def predecessors(report: Any) -> list[str]:
    return [
        str(item.ReferencedSOPInstanceUID)
        for study in report.PredecessorDocumentsSequence
        for series in study.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    ]


def test_a_positive_answer_says_who_gave_it_what_it_says_and_why(root: Path, made: Made, answer: Answer) -> None:
    machine = made(decided(ct_study(root), nodule(1, 20, 30)))["report"]

    report = answer("positive", reason="spiculated rim", label="solid nodule", blinded=True)["report"]

    assert code(report, "121005 DCM") == "121006 DCM"  # the observer is a person
    assert str(named(report, "121008 DCM")[0].PersonName) == "anna^"
    said = evaluations(report)
    assert code(said, ANSWER) == "positive 99INSPECT"
    assert code(said, FINDING) == code(groups(machine)[0], FINDING) == "27925004 SCT"
    assert text(said, REASON) == "spiculated rim"
    assert text(said, "class 99INSPECT") == "solid nodule"
    assert code(said, READING) == "blinded 99INSPECT"
    assert code(said, "outcome 99INSPECT") == "flag 99INSPECT"
    assert text(said, "answer_to 99INSPECT").startswith("entry 1 of the audit log")
    assert text(said, "caution 99INSPECT") == "Research software: not a medical device."
    assert report.StudyInstanceUID == machine.StudyInstanceUID
    assert report.SeriesInstanceUID != machine.SeriesInstanceUID
    assert (report.CompletionFlag, report.VerificationFlag, report.PreliminaryFlag) == (
        "COMPLETE", "UNVERIFIED", "PRELIMINARY",
    )  # fmt: skip
    assert "VerifyingObserverSequence" not in report
    assert predecessors(report) == [machine.SOPInstanceUID]
    assert (str(report.PatientName), report.PatientID) == ("Marker^Secret", "SECRET-1")


def test_a_negative_answer_claims_no_finding(root: Path, made: Made, answer: Answer) -> None:
    made(decided(ct_study(root), nodule(1, 20, 30)))

    objects = answer("negative", drawn(CIRCLE, (20.0, 30.0), (26.0, 30.0), at=1))

    said = evaluations(objects["report"])
    assert code(said, ANSWER) == "negative 99INSPECT"
    assert code(said, READING) == "not_blinded 99INSPECT"
    assert not named(said, FINDING)
    (group,) = groups(objects["report"])
    assert code(group, FINDING) == "marked 99INSPECT"
    (segment,) = objects["segments"].SegmentSequence
    assert segment.SegmentedPropertyTypeCodeSequence[0].CodeValue == "marked"


def test_each_mark_is_a_group_on_its_slice_with_its_outline(root: Path, made: Made, answer: Answer) -> None:
    made(decided(ct_study(root)))
    outline = (50.5, 50.0), (58.0, 51.25), (54.0, 60.0)

    report = answer(
        "positive", drawn(POINT, (10.25, 40.5), at=3), drawn(BOX, (12.0, 20.0), (5.0, 6.0), at=0),
        drawn(FREEHAND, *outline, at=2),
    )["report"]  # fmt: skip

    point, box, area = groups(report)
    assert [region_of(group).GraphicType for group in (point, box, area)] == ["POINT", "POLYLINE", "POLYLINE"]
    assert points_of(point) == [(10.25, 40.5)]
    assert points_of(box) == [(12.0, 20.0), (12.0, 6.0), (5.0, 6.0), (5.0, 20.0), (12.0, 20.0)]
    assert points_of(area) == [*outline, outline[0]]
    names = [str(source_of(region_of(group)).ReferencedSOPInstanceUID) for group in (point, box, area)]
    assert names == [uid("i4"), uid("i1"), uid("i3")]  # the files lie in the opposite order
    assert [code(group, FINDING) for group in (point, box, area)] == ["27925004 SCT"] * 3
    assert [code(group, "363698007 SCT") for group in (point, box, area)] == ["39607008 SCT"] * 3


def test_a_circle_was_drawn_round_in_millimetres_on_a_slice(root: Path, made: Made, answer: Answer) -> None:
    made(decided(ct_study(root)))

    objects = answer("positive", drawn(CIRCLE, (30.0, 30.0), (30.0, 35.0), at=1))  # 5 columns of 0.8 mm: 4 mm

    (group,) = groups(objects["report"])
    assert region_of(group).GraphicType == "ELLIPSE"
    top, bottom, left, right = points_of(group)
    assert (bottom[0] - top[0], right[1] - left[1]) == pytest.approx((16.0, 10.0))  # rows are 0.5 mm apart
    mask = objects["segments"].pixel_array.squeeze()
    assert mask.sum() * 0.5 * 0.8 == pytest.approx(np.pi * 16, rel=0.05)


def test_areas_become_segments_of_their_slices_by_a_persons_hand(root: Path, made: Made, answer: Answer) -> None:
    made(decided(ct_study(root)))

    objects = answer(
        "positive", drawn(BOX, (5.0, 6.0), (12.0, 20.0), at=0), drawn(POINT, (40.0, 40.0), at=1),
        drawn(FREEHAND, (40.0, 40.0), (40.0, 60.0), (60.0, 60.0), at=2),
    )  # fmt: skip

    segments = objects["segments"]
    first, second = segments.SegmentSequence
    assert {first.SegmentAlgorithmType, second.SegmentAlgorithmType} == {"MANUAL"}
    assert [first.TrackingUID, second.TrackingUID] == [tracking(objects["report"])[i] for i in (0, 2)]
    box, triangle = segments.pixel_array
    assert np.argwhere(box).min(axis=0).tolist() == [5, 6]
    assert np.argwhere(box).max(axis=0).tolist() == [12, 20]
    assert box.sum() == 8 * 15
    assert int(triangle.sum()) == pytest.approx(200, rel=0.2)  # the rim counts
    assert triangle[45, 55]
    assert not triangle[55, 45]
    heights = [
        float(f.PlanePositionSequence[0].ImagePositionPatient[2]) for f in segments.PerFrameFunctionalGroupsSequence
    ]
    assert heights == [0.0, 5.0]


def test_a_mark_on_a_finding_of_the_machine_has_its_tracking_uid(root: Path, made: Made, answer: Answer) -> None:
    machine = made(decided(ct_study(root), nodule(1, 20, 30), nodule(2, 50, 50, diameter_mm=16.0)))["report"]

    report = answer(
        "positive", drawn(POINT, (24.0, 33.0), at=2), drawn(CIRCLE, (56.0, 52.0), (58.0, 52.0), at=2),
        drawn(POINT, (5.0, 5.0), at=1),
    )["report"]  # fmt: skip

    first, second, alone = tracking(report)
    assert [first, second] == tracking(machine)  # 4.1 mm away; within half of 16 mm
    assert alone not in tracking(machine)
    assert text_of_tracking(report) == [
        "reader's mark 1 on inspect_ai nodule 1", "reader's mark 2 on inspect_ai nodule 2", "reader's mark 3",
    ]  # fmt: skip


def text_of_tracking(report: Any) -> list[str]:
    return [str(named(group, "112039 DCM")[0].TextValue) for group in groups(report)]


def test_a_mark_in_a_file_of_many_frames_names_its_frame(root: Path, made: Made, answer: Answer) -> None:
    save(enhanced_ct([0.0, 2.5, 5.0, 7.5], side=64), root / "patient" / "all.dcm")
    made(decided(study_of(root, "patient")))

    objects = answer("positive", drawn(BOX, (5.0, 6.0), (12.0, 20.0), at=2))

    assert source_of(region_of(groups(objects["report"])[0])).ReferencedFrameNumber == 3
    (frame,) = objects["segments"].PerFrameFunctionalGroupsSequence
    assert float(frame.PlanePositionSequence[0].ImagePositionPatient[2]) == 5.0


def eyes(root: Path) -> Any:
    """A decision on two photographs, of which the second has the highest finding."""
    for number in (1, 2):
        photograph = fundus_photograph(noise() // number, SOPInstanceUID=uid(f"eye{number}"))
        photograph.file_meta.MediaStorageSOPInstanceUID = photograph.SOPInstanceUID
        save(photograph, root / "eyes" / f"{number}.dcm")
    found = nodule(
        1, 17, 19, name="referable", position_mm=None, diameter_mm=None, axes_mm=None, laterality="R",
        sop_instance_uid=uid("eye2"),
    )  # fmt: skip
    return decided(study_of(root, "eyes", "OP"), found, provenance=replace(PROVENANCE, task="fundus"))


def test_a_mark_on_a_photograph_is_round_in_pixels_and_no_segment(root: Path, made: Made, answer: Answer) -> None:
    machine = made(eyes(root))["report"]

    objects = answer("positive", drawn(CIRCLE, (20.0, 21.0), (20.0, 25.0)))

    (group,) = groups(objects["report"])
    assert region_of(group).GraphicType == "CIRCLE"
    assert centre(region_of(group)) == (20.0, 21.0)
    assert source_of(region_of(group)).ReferencedSOPInstanceUID == uid("eye2")  # the one on the screen
    assert tracking(objects["report"]) == tracking(machine)
    (site,) = named(group, "363698007 SCT")
    assert site.ContentSequence[0].ConceptCodeSequence[0].CodeValue == "24028007"  # right
    assert "segments" not in objects


def test_a_blinded_reader_of_photographs_marked_the_first(root: Path, made: Made, answer: Answer) -> None:
    made(eyes(root))

    report = answer("positive", drawn(POINT, (20.0, 21.0)), blinded=True)["report"]

    assert source_of(region_of(groups(report)[0])).ReferencedSOPInstanceUID == uid("eye1")


def test_marks_at_the_rim_stay_within_the_picture(root: Path, made: Made, answer: Answer) -> None:
    made(decided(ct_study(root)))

    report = answer("positive", drawn(BOX, (-3.0, -2.0), (10.0, 90.0), at=0), drawn(POINT, (70.0, 5.0), at=0))["report"]

    box, point = groups(report)
    assert points_of(box)[0] == (-0.5, -0.5)
    assert points_of(box)[2] == (10.0, 63.5)
    assert points_of(point) == [(63.5, 5.0)]


def test_a_mark_on_a_slice_that_is_not_there_is_told_and_not_shown(root: Path, made: Made, answer: Answer) -> None:
    made(decided(ct_study(root)))

    report = answer("positive", drawn(POINT, (1.0, 1.0), at=99))["report"]

    assert groups(report) == []
    assert text(report, "remark 99INSPECT") == "the reader's mark 1 lies on no picture of the study"


def test_an_answer_that_is_taken_back_is_followed_by_a_report_that_says_so(
    root: Path, made: Made, answer: Answer
) -> None:
    machine = made(decided(ct_study(root), nodule(1, 20, 30)))["report"]
    first = answer("positive", drawn(POINT, (20.0, 30.0), at=1))["report"]

    withdrawn = answer("reopen", reason="the wrong key")["report"]
    second = answer("negative")["report"]

    assert code(withdrawn, ANSWER) == "withdrawn 99INSPECT"
    assert text(withdrawn, REASON) == "the wrong key"
    assert groups(withdrawn) == []
    assert not named(evaluations(withdrawn), FINDING)
    assert withdrawn.CompletionFlag == "COMPLETE"
    assert predecessors(withdrawn) == [first.SOPInstanceUID]
    assert predecessors(second) == [machine.SOPInstanceUID, withdrawn.SOPInstanceUID]
    assert len({first.SOPInstanceUID, withdrawn.SOPInstanceUID, second.SOPInstanceUID}) == 3


def test_answers_that_close_nothing_have_no_report(root: Path, settings: Settings, answer: Answer) -> None:
    logged(settings, decided(ct_study(root), nodule(1, 20, 30)))

    for verdict in ("retake", "reopen", "second_reader"):
        with pytest.raises(UsageError, match=f"is the review '{verdict}': only positive and negative answers"):
            answer(verdict)

    answer("positive", operator="ben")  # the second reader


def test_an_answer_on_a_camera_file_ends_with_a_sentence(root: Path, settings: Settings, answer: Answer) -> None:
    root.mkdir()
    logs.make_log(settings.db, rows=1)

    with pytest.raises(NoDicomStudy, match="Entry 1 is a decision on a camera file"):
        answer("positive")


def test_the_report_of_an_answer_is_the_same_bytes_whatever_came_after_it(
    root: Path, settings: Settings, tmp_path: Path
) -> None:
    revoked = CertificateNote(
        task="lung_nodule", operating_point_sha256="c3" * 32, certified=False, statement="the scanner was replaced",
        action=Action.REVOKED, certificate_sha256="d4" * 32,
    )  # fmt: skip
    logged(settings, decided(ct_study(root), nodule(1, 20, 30)))
    written = []
    with open_log(settings.db) as log:
        given = review.decide(log, 1, "positive", "seen", marks=[drawn(BOX, (5, 6), (12, 20), at=0)]).last
        assert given is not None
        for folder in ("a", "b"):
            paths = write_objects(objects_for(given, log, root, settings), tmp_path / folder)
            written.append({path.name: path.read_bytes() for path in paths})
            log.append([revoked])
            review.decide(log, 1, "reopen", "in doubt")
            review.decide(log, 1, "negative", "a vessel")

    assert set(written[0]) == {"report.dcm", "segments.dcm"}
    assert written[0] == written[1]


def test_the_answer_that_stands_is_the_last_one_that_was_not_taken_back(root: Path, settings: Settings) -> None:
    logged(settings, decided(ct_study(root), nodule(1, 20, 30)))
    stood = []
    with open_log(settings.db) as log:
        for verdict in ("positive", "reopen", "retake", "reopen", "negative"):
            review.decide(log, 1, verdict, "why")
            found = standing_answer(1, log)
            stood.append(found and found.outcome)

    assert stood == ["positive", None, None, None, "negative"]


@pytest.mark.parametrize(
    ("account", "written"),
    [
        ("Müller^Anna\\B=C", "Müller Anna B C^"),
        ("  a\x1b[31m  b ", "a\\x1b[31m b^".replace("\\", " ")),
        ("x" * 200, None),
    ],
)
def test_an_account_is_one_component_of_a_persons_name(account: str, written: str | None) -> None:
    from inspect_ai.dicom_out.answer_report import person_name

    found = person_name(account)

    assert written is None or found == written
    assert len(found) <= 64
    assert found.count("^") == 1


@pytest.mark.parametrize("kind", ["ct", "enhanced", "photograph", "bare"])
def test_the_validators_find_no_error_in_the_objects_of_answers(
    kind: str, root: Path, made: Made, answer: Answer, tmp_path: Path
) -> None:
    if not (shutil.which("dciodvfy") and shutil.which("dsrdump")):
        pytest.skip("needs dciodvfy and dsrdump: apt-get install dicom3tools dcmtk")
    at = None if kind == "photograph" else 1
    marks = [drawn(CIRCLE, (20.0, 30.0), (24.0, 30.0), at=at), drawn(FREEHAND, (1, 1), (9, 1), (5, 9), at=at)]
    if kind == "photograph":
        made(eyes(root))
    elif kind == "enhanced":
        save(enhanced_ct([0.0, 2.5, 5.0], side=64), root / "p" / "all.dcm")
        made(decided(study_of(root, "p")))
    else:
        made(decided(ct_study(root), nodule(1, 20, 30)))

    answer("positive", *([] if kind == "bare" else marks), label="nodule")
    answer("reopen")
    answer("negative", blinded=True)

    paths = [path for number in (2, 3, 4) for path in (tmp_path / "objects" / str(number)).iterdir()]
    assert len(paths) == (4 if kind in ("ct", "enhanced") else 3)
    for path in paths:
        checked = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False)
        errors = [line for line in (checked.stdout + checked.stderr).splitlines() if line.startswith("Error")]
        assert errors == [], path
        if path.name == "report.dcm":
            read = subprocess.run(["dsrdump", str(path)], capture_output=True, text=True, check=False)
            assert read.returncode == 0
            assert "Person Observer" in read.stdout


def test_the_library_reads_the_report_of_an_answer_back(root: Path, made: Made, answer: Answer, tmp_path: Path) -> None:
    import highdicom

    made(decided(ct_study(root), nodule(1, 20, 30)))
    objects = answer("positive", drawn(BOX, (15.0, 25.0), (25.0, 35.0), at=1))

    report = highdicom.sr.srread(tmp_path / "objects" / "2" / "report.dcm")
    (group,) = report.content.get_planar_roi_measurement_groups()
    assert group.tracking_uid == tracking(objects["report"])[0]
    assert (
        len(report.content.get_observer_contexts(observer_type=highdicom.sr.CodedConcept("121006", "DCM", "Person")))
        == 1
    )
    segments = highdicom.seg.segread(tmp_path / "objects" / "2" / "segments.dcm")
    assert segments.number_of_segments == 1
