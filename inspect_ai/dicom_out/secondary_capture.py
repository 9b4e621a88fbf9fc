"""Picture for viewers that show nothing else: the stored picture with marks, outcome and caution (PS3.3 A.8.1).

The stored pictures have no name on them: one whose header says that text is burned in was never stored. The lines
below the picture name no person and no file.
"""

from __future__ import annotations

import hashlib
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from highdicom.sc import SCImage
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from inspect_ai.dicom_out.header import MANUFACTURER, MODEL, Facts, finished
from inspect_ai.dicom_out.identity import PICTURE, instance_uid, series_uid
from inspect_ai.dicom_out.marks import Mark
from inspect_ai.dicom_out.sources import Place
from inspect_ai.domain import Decision, Outcome
from inspect_ai.inspection.pictures import drawing
from inspect_ai.text import printable

SERIES_NUMBER = 9303
SIDE_PX = 512  # of each panel, longer side
LINE_PX, MARGIN_PX = 20, 8
LETTER_PX = 8  # width of a letter of this font and scale, on average
REASON_LINES = 4
REMARKS_MOST = 6  # each up to REASON_LINES; the report has all
COLOURS = {  # RGB
    Outcome.FLAG: (255, 120, 100),
    Outcome.ABSTAIN: (255, 210, 90),
    Outcome.CLEAR: (140, 220, 140),
}
WHITE, GREY = (255, 255, 255), (190, 190, 190)
PREVIEW_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 92]  # of inspection.preprocess, through which each stored picture went

Bytes = NDArray[np.uint8]


def secondary_capture(facts: Facts, marks: Sequence[Mark], pictures: tuple[Path | None, Path | None]) -> Any | None:
    """Make the picture; None where the run stored none. pictures: files of the picture and of that with its heat map.

    Raises OSError where they cannot be read.
    """
    stored = _opened(pictures[0])
    if stored is None:
        return None
    is_clear = facts.decision.verdict.outcome is Outcome.CLEAR  # its heat map marks the highest place all the same
    heat = None if is_clear else _opened(pictures[1])
    shown = _place_shown(facts)
    panels = [_marked(stored, marks, shown, facts.decision)]
    panels += [] if heat is None else [_fitted(heat)]
    canvas = _with_lines(_side_by_side(panels), facts, shown)
    digest = hashlib.sha256(canvas.tobytes()).hexdigest()
    references = facts.sources.references
    made = SCImage.from_ref_dataset(
        ref_dataset=references[0],
        pixel_array=canvas,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "P"),
        series_instance_uid=series_uid(PICTURE, facts.entry.hash),
        series_number=SERIES_NUMBER,
        sop_instance_uid=instance_uid(PICTURE, facts.entry.hash, digest),
        instance_number=1,
        manufacturer=MANUFACTURER,
        series_description=f"inspect_ai picture: {facts.decision.verdict.outcome.value.upper()}",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
    )
    return finished(_described(made, facts, shown, stored), facts)


def _described(made: Any, facts: Facts, shown: Place | None, stored: Bytes) -> Any:
    made.PatientOrientation = _orientation(shown)
    made.Laterality = _side(facts)
    made.ConversionType = "WSD"
    for name in ("DateOfSecondaryCapture", "TimeOfSecondaryCapture"):
        del made[name]
    made.ImageType = ["DERIVED", "SECONDARY", "OTHER"]
    made.ImageComments = facts.caution
    made.DerivationDescription = "reduced picture with marks, heat map and text of inspect_ai"
    # Its preview was a JPEG: lossy for ever (PS3.3 C.7.6.1.1.5). That file is gone: one made again tells the ratio.
    size = len(cv2.imencode(".jpg", stored, PREVIEW_QUALITY)[1])
    made.LossyImageCompression = "01"
    made.LossyImageCompressionRatio = f"{max(1.0, stored.size / size):.1f}"
    made.LossyImageCompressionMethod = "ISO_10918_1"
    stated = {str(s.header.get("BurnedInAnnotation") or "").strip().upper() for s in facts.sources.files}
    if stated == {"NO"}:  # what the sources do not say is not said here
        made.BurnedInAnnotation = "NO"
    if shown is not None:
        header, item = shown.source.instance.header, Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = header.sop_class_uid, header.sop_instance_uid
        if shown.frame is not None:
            item.ReferencedFrameNumber = shown.frame
        made.SourceImageSequence = Items([item])
    return made


def _place_shown(facts: Facts) -> Place | None:
    """Picture that was stored: that of the highest finding; None where the decision names none."""
    findings = facts.decision.findings
    return facts.sources.place_of(findings[0]) if findings else None


def _orientation(place: Place | None) -> list[str] | None:
    """Directions of rows and columns in letters; None where they are not known."""
    planes = () if place is None else place.source.instance.header.planes
    plane = planes[0] if planes else None
    if plane is None:
        return None
    return [_letter(plane.row_direction), _letter(plane.column_direction)]


