"""Parts of TID 1500 that the report of a decision and the report of an answer have in common (PS3.16).

highdicom's MeasurementReport wants a group, which a clear study has not: the root is put together here of its parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from highdicom.sr import (
    CodeContentItem,
    ContainerContentItem,
    ContentSequence,
    FindingSite,
    ImageRegion,
    LanguageOfContentItemAndDescendants,
    ObservationContext,
    SourceImageForRegion,
    TextContentItem,
)
from highdicom.sr.enum import RelationshipTypeValues as Relation

from inspect_ai.dicom_out import codes
from inspect_ai.dicom_out.codes import FindingCodes
from inspect_ai.dicom_out.sources import Place
from inspect_ai.text import printable

PIXEL_CENTRE = 0.5  # the first pixel's centre lies at 0.5, 0.5: PS3.3 C.18.6.1.2
TEXT_MOST = 4000  # characters of one sentence of the report


def root(observer: ObservationContext, modality: str, measurements: Any, evaluations: Any) -> Any:
    """Root container of a report on a study of one modality."""
    container = ContainerContentItem(name=codes.dcm("126000", "Imaging Measurement Report"), template_id="1500")
    content = ContentSequence()
    content.extend(LanguageOfContentItemAndDescendants(codes.ENGLISH))
    content.extend(observer)
    content.append(
        CodeContentItem(
            name=codes.dcm("121058", "Procedure reported"),
            value=codes.CT_PROCEDURE if modality == "CT" else codes.IMAGING_PROCEDURE,
            relationship_type=Relation.HAS_CONCEPT_MOD,
        )
    )
    content.append(measurements)
    content.append(evaluations)
    container.ContentSequence = content
    return container


def measurements_of(groups: Sequence[Iterable[Any]]) -> Any:
    """Container of measurement groups; an empty one where there are none, since readers look for it."""
    container = ContainerContentItem(
        name=codes.dcm("126010", "Imaging Measurements"), relationship_type=Relation.CONTAINS
    )
    if groups:
        content = ContentSequence()
        for group in groups:
            content.extend(group)
        container.ContentSequence = content
    return container


def evaluations_of(items: Iterable[Any]) -> Any:
    """Container of what is said of the whole study."""
    container = ContainerContentItem(name=codes.EVALUATIONS, relationship_type=Relation.CONTAINS)
    content = ContentSequence()
    for item in items:
        content.append(item)
    container.ContentSequence = content
    return container


def coded(name: Any, value: Any) -> CodeContentItem:
    """One coded item of the evaluations."""
    return CodeContentItem(name=name, value=value, relationship_type=Relation.CONTAINS)


def texts(named: Iterable[tuple[Any, str]]) -> list[TextContentItem]:
    """Text items of the evaluations, without empty ones."""
    shown = [(concept, printable(text, TEXT_MOST).strip()) for concept, text in named]
    said = [(concept, text) for concept, text in shown if text]
    return [TextContentItem(name=concept, value=text, relationship_type=Relation.CONTAINS) for concept, text in said]


def sites(what: FindingCodes, laterality: str | None) -> list[FindingSite] | None:
    """Site of a finding with its side; None where the task names none."""
    if what.site is None:
        return None
    return [FindingSite(anatomic_location=what.site, laterality=codes.SIDES.get(laterality or ""))]


def region_on(place: Place, graphic_type: str, points: Sequence[tuple[float, float]]) -> ImageRegion:
    """Region on a picture. points: x, y from the outer corner of the first pixel."""
    header = place.source.instance.header
    source = SourceImageForRegion(
        referenced_sop_class_uid=header.sop_class_uid,
        referenced_sop_instance_uid=header.sop_instance_uid,
        referenced_frame_numbers=None if place.frame is None else [place.frame],
    )
    return ImageRegion(graphic_type, np.array(points, float), source)


def circle_points(centre: tuple[float, float], radii: tuple[float, float]) -> tuple[str, list[tuple[float, float]]]:
    """Graphic type and points of a circle in the patient; an ellipse where pixels are not square.

    centre: x, y; radii: in rows, in columns.
    """
    (x, y), (down, across) = centre, radii
    if down == across:
        return "CIRCLE", [(x, y), (x + across, y)]
    vertical, horizontal = [(x, y - down), (x, y + down)], [(x - across, y), (x + across, y)]
    return "ELLIPSE", [*vertical, *horizontal] if down > across else [*horizontal, *vertical]  # the major axis first
