"""The structured report says what the decision in the log says, about the source files themselves."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inspect_ai.audit import Action, CertificateNote, open_log
from inspect_ai.dicom_out import objects_for
from inspect_ai.domain import Outcome
from inspect_ai.settings import Settings
from tests.dicom_out.conftest import Made, logged
from tests.dicom_out.reading import code, groups, named, number, text, tracking
from tests.support.dicom_factory import enhanced_ct, fundus_photograph, save, uid
from tests.support.dicom_studies import PROVENANCE, ct_study, decided, nodule, study_of
from tests.support.pictures import noise

SCORE, LINE, LONG, SHORT = "score 99INSPECT", "flag_line 99INSPECT", "103339001 SCT", "103340004 SCT"
REGION = "111030 DCM"


def region_of(group: Any) -> Any:
    (item,) = [item for item in named(group, REGION) if item.ValueType == "SCOORD"]
    return item


def source_of(region: Any) -> Any:
    return region.ContentSequence[0].ReferencedSOPSequence[0]


def centre(region: Any) -> tuple[float, float]:
    """Row and column of a point, circle or ellipse, where the centre of the first pixel is 0, 0."""
    points = np.array(region.GraphicData, float).reshape(-1, 2)
    x, y = points[0] if region.GraphicType in ("POINT", "CIRCLE") else points.mean(axis=0)
    return y - 0.5, x - 0.5


def test_each_finding_of_a_flag_is_a_group_at_its_place_with_its_size_and_score(root: Path, made: Made) -> None:
    study = ct_study(root)
    findings = nodule(2, 20, 30), nodule(0, 40, 12, score=0.5, axes_mm=None, diameter_mm=4.0)

    report = made(decided(study, *findings))["report"]

    assert len(groups(report)) == 2
    for group, finding in zip(groups(report), findings, strict=True):
        region = region_of(group)
        assert centre(region) == (finding.row, finding.col)
        assert source_of(region).ReferencedSOPInstanceUID == finding.sop_instance_uid
        assert number(group, SCORE) == finding.score
        assert number(group, "81827009 SCT") == finding.diameter_mm
        assert code(group, "121071 DCM") == "27925004 SCT"
        assert code(group, "363698007 SCT") == "39607008 SCT"
    assert number(groups(report)[0], LONG) == 7.25
    assert number(groups(report)[0], SHORT) == 4.5
    assert not named(groups(report)[1], LONG)


def test_the_marks_lie_in_the_patient_where_the_decision_says(root: Path, made: Made) -> None:
    study, finding = ct_study(root), nodule(2, 20, 30)

    report = made(decided(study, finding))["report"]

    region = region_of(groups(report)[0])
    named_slice = int(source_of(region).ReferencedSOPInstanceUID == uid("i3"))
    row, col = centre(region)
    position = (-20.0 + 0.8 * col, -10.0 + 0.5 * row, 5.0 * named_slice)  # of the factory's slices
    assert position == pytest.approx(finding.position_mm)


def test_a_circle_in_the_patient_is_an_ellipse_where_pixels_are_not_square(root: Path, made: Made) -> None:
    report = made(decided(ct_study(root), nodule(1, 20, 30, diameter_mm=8.0)))["report"]

    region = region_of(groups(report)[0])
    points = np.array(region.GraphicData, float).reshape(-1, 2)
    assert region.GraphicType == "ELLIPSE"
    major, minor = np.linalg.norm(points[0] - points[1]), np.linalg.norm(points[2] - points[3])
    assert (major * 0.5, minor * 0.8) == pytest.approx((8.0, 8.0))  # rows are 0.5 mm apart, columns 0.8 mm


def test_a_finding_in_a_file_of_many_frames_names_its_frame(root: Path, made: Made) -> None:
    save(enhanced_ct([0.0, 2.5, 5.0, 7.5]), root / "patient" / "all.dcm")
    finding = nodule(2, 12, 10, sop_instance_uid=uid("enhanced"))

    objects = made(decided(study_of(root, "patient"), finding))

    assert source_of(region_of(groups(objects["report"])[0])).ReferencedFrameNumber == 3
    (frame,) = objects["segments"].PerFrameFunctionalGroupsSequence
    position = frame.PlanePositionSequence[0].ImagePositionPatient
    assert [float(v) for v in position] == [-20.0, -10.0, 5.0]


def test_an_eye_has_its_side_and_a_point_where_no_size_is_known(root: Path, made: Made) -> None:
    save(fundus_photograph(noise()), root / "eye" / "left.dcm")
    study = study_of(root, "eye", "OP")
    finding = nodule(
        0, 7, 9, name="referable", position_mm=None, diameter_mm=None, axes_mm=None, laterality="L",
        sop_instance_uid=uid("i1"),
    )  # fmt: skip
    provenance = replace(PROVENANCE, task="fundus")

    objects = made(decided(study, finding, provenance=provenance))

    (group,) = groups(objects["report"])
    assert region_of(group).GraphicType == "POINT"
    assert centre(region_of(group)) == (7, 9)
    assert code(group, "121071 DCM") == "4855003 SCT"
    (site,) = named(group, "363698007 SCT")
    assert site.ConceptCodeSequence[0].CodeValue == "5665001"
    assert site.ContentSequence[0].ConceptCodeSequence[0].CodeValue == "7771000"
    assert "segments" not in objects


def test_what_decided_is_identified_by_version_and_digests(root: Path, made: Made) -> None:
    report = made(decided(ct_study(root), nodule(1, 20, 30)))["report"]

    for node in (groups(report)[0], named(report, "C0034375 UMLS")[0]):
        assert text(node, "111001 DCM") == "inspect_ai lung_nodule"
        assert text(node, "111003 DCM") == "3 (inspect-ai-vision 0.1.0)"
        parameters = text(node, "111002 DCM")
        assert f"weights SHA-256: {'a1' * 32}" in parameters
        assert f"operating point SHA-256: {'c3' * 32}" in parameters
        assert f"certificate SHA-256: {'d4' * 32}" in parameters


def test_outcome_score_line_proof_standing_and_caution_stand_in_the_text(root: Path, made: Made) -> None:
    report = made(decided(ct_study(root), nodule(1, 20, 30)))["report"]

    assert code(report, "outcome 99INSPECT") == "flag 99INSPECT"
    (evaluations,) = named(report, "C0034375 UMLS")
    assert (number(evaluations, SCORE), number(evaluations, LINE)) == (0.75, 0.5)
    assert "proved: at least 95 % of positives" in text(report, "reason 99INSPECT")
    assert text(report, "certificate 99INSPECT") == "Certified now."
    assert text(report, "caution 99INSPECT") == "Research software: not a medical device."
    assert (report.CompletionFlag, report.VerificationFlag) == ("COMPLETE", "UNVERIFIED")
    assert code(report, "121005 DCM") == "121007 DCM"  # the observer is a device
    (scheme,) = report.CodingSchemeIdentificationSequence
    assert scheme.CodingSchemeDesignator == "99INSPECT"


def test_a_clear_study_has_a_report_without_findings(root: Path, made: Made) -> None:
    highest = nodule(1, 20, 30, score=0.25)

    objects = made(decided(ct_study(root), highest, outcome=Outcome.CLEAR, score=0.25))

    assert code(objects["report"], "outcome 99INSPECT") == "clear 99INSPECT"
    assert not groups(objects["report"])
    assert len(named(objects["report"], "126010 DCM")) == 1  # viewers look for the container
    assert "segments" not in objects


def test_an_abstention_has_its_reason_and_claims_nothing_below_the_line(root: Path, made: Made) -> None:
    below = nodule(1, 20, 30, score=0.4)
    decision = decided(
        ct_study(root), below, outcome=Outcome.ABSTAIN, score=0.4, reason="score 0.4 lies between the lines"
    )

    objects = made(decision)

    assert objects["report"].CompletionFlag == "PARTIAL"
    assert text(objects["report"], "reason 99INSPECT") == "score 0.4 lies between the lines"
    assert code(groups(objects["report"])[0], "121071 DCM") == "below_line 99INSPECT"
    assert objects["segments"].SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0].CodeValue == "below_line"


def test_an_abstention_without_a_score_has_a_report(root: Path, made: Made) -> None:
    decision = decided(ct_study(root), outcome=Outcome.ABSTAIN, score=None, reason="focus is too low")

    report = made(decision)["report"]

    assert code(report, "outcome 99INSPECT") == "abstain 99INSPECT"
    assert not named(report, SCORE)


def test_a_certificate_that_was_revoked_is_told_and_makes_another_instance(root: Path, settings: Settings) -> None:
    (entry,) = logged(settings, decided(ct_study(root), nodule(1, 20, 30)))
    revoked = CertificateNote(
        task="lung_nodule", operating_point_sha256="c3" * 32, certified=False, statement="the scanner was replaced",
        action=Action.REVOKED, certificate_sha256="d4" * 32,
    )  # fmt: skip
    with open_log(settings.db) as log:
        before = objects_for(entry, log, root, settings).objects[0].dataset
        log.append([revoked])
        after = objects_for(entry, log, root, settings).objects[0].dataset

    told = text(after, "certificate 99INSPECT")
    assert told == "Not certified now: revoked by entry 2: the scanner was replaced."
    assert before.SOPInstanceUID != after.SOPInstanceUID


def test_a_mark_keeps_its_uid_in_another_version_of_the_decision(root: Path, made: Made) -> None:
    study = ct_study(root)
    first, second = nodule(2, 20, 30, score=0.9), nodule(0, 40, 12, score=0.8)
    newer = replace(PROVENANCE, task_version="4", model_sha256="ee" * 32)

    before = made(decided(study, first, second))["report"]
    moved = nodule(0, 41, 13, score=0.95), nodule(1, 5, 50, score=0.85), nodule(2, 21, 29, score=0.7)
    after = made(decided(study, *moved, provenance=newer))["report"]

    a, b = tracking(before)
    assert a != b
    assert [tracking(after)[2], tracking(after)[0]] == [a, b]
    assert tracking(after)[1] not in (a, b)


def test_marks_of_other_studies_and_tasks_have_uids_of_their_own(root: Path, made: Made) -> None:
    study, other = ct_study(root), ct_study(root, "someone else", (0.0, 2.5, 5.0))
    task = replace(PROVENANCE, task="another")

    uids = [
        tracking(made(decision)["report"])[0]
        for decision in (
            decided(study, nodule(1, 20, 30)),
            decided(other, nodule(1, 20, 30)),
            decided(study, nodule(1, 20, 30), provenance=task),
        )
    ]

    assert len({*uids}) == 3