def _side(facts: Facts) -> str:
    """Side of a paired organ that is shown, "" where it is not known or there is none."""
    sides = {finding.laterality for finding in facts.decision.findings[:1]}
    return next((side for side in sides if side in ("L", "R")), "")


def _letter(direction: Sequence[float]) -> str:
    axis = int(np.argmax(np.abs(direction)))
    return ("LR", "PA", "HF")[axis][direction[axis] < 0]


def _opened(path: Path | None) -> Bytes | None:
    """[H, W, 3] RGB of a stored picture; None without one, and for a file that is none."""
    return None if path is None else _decoded(path.read_bytes())


def _decoded(png: bytes) -> Bytes | None:
    found = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR) if png else None
    return None if found is None else np.ascontiguousarray(found[..., ::-1], np.uint8)


def _marked(stored: Bytes, marks: Sequence[Mark], shown: Place | None, decision: Decision) -> Bytes:
    """[h, w, 3]: the stored picture with the circles of its marks, numbered as in the report."""
    circles = []
    if shown is not None and decision.findings:
        header = shown.source.instance.header
        down, across = stored.shape[0] / header.rows, stored.shape[1] / header.columns
        for mark in marks:
            same = mark.place.source is shown.source and mark.place.frame == shown.frame
            row, col = mark.finding.row, mark.finding.col
            if same and row is not None and col is not None:
                size = None if mark.radii_px is None else 2 * mark.radii_px[0] * down
                label = str(mark.number)
                circles.append(drawing.Mark(row=row * down, col=col * across, diameter_px=size, label=label))
    values = np.asarray(stored / np.float32(255.0), np.float32)
    _, drawn = drawing.draw(values, heat=None, marks=circles, limit_px=SIDE_PX)
    picture = _decoded(drawn)
    return _fitted(stored if picture is None else picture)


def _fitted(picture: Bytes) -> Bytes:
    """Picture whose longer side is SIDE_PX."""
    factor = SIDE_PX / max(picture.shape[:2])
    if factor == 1:
        return picture
    size = max(1, round(picture.shape[1] * factor)), max(1, round(picture.shape[0] * factor))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC))


def _side_by_side(panels: Sequence[Bytes]) -> Bytes:
    height = max(panel.shape[0] for panel in panels)
    canvas = np.zeros((height, len(panels) * SIDE_PX, 3), np.uint8)
    for i, panel in enumerate(panels):
        left = i * SIDE_PX + (SIDE_PX - panel.shape[1]) // 2
        canvas[: panel.shape[0], left : left + panel.shape[1]] = panel
    return canvas


def _with_lines(picture: Bytes, facts: Facts, shown: Place | None) -> Bytes:
    """Picture with a band of text below it."""
    letters = (picture.shape[1] - 2 * MARGIN_PX) // LETTER_PX
    lines = [
        (wrapped, colour) for text, colour, most in _texts(facts, shown) for wrapped in _wrapped(text, letters, most)
    ]
    band = np.zeros((LINE_PX * len(lines) + 2 * MARGIN_PX, picture.shape[1], 3), np.uint8)
    for i, (text, colour) in enumerate(lines):
        at = MARGIN_PX, MARGIN_PX + LINE_PX * i + LINE_PX * 3 // 4
        cv2.putText(band, text, at, drawing.FONT, drawing.FONT_SCALE, colour, 1, cv2.LINE_AA)
    return np.concatenate([picture, band])


def _texts(facts: Facts, shown: Place | None) -> list[tuple[str, tuple[int, int, int], int]]:
    """Lines with their colours, and how many lines each may take."""
    decision, p = facts.decision, facts.decision.provenance
    score = "no score" if decision.score is None else f"score {decision.score:.4f}"
    line = "" if decision.threshold is None or decision.score is None else f", flagged from {decision.threshold:.4f}"
    outcome = decision.verdict.outcome
    told = [(f"{outcome.value.upper()}   {score}{line}", COLOURS[outcome], 1)]
    if shown is not None and decision.study.modality == "CT":
        told.append((f"picture: slice {decision.findings[0].image_index + 1}", GREY, 1))
    return [
        *told,
        (decision.verdict.reason, WHITE, REASON_LINES),
        *((f"Remark: {remark}", WHITE, REASON_LINES) for remark in decision.remarks[:REMARKS_MOST]),
        (facts.standing, WHITE, 2),
        (f"{p.task or 'no task'} {p.task_version}, {MODEL} {p.software}, entry {facts.entry.id}", GREY, 1),
        (facts.caution, WHITE, 1),
    ]


def _wrapped(text: str, letters: int, most: int) -> list[str]:
    plain = printable(text, 2000).encode("ascii", "replace").decode("ascii")  # the font has no other letters
    return textwrap.wrap(plain, max(20, letters), max_lines=most, placeholder=" ...")
