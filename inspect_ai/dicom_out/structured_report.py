"""Structured report of a decision: TID 1500 with one TID 1410 group a mark, and TID 4019 for what decided (PS3.16).

The outcome with its reason stands in the container of qualitative evaluations (rows 10 to 12 of TID 1500).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from highdicom.sr import (
    AlgorithmIdentification,
    ComprehensiveSR,
    DeviceObserverIdentifyingAttributes,
    Measurement,
    NumContentItem,
    ObservationContext,
    ObserverContext,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    TrackingIdentifier,
)
from highdicom.sr.enum import RelationshipTypeValues as Relation

from inspect_ai.dicom_out import codes
from inspect_ai.dicom_out.header import MANUFACTURER, MODEL, Facts, finished
from inspect_ai.dicom_out.identity import REPORT, derived_uid, instance_uid, series_uid
from inspect_ai.dicom_out.marks import Mark
from inspect_ai.dicom_out.report_parts import (
    PIXEL_CENTRE,
    circle_points,
    coded,
    evaluations_of,
    measurements_of,
    region_on,
    root,
    sites,
    texts,
)
from inspect_ai.domain import Finding, Outcome, Provenance
from inspect_ai.text import printable

SERIES_NUMBER = 9301


def structured_report(facts: Facts, marks: Sequence[Mark]) -> Any:
    """Make the report. Completion is PARTIAL where the study was not decided; nobody has verified it."""
    entry, outcome = facts.entry, facts.decision.verdict.outcome
    report = ComprehensiveSR(
        evidence=facts.sources.references,
        content=root(
            _observer(facts),
            facts.decision.study.modality,
            measurements_of([_group(mark, facts.decision.provenance) for mark in marks]),
            evaluations_of(_evaluations(facts)),
        ),
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


def _group(mark: Mark, provenance: Provenance) -> PlanarROIMeasurementsAndQualitativeEvaluations:
    what = codes.finding_codes(provenance.task, mark.finding.name)
    return PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid=mark.tracking_uid, identifier=mark.tracking_id),
        referenced_region=region_on(mark.place, *region_points(mark)),
        finding_type=what.finding if mark.above else codes.BELOW_LINE,
        algorithm_id=algorithm(provenance),
        finding_sites=sites(what, mark.finding.laterality),
        measurements=list(_numbers(mark.finding)),
    )


def region_points(mark: Mark) -> tuple[str, list[tuple[float, float]]]:
    """Graphic type of a mark and its points as x, y: circle, point, or the whole picture where no place is known."""
    if mark.finding.row is None or mark.finding.col is None:
        header = mark.place.source.instance.header
        right, bottom = float(header.columns), float(header.rows)
        return "POLYLINE", [(0.0, 0.0), (right, 0.0), (right, bottom), (0.0, bottom), (0.0, 0.0)]
    centre = mark.finding.col + PIXEL_CENTRE, mark.finding.row + PIXEL_CENTRE
    return ("POINT", [centre]) if mark.radii_px is None else circle_points(centre, mark.radii_px)


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


def _evaluations(facts: Facts) -> Iterator[Any]:
    """Outcome of the whole study, what decided it, and the sentences that belong to it."""
    decision = facts.decision
    yield from algorithm(decision.provenance)
    yield coded(codes.OUTCOME, codes.OUTCOMES[decision.verdict.outcome])
    for name, value in ((codes.SCORE, decision.score), (codes.FLAG_LINE, decision.threshold)):
        if value is not None:
            yield NumContentItem(name=name, value=value, unit=codes.NO_UNIT, relationship_type=Relation.CONTAINS)
    said = [(codes.REASON, decision.verdict.reason), (codes.CERTIFICATE, facts.standing)]
    said += [(codes.REMARK, remark) for remark in (*decision.remarks, *facts.remarks)]
    yield from texts([*said, (codes.CAUTION, facts.caution)])
