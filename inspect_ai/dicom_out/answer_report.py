"""Structured report of a reader's answer: TID 1500 by a person, with one TID 1410 group a mark that was drawn (PS3.16).

Nobody has verified it: the log knows an account and a time, no name of a person and no organisation that answers for it
(docs/decisions/035).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from highdicom.sr import (
    ComprehensiveSR,
    ObservationContext,
    ObserverContext,
    PersonObserverIdentifyingAttributes,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    TrackingIdentifier,
)
from pydicom.dataset import Dataset
from pydicom.uid import ComprehensiveSRStorage

from inspect_ai.dicom_out import codes
from inspect_ai.dicom_out.answers import Answered
from inspect_ai.dicom_out.header import MANUFACTURER, Facts, finished
from inspect_ai.dicom_out.identity import REPORT, instance_uid, series_uid
from inspect_ai.dicom_out.reader_marks import ReaderMark, area_of, region_points
from inspect_ai.dicom_out.report_parts import coded, evaluations_of, measurements_of, region_on, root, sites, texts
from inspect_ai.dicom_out.segments import Area, in_patient, segmentation
from inspect_ai.review import Answer
from inspect_ai.text import printable

SERIES_NUMBER, SEGMENTS_NUMBER = 9311, 9312
SEGMENTS_MOST = 24  # of one answer: each is a mask of every marked slice while they are made
MASKS_MOST = 1 << 30  # bytes: of a file of many frames it is a mask of every frame
DELIMITERS = str.maketrans("\\^=", "   ")  # of the VR PN


def answer_report(facts: Facts, answer: Answered, marks: Sequence[ReaderMark]) -> Any:
    """Make the report. facts: with the entry of the answer, and the decision that it answers."""
    entry = facts.entry
    report = ComprehensiveSR(
        evidence=facts.sources.references,
        content=root(
            _observer(answer),
            facts.decision.study.modality,
            measurements_of([_group(mark, answer, facts) for mark in marks]),
            evaluations_of(_evaluations(facts, answer)),
        ),
        series_instance_uid=series_uid(REPORT, entry.hash),
        series_number=SERIES_NUMBER,
        sop_instance_uid=instance_uid(REPORT, entry.hash),
        instance_number=1,
        is_complete=True,
        is_verified=False,
        coding_schemes=[codes.scheme()],
        previous_versions=_predecessors(facts, answer),
        series_description=f"inspect_ai answer: {_word(answer)}",
        specific_character_set="ISO_IR 192",
        manufacturer=MANUFACTURER,
    )
    report.ObservationDateTime = facts.moment_with_offset
    return finished(report, facts)


def answer_segments(facts: Facts, answer: Answered, marks: Sequence[ReaderMark]) -> Any | None:
    """Make the segmentation of the areas that were drawn on slices of a volume; None without one."""
    drawn = [mark for mark in marks if mark.has_area and in_patient(mark.place)]
    if not drawn:
        return None
    header = drawn[0].place.source.instance.header
    room = MASKS_MOST // (header.frames * header.rows * header.columns) if header.frames > 1 else SEGMENTS_MOST
    areas = [_area(mark, answer, facts) for mark in drawn[: max(1, min(room, SEGMENTS_MOST))]]
    return segmentation(facts, areas, "answer", SEGMENTS_NUMBER)


def person_name(account: str) -> str:
    """Account as a value of VR PN: one component, for the log does not know which part of it is a family name."""
    plain = " ".join(printable(account, 60).translate(DELIMITERS).split())
    return f"{plain or 'unknown'}^"


def _observer(answer: Answered) -> ObservationContext:
    return ObservationContext(
        observer_person_context=ObserverContext(
            observer_type=codes.dcm("121006", "Person"),
            observer_identifying_attributes=PersonObserverIdentifyingAttributes(name=person_name(answer.reader)),
        )
    )


def _group(mark: ReaderMark, answer: Answered, facts: Facts) -> PlanarROIMeasurementsAndQualitativeEvaluations:
    what = _codes(mark, answer, facts)
    positive = answer.said is Answer.POSITIVE
    return PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid=mark.tracking_uid, identifier=mark.tracking_id),
        referenced_region=region_on(mark.place, *region_points(mark)),
        finding_type=what.finding if positive else codes.MARKED,
        finding_sites=sites(what, None if mark.on is None else mark.on.finding.laterality),
    )


def _area(mark: ReaderMark, answer: Answered, facts: Facts) -> Area:
    what = _codes(mark, answer, facts)
    positive = answer.said is Answer.POSITIVE
    return Area(
        place=mark.place,
        mask=area_of(mark),
        tracking_id=mark.tracking_id,
        tracking_uid=mark.tracking_uid,
        category=what.category if positive else codes.SPATIAL,
        what=what.finding if positive else codes.MARKED,
        site=what.site,
    )


def _codes(mark: ReaderMark | None, answer: Answered, facts: Facts) -> codes.FindingCodes:
    """Codes of the report of the decision: of the finding on which a mark lies, else of what the task looks for."""
    findings = facts.decision.findings
    machine = mark.on.finding.name if mark is not None and mark.on is not None else ""
    name = answer.review.label or machine or (findings[0].name if findings else facts.decision.provenance.task)
    return codes.finding_codes(facts.decision.provenance.task, printable(name, 64))


def _predecessors(facts: Facts, answer: Answered) -> list[Any]:
    items = []
    for report in answer.follows:
        item = Dataset()
        item.SOPClassUID, item.SOPInstanceUID = ComprehensiveSRStorage, report.instance_uid
        item.StudyInstanceUID = facts.sources.files[0].header.StudyInstanceUID
        item.SeriesInstanceUID = report.series_uid
        items.append(item)
    return items


def _evaluations(facts: Facts, answer: Answered) -> Iterator[Any]:
    """Answer, what it answers, why it was given, and how it was read."""
    review, decision = answer.review, facts.decision
    yield coded(codes.ANSWER, codes.ANSWERS[answer.said])
    if answer.said is Answer.POSITIVE:
        yield coded(codes.FINDING, _codes(None, answer, facts).finding)
    if answer.said is not Answer.REOPEN:
        yield coded(codes.READING, codes.BLINDED if review.blinded else codes.NOT_BLINDED)
    yield coded(codes.OUTCOME, codes.OUTCOMES[decision.verdict.outcome])
    yield from texts(
        [
            (codes.CLASS, review.label),
            (codes.ANSWER_REASON, review.reason),
            (
                codes.ANSWER_TO,
                f"entry {answer.decision.id} of the audit log, a decision of task {decision.provenance.task}",
            ),
            *((codes.REMARK, remark) for remark in facts.remarks),
            (codes.CAUTION, facts.caution),
        ]
    )


def _word(answer: Answered) -> str:
    return str(codes.ANSWERS[answer.said].value).upper()
