"""Segments of the marks: the circle of each finding's diameter on its slice, as a binary segmentation (PS3.3 A.51).

Only findings with a size on slices with millimetres have one: a point of a photograph has no extent to claim. The areas
that a reader drew become segments here too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from highdicom import AlgorithmIdentificationSequence
from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentationTypeValues, SegmentDescription
from numpy.typing import NDArray

from inspect_ai.dicom_out import codes
from inspect_ai.dicom_out.header import MANUFACTURER, MODEL, Facts, finished
from inspect_ai.dicom_out.identity import SEGMENTS, derived_uid, instance_uid, series_uid
from inspect_ai.dicom_out.marks import Mark
from inspect_ai.dicom_out.sources import Place, Source, Sources, reference
from inspect_ai.dicom_out.structured_report import parameters_of, version_of

SERIES_NUMBER = 9302


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """Area on one slice that becomes a segment. mask: [H, W]. algorithm: None where a person drew it."""

    place: Place
    mask: NDArray[np.bool_]
    tracking_id: str
    tracking_uid: str
    category: Any
    what: Any
    site: Any | None
    algorithm: AlgorithmIdentificationSequence | None = None


def segments(facts: Facts, marks: Sequence[Mark]) -> Any | None:
    """Make the segmentation of a decision; None where no mark has a size in the space of the patient."""
    algorithm = _algorithm(facts)
    areas = [_area(mark, facts, algorithm) for mark in marks if has_circle(mark)]
    return segmentation(facts, areas, "marks", SERIES_NUMBER) if areas else None


def segmentation(facts: Facts, areas: Sequence[Area], name: str, series_number: int) -> Any:
    """Make a segmentation with one segment an area; there is one at least, and they lie in one frame of reference."""
    pictures, masks = _masks(areas, facts.sources)
    made = Segmentation(
        source_images=pictures,
        pixel_array=masks,
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=[_description(n, area) for n, area in enumerate(areas, 1)],
        series_instance_uid=series_uid(SEGMENTS, facts.entry.hash),
        series_number=series_number,
        sop_instance_uid=instance_uid(SEGMENTS, facts.entry.hash),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=MODEL,
        software_versions=facts.software[0],
        device_serial_number=facts.serial,
        content_label="INSPECT_AI_MARKS",
        content_description=facts.caution,
        series_description=f"inspect_ai {name}",
        coding_schemes=[codes.scheme()],
        omit_empty_frames=True,
    )
    organization = derived_uid("dimensions", facts.entry.hash)
    for item in (*made.DimensionOrganizationSequence, *made.DimensionIndexSequence):
        item.DimensionOrganizationUID = organization
    return finished(made, facts)


def in_patient(place: Place) -> bool:
    """True for a picture with millimetres that lies in a frame of reference."""
    return place.spacing_mm is not None and bool(str(place.source.header.get("FrameOfReferenceUID") or ""))


def has_circle(mark: Mark) -> bool:
    """True for a mark with a place, a diameter, and a picture that lies in a frame of reference."""
    sized = mark.finding.row is not None and mark.finding.col is not None and mark.radii_px is not None
    return sized and in_patient(mark.place)


def circle(mark: Mark) -> NDArray[np.bool_]:
    """[H, W], true where a pixel's centre lies within the mark's circle; its own pixel always."""
    header = mark.place.source.instance.header
    row, col, radii = mark.finding.row, mark.finding.col, mark.radii_px
    if row is None or col is None or radii is None:
        raise ValueError("only a mark with a place and a size has a circle")
    rows, columns = np.ogrid[: header.rows, : header.columns]
    inside = ((rows - row) / radii[0]) ** 2 + ((columns - col) / radii[1]) ** 2 <= 1.0
    inside[min(max(row, 0), header.rows - 1), min(max(col, 0), header.columns - 1)] = True
    return np.asarray(inside, np.bool_)


def _masks(areas: Sequence[Area], sources: Sources) -> tuple[list[Any], NDArray[np.uint8]]:
    """Pictures with areas, and [N, H, W, S] with each area in a segment of its own."""
    first = areas[0].place.source
    slots: list[tuple[Source, int | None]]
    if first.instance.header.frames > 1:  # highdicom takes one file of many frames, whole
        here = [area for area in areas if area.place.source is first]
        slots = [(first, frame) for frame in range(1, first.instance.header.frames + 1)]
        pictures = [_with_thickness(reference(first), sources)]
    else:
        here = list(areas)
        files: dict[str, Source] = {area.place.source.instance.file.path: area.place.source for area in areas}
        slots = [(source, None) for source in files.values()]
        pictures = [_with_thickness(reference(source), sources) for source in files.values()]
    header = first.instance.header
    masks = np.zeros((len(slots), header.rows, header.columns, len(areas)), np.uint8)
    for segment, area in enumerate(areas):
        if any(area is one for one in here):
            masks[slots.index((area.place.source, area.place.frame)), ..., segment] = area.mask
    return pictures, masks


def _with_thickness(header: Any, sources: Sources) -> Any:
    """Header of slices; a thickness that it does not state is the step between them: the standard asks for one."""
    groups = [
        group
        for name in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
        for group in header.get(name) or []
    ]
    measures = [item for group in groups for item in group.get("PixelMeasuresSequence") or []]
    for item in measures if groups else [header]:
        if not item.get("SliceThickness"):
            item.SliceThickness = f"{sources.step_mm or 1.0:.4f}"
    return header


def _area(mark: Mark, facts: Facts, algorithm: AlgorithmIdentificationSequence) -> Area:
    what = codes.finding_codes(facts.decision.provenance.task, mark.finding.name)
    return Area(
        place=mark.place,
        mask=circle(mark),
        tracking_id=mark.tracking_id,
        tracking_uid=mark.tracking_uid,
        category=what.category if mark.above else codes.SPATIAL,
        what=what.finding if mark.above else codes.BELOW_LINE,
        site=what.site,
        algorithm=algorithm,
    )


def _description(number: int, area: Area) -> SegmentDescription:
    manual = area.algorithm is None
    return SegmentDescription(
        segment_number=number,
        segment_label=area.tracking_id[:64],
        segmented_property_category=area.category,
        segmented_property_type=area.what,
        algorithm_type=SegmentAlgorithmTypeValues.MANUAL if manual else SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=area.algorithm,
        tracking_uid=area.tracking_uid,
        tracking_id=area.tracking_id[:64],
        anatomic_regions=None if area.site is None else [area.site],
    )


def _algorithm(facts: Facts) -> AlgorithmIdentificationSequence:
    provenance = facts.decision.provenance
    named = [text.partition(": ")[::2] for text in parameters_of(provenance)]
    return AlgorithmIdentificationSequence(
        name=f"inspect_ai {provenance.task}"[:64],
        version=version_of(provenance),
        family=codes.dcm("123110", "Artificial Intelligence"),
        parameters=dict(named),
    )
