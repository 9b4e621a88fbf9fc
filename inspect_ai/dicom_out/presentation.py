"""Presentation state of a photograph: the marks as graphics, with number, outcome and caution (PS3.3 A.33.1, A.33.2).

A photograph lies in no frame of reference, so that no segmentation can refer to it. Viewers draw these marks on the
picture at its full size, which the secondary capture has reduced.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
from highdicom import PresentationLUTTransformation
from highdicom.pr import (
    ColorSoftcopyPresentationState,
    GraphicAnnotation,
    GraphicLayer,
    GraphicObject,
    GrayscaleSoftcopyPresentationState,
    TextObject,
)
from PIL import ImageCms
from pydicom.dataset import Dataset

from inspect_ai.dicom_out.header import MANUFACTURER, MODEL, Facts, finished
from inspect_ai.dicom_out.identity import MARKS, instance_uid, series_uid
from inspect_ai.dicom_out.marks import Mark
from inspect_ai.dicom_out.segments import in_patient
from inspect_ai.dicom_out.sources import DISPLAY, PLACE, RESCALE, WINDOW, Place, Source, reference
from inspect_ai.dicom_out.structured_report import region_points

SERIES_NUMBER = 9304
GREY = ("MONOCHROME1", "MONOCHROME2")
CAPTION = (0.02, 0.88, 0.98, 0.98)  # left, top, right, bottom, as parts of what is shown
INPUT_CLASSES = (b"scnr", b"spac")  # of profiles: PS3.3 C.11.15.1.1
CLASS, SPACE, MADE = slice(12, 16), slice(16, 20), slice(24, 36)  # bytes of a profile's header (ICC.1 7.2)
EPOCH = bytes.fromhex("07d0 0001 0001 0000 0000 0000")  # 2000-01-01: a profile made twice is the same


def presentation(facts: Facts, marks: Sequence[Mark]) -> Any | None:
    """Make the presentation state; None where no mark lies on a photograph.

    A state is of pictures of one kind and size: those of the first mark's.
    """
    shown = [mark for mark in marks if is_photograph(mark.place)]
    alike = [mark for mark in shown if _kind(mark.place.source) == _kind(shown[0].place.source)]
    if not alike:
        return None
    pictures = {mark.place.source.instance.file.path: _header(mark.place.source) for mark in alike}
    layer = GraphicLayer("INSPECT_AI", order=1, description=facts.caution)
    drawn = groupby(sorted(alike, key=_path), key=_path)
    made = _state(
        alike[0].place.source,
        facts,
        referenced_images=list(pictures.values()),
        graphic_annotations=[_annotation(pictures[path], layer, list(on), facts) for path, on in drawn],
        graphic_layers=[layer],
    )
    sides = {mark.finding.laterality for mark in alike}
    made.Laterality = (sides.pop() or "") if len(sides) == 1 else ""
    made.PresentationCreationDate = facts.moment.strftime("%Y%m%d")
    made.PresentationCreationTime = facts.moment.strftime("%H%M%S.%f")
    finished(made, facts)
    for name in ("ContentDate", "ContentTime"):  # of images and reports
        del made[name]
    return made


def _state(like: Source, facts: Facts, **content: Any) -> Any:
    """State for pictures like one: of colour with its profile, of grey with its presentation LUT."""
    of_kind: dict[str, Any]
    if like.header.SamplesPerPixel == 3:
        kind: Any = ColorSoftcopyPresentationState
        profile = _profile(like)
        of_kind = {"icc_profile": profile}
    else:
        kind, profile = GrayscaleSoftcopyPresentationState, b""
        of_kind = {"presentation_lut_transformation": _lut(like)}
    return kind(
        series_instance_uid=series_uid(MARKS, facts.entry.hash),
        series_number=SERIES_NUMBER,
        sop_instance_uid=instance_uid(MARKS, facts.entry.hash, hashlib.sha256(profile).hexdigest()),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=MODEL,
        software_versions=facts.software,
        device_serial_number=facts.serial,
        content_label="INSPECT_AI_MARKS",
        content_description=facts.caution,
        series_description="inspect_ai marks",
        **of_kind,
        **content,
    )


def is_photograph(place: Place) -> bool:
    """True for one grey or colour picture without a place in the patient."""
    header = place.source.header
    if place.source.instance.header.frames > 1 or in_patient(place):
        return False
    return header.get("SamplesPerPixel") == 3 or str(header.get("PhotometricInterpretation") or "") in GREY


def _path(mark: Mark) -> str:
    return mark.place.source.instance.file.path


def _kind(source: Source) -> tuple[object, ...]:
    """Facts that the pictures of one state have in common."""
    header = source.instance.header
    return (header.rows, header.columns, *(str(source.header.get(name) or "") for name in DISPLAY))


def _header(source: Source) -> Any:
    """Header that a state needs. highdicom reads kinds that may have frames by their functional groups alone."""
    header = reference(source, (*PLACE, *(name for name in DISPLAY if name != "ICCProfile")))
    shared = Dataset()
    for group, names in (("FrameVOILUTSequence", WINDOW), ("PixelValueTransformationSequence", RESCALE)):
        item = Dataset()
        for name in names:
            if name in header:
                item[name] = header[name]
        if len(item):
            setattr(shared, group, [item])
    header.SharedFunctionalGroupsSequence, header.PerFrameFunctionalGroupsSequence = [shared], [Dataset()]
    return header


def _annotation(picture: Any, layer: GraphicLayer, marks: Sequence[Mark], facts: Facts) -> GraphicAnnotation:
    """Marks of one picture, each with its number, and below them what they mean."""
    outcome, score = facts.decision.verdict.outcome.value.upper(), facts.decision.score
    caption = outcome if score is None else f"{outcome}, score {score:.4f}"
    texts = [TextObject(f"{caption}\r\n{facts.caution}", "DISPLAY", bounding_box=CAPTION, text_justification="LEFT")]
    graphics = []
    for mark in marks:
        graphic_type, points = region_points(mark)
        name, uid = mark.tracking_id[:64], mark.tracking_uid
        inside = np.clip(np.array(points), 0.0, [picture.Columns, picture.Rows])
        graphics.append(GraphicObject(graphic_type, inside, "PIXEL", tracking_id=name, tracking_uid=uid))
        at = float(inside[0, 0]), float(inside[0, 1])
        texts.append(TextObject(str(mark.number), "PIXEL", anchor_point=at, tracking_id=name, tracking_uid=uid))
    return GraphicAnnotation([picture], layer, graphic_objects=graphics, text_objects=texts)


def _lut(source: Source) -> PresentationLUTTransformation:
    """Shape of the presentation LUT, which takes the place of the photometric interpretation."""
    inverse = source.header.PhotometricInterpretation == "MONOCHROME1"
    return PresentationLUTTransformation(presentation_lut_shape="INVERSE" if inverse else "IDENTITY")


def _profile(source: Source) -> bytes:
    """Colour profile of a picture, else sRGB: a state must have one, and cameras that state none mean it."""
    own = bytes(source.header.get("ICCProfile") or b"")
    if own[CLASS] in INPUT_CLASSES and own[SPACE] == b"RGB ":
        return own
    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    made[CLASS], made[MADE] = INPUT_CLASSES[0], EPOCH
    return bytes(made)
