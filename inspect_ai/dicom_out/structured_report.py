"""Structured report of a decision: TID 1500 with one TID 1410 group a mark, and TID 4019 for what decided (PS3.16).

highdicom's MeasurementReport wants a group, which a clear study has not: the root is put together here of its parts,
and the outcome with its reason stands in the container of qualitative evaluations (rows 10 to 12 of TID 1500).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from highdicom.sr import (
    AlgorithmIdentification,
    CodeContentItem,
    ComprehensiveSR,
    ContainerContentItem,
    ContentSequence,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    ImageRegion,
    LanguageOfContentItemAndDescendants,
    Measurement,
    NumContentItem,
    ObservationContext,
    ObserverContext,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    SourceImageForRegion,
    TextContentItem,
    TrackingIdentifier,
)
from highdicom.sr.enum import RelationshipTypeValues as Relation

from inspect_ai.dicom_out import codes
from inspect_ai.dicom_out.header import MANUFACTURER, MODEL, Facts, finished
from inspect_ai.dicom_out.identity import REPORT, derived_uid, instance_uid, series_uid
from inspect_ai.dicom_out.marks import Mark
from inspect_ai.domain import Finding, Outcome, Provenance
from inspect_ai.text import printable

SERIES_NUMBER = 9301
PIXEL_CENTRE = 0.5  # the first pixel's centre lies at 0.5, 0.5: PS3.3 C.18.6.1.2
TEXT_MOST = 4000  # characters of one sentence of the report


def structured_report(facts: Facts, marks: Sequence[Mark]) -> Any:
    """Make the report. Completion is PARTIAL where the study was not decided; nobody has verified it."""
    entry, outcome = facts.entry, facts.decision.verdict.outcome
    report = ComprehensiveSR(
        evidence=facts.sources.references,
        content=_root(facts, marks),
        series_instance_uid=series_uid(REPORT, entry.hash),
        series_number=SERIES_NUMBER,
        sop_instance_uid=instance_uid(REPORT, entry.hash, facts.standing),
        instance_number=1,
        is_complete=outcome is not Outcome.ABSTAIN,
        is_verified=False,
        coding_schemes=[codes.scheme()],
        series_description=f"inspect_ai report: {outcome.value.upper()}",
        specific_character_set="ISO_IR 192",
        manufacturer=MANUFACTURER,
    )
    report.ObservationDateTime = facts.moment_with_offset
    return finished(report, facts)


def _root(facts: Facts, marks: Sequence[Mark]) -> Any:
    root = ContainerContentItem(name=codes.dcm("126000", "Imaging Measurement Report"), template_id="1500")
    content = ContentSequence()
    content.extend(LanguageOfContentItemAndDescendants(codes.ENGLISH))
    content.extend(_observer(facts))
    is_ct = facts.decision.study.modality == "CT"
    content.append(
        CodeContentItem(
            name=codes.dcm("121058", "Procedure reported"),
            value=codes.CT_PROCEDURE if is_ct else codes.IMAGING_PROCEDURE,
            relationship_type=Relation.HAS_CONCEPT_MOD,
        )
    )
    content.append(_measurements(facts, marks))
    content.append(_evaluations(facts))
    root.ContentSequence = content
    return root


def _observer(facts: Facts) -> ObservationContext:
    device = DeviceObserverIdentifyingAttributes(
        uid=derived_uid("device", *facts.software, facts.decision.provenance.model_sha256),
        name=MODEL,
        manufacturer_name=MANUFACTURER,
        model_name=MODEL,
        serial_number=facts.serial,
    )
    return ObservationContext(
        observer_device_context=ObserverContext(
            observer_type=codes.dcm("121007", "Device"), observer_identifying_attributes=device
        )
    )


def _measurements(facts: Facts, marks: Sequence[Mark]) -> Any:
    container = ContainerContentItem(
        name=codes.dcm("126010", "Imaging Measurements"), relationship_type=Relation.CONTAINS
    )
    if marks:
        groups = ContentSequence()
        for mark in marks:
            groups.extend(_group(mark, facts.decision.provenance))
        container.ContentSequence = groups
    return container


def _group(mark: Mark, provenance: Provenance) -> PlanarROIMeasurementsAndQualitativeEvaluations:
    what = codes.finding_codes(provenance.task, mark.finding.name)
    site = None
    if what.site is not None:
        side = codes.SIDES.get(mark.finding.laterality or "")
        site = [FindingSite(anatomic_location=what.site, laterality=side)]
    return PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid=mark.tracking_uid, identifier=mark.tracking_id),
        referenced_region=region(mark),
        finding_type=what.finding if mark.above else codes.BELOW_LINE,
        algorithm_id=algorithm(provenance),
        finding_sites=site,
        measurements=list(_numbers(mark.finding)),
    )


def region(mark: Mark) -> ImageRegion:
    """Region of a mark on its picture: its circle (an ellipse where pixels are not square), else its point.

    The whole picture where the task gives no place.
    """
    header = mark.place.source.instance.header
    source = SourceImageForRegion(
        referenced_sop_class_uid=header.sop_class_uid,
        referenced_sop_instance_uid=header.sop_instance_uid,
        referenced_frame_numbers=None if mark.place.frame is None else [mark.place.frame],
    )
    if mark.finding.row is None or mark.finding.col is None:
        corners = [(0, 0), (header.columns, 0), (header.columns, header.rows), (0, header.rows), (0, 0)]
        return ImageRegion("POLYLINE", np.array(corners, float), source)
    x, y = mark.finding.col + PIXEL_CENTRE, mark.finding.row + PIXEL_CENTRE
    if mark.radii_px is None:
        return ImageRegion("POINT", np.array([(x, y)], float), source)
    down, across = mark.radii_px
    if down == across:
        return ImageRegion("CIRCLE", np.array([(x, y), (x + across, y)], float), source)
    vertical, horizontal = [(x, y - down), (x, y + down)], [(x - across, y), (x + across, y)]
    axes = [*vertical, *horizontal] if down > across else [*horizontal, *vertical]  # the major axis first
    return ImageRegion("ELLIPSE", np.array(axes, float), source)


def _numbers(finding: Finding) -> Iterator[Measurement]:
    yield Measurement(name=codes.SCORE, value=finding.score, unit=codes.NO_UNIT)
    if finding.axes_mm is not None:
        for name, value in zip((codes.LONG_AXIS, codes.SHORT_AXIS, codes.HEIGHT), finding.axes_mm, strict=True):
            yield Measurement(name=name, value=value, unit=codes.MILLIMETRE)
    if finding.diameter_mm is not None:
        yield Measurement(name=codes.DIAMETER, value=finding.diameter_mm, unit=codes.MILLIMETRE)


def algorithm(provenance: Provenance) -> AlgorithmIdentification:
    """Identification of what decided, with the digests by which it can be found again (TID 4019)."""
    return AlgorithmIdentification(
        name=f"inspect_ai {provenance.task or 'without a task'}",
        version=version_of(provenance),
        parameters=parameters_of(provenance),
    )


def version_of(provenance: Provenance) -> str:
    """Version of the task and of the software that decided."""
    return printable(f"{provenance.task_version or 'none'} ({MODEL} {provenance.software})", 64)


def parameters_of(provenance: Provenance) -> list[str]:
    """Digests and engine of a decision, one a text."""
    digests = (
        ("weights SHA-256", provenance.model_sha256),
        ("configuration SHA-256", provenance.config_sha256),
        ("operating point SHA-256", provenance.operating_point_sha256),
        ("certificate SHA-256", provenance.certificate_sha256),
        ("engine", provenance.engine),
    )
    return [f"{name}: {printable(value, 200) or 'none'}" for name, value in digests]


def _evaluations(facts: Facts) -> Any:
    """Outcome of the whole study, what decided it, and the sentences that belong to it."""
    decision = facts.decision
    container = ContainerContentItem(name=codes.EVALUATIONS, relationship_type=Relation.CONTAINS)
    content = ContentSequence()
    content.extend(algorithm(decision.provenance))
    content.append(
        CodeContentItem(
            name=codes.OUTCOME, value=codes.OUTCOMES[decision.verdict.outcome], relationship_type=Relation.CONTAINS
        )
    )
    for name, value in ((codes.SCORE, decision.score), (codes.FLAG_LINE, decision.threshold)):
        if value is not None:
            content.append(
                NumContentItem(name=name, value=value, unit=codes.NO_UNIT, relationship_type=Relation.CONTAINS)
            )
    texts = [(codes.REASON, decision.verdict.reason), (codes.CERTIFICATE, facts.standing)]
    texts += [(codes.REMARK, remark) for remark in (*decision.remarks, *facts.remarks)]
    texts.append((codes.CAUTION, facts.caution))
    for concept, text in texts:
        if shown := printable(text, TEXT_MOST).strip():
            content.append(TextContentItem(name=concept, value=shown, relationship_type=Relation.CONTAINS))
    container.ContentSequence = content
    return container
