"""A second look at labelled pictures that were scored before: their heat maps, their places, and repeated looks.

The first pass keeps no pixels; what needs them (a sheet of errors, masks, a moved picture) reads its few rows again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.calibration.out_of_distribution import Typicality
from inspect_ai.config import LabelSet
from inspect_ai.datasets.folder import LabelledFolder, Row
from inspect_ai.datasets.samples import study_of, unit_mask
from inspect_ai.decide import decide
from inspect_ai.domain import Finding, Floats, Image, Outcome, Pixels, Study, Unit, UnitOutput
from inspect_ai.evaluation.free_response import CandidateMark
from inspect_ai.inspection import out_of_distribution
from inspect_ai.inspection.drawing import Mark, draw
from inspect_ai.inspection.pictures import heat_over
from inspect_ai.inspection.preprocess import Preview
from inspect_ai.model.engine import Engine
from inspect_ai.operating_point import OperatingPoint
from inspect_ai.plugins import Task
from inspect_ai.settings import Settings

SHEET_PX = 360  # longer side of a picture on a sheet
CIRCLES_MOST = 4
STEP_PX = 4  # of position jitter: half a cell of the heat map


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPictures:
    """PNG of a picture and of its heat map; None where it may carry a name, or is none."""

    plain: bytes | None = field(default=None, repr=False)
    heat: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One picture's findings against its mask. places: how many there are; marks: where each finding lies."""

    row: Row
    score: float
    marks: tuple[CandidateMark, ...]
    places: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """One picture under one jitter."""

    row: Row
    jitter: str
    score: float
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What a picture goes through. known: what calibration saw, for the quality gate."""

    task: Task
    engine: Engine
    settings: Settings
    known: Typicality | None = None

    def look(self, study: Study) -> tuple[list[Unit], list[UnitOutput], list[Finding], float]:
        """Units, outputs, findings (highest first) and score of a study."""
        units = list(self.task.units(study))
        outputs = list(self.engine.run(units))
        findings = [f for unit, out in zip(units, outputs, strict=True) for f in self.task.findings(unit, out)]
        return units, outputs, sorted(findings, key=lambda f: -f.score), self.task.aggregate(findings)

    def decide(self, study: Study, point: OperatingPoint) -> tuple[float, Outcome]:
        """Score and outcome, the quality gate before the score as at work."""
        units, outputs, _, score = self.look(study)
        measures = self.task.quality(study)
        likeness = out_of_distribution.measure(self.known, units, outputs, measures)
        gate = measures if likeness is None else [*measures, likeness]
        return score, decide(score, point, problems=study.problems, measures=gate).outcome


def drawn(folder: LabelledFolder, rows: Sequence[Row], line: Line) -> Iterator[RowPictures]:
    """Each row's picture, and its heat map with the mask's outline and the findings."""
    with folder.unpacked(rows) as root:
        for row in rows:
            study = study_of(root, row.file, line.settings)
            yield _pictures(root, row, folder.labels, study, line)


def placed(
    folder: LabelledFolder,
    rows: Iterable[Row],
    line: Line,
    tolerance_px: float,
    progress: Callable[[int], None] = lambda done: None,
) -> Iterator[Placed]:
    """Findings of each row against the places of its masks; rows without masks are negatives."""
    wanted = list(rows)
    with folder.unpacked(wanted) as root:
        for number, row in enumerate(wanted):
            study = study_of(root, row.file, line.settings)
            places = places_of(_mask(root, row, folder.labels, study), tolerance_px)
            _, _, findings, score = line.look(study)
            marks = tuple(_mark(number, f, places) for f in findings if f.row is not None and f.col is not None)
            yield Placed(row=row, score=score, marks=marks, places=int(places.max(initial=0)))
            progress(number + 1)


def jittered(
    folder: LabelledFolder,
    rows: Sequence[Row],
    line: Line,
    point: OperatingPoint,
    progress: Callable[[int], None] = lambda done: None,
) -> Iterator[Repeat]:
    """Each row as it is and under every jitter, decided as at work."""
    with folder.unpacked(rows) as root:
        for done, row in enumerate(rows, 1):
            study = study_of(root, row.file, line.settings)
            for name, move in JITTERS.items():
                moved = replace(study, images=tuple(_moved(image, move) for image in study.images))
                score, outcome = line.decide(moved, point)
                yield Repeat(row=row, jitter=name, score=score, outcome=outcome)
            progress(done)


def places_of(mask: NDArray[np.uint8], tolerance_px: float) -> NDArray[np.int32]:
    """[H, W]: 0 where nothing is near, else the number of the place; masks within the tolerance make one place."""
    away = cv2.distanceTransform((mask == 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    near = ((away <= tolerance_px) & bool(mask.any())).astype(np.uint8)
    return np.asarray(cv2.connectedComponents(near, connectivity=8)[1], np.int32)


def shifted(pixels: Pixels, down: int, right: int) -> Pixels:
    """[H, W] or [H, W, 3] moved by whole pixels; what comes in is the mirrored edge."""
    height, width = pixels.shape[:2]
    edge = [(abs(down), abs(down)), (abs(right), abs(right))] + [(0, 0)] * (pixels.ndim - 2)
    wide = np.pad(pixels, edge, mode="symmetric")
    top, left = abs(down) - down, abs(right) - right
    return np.ascontiguousarray(wide[top : top + height, left : left + width])


JITTERS: dict[str, Callable[[Pixels], Pixels]] = {
    "as it is": lambda pixels: pixels,
    f"{STEP_PX} px to the right": lambda pixels: shifted(pixels, 0, STEP_PX),
    f"{STEP_PX} px down": lambda pixels: shifted(pixels, STEP_PX, 0),
    f"{STEP_PX} px up and left": lambda pixels: shifted(pixels, -STEP_PX, -STEP_PX),
    "mirrored left to right": lambda pixels: np.ascontiguousarray(pixels[:, ::-1]),
    "mirrored top to bottom": lambda pixels: np.ascontiguousarray(pixels[::-1]),
}


def _moved(image: Image, move: Callable[[Pixels], Pixels]) -> Image:
    return replace(image, pixels=move(image.pixels))


def _mask(root: Path, row: Row, labels: LabelSet, study: Study) -> NDArray[np.uint8]:
    """[H, W] of the picture itself: 1 where a mask marks something; zeros without masks."""
    height, width = study.images[0].pixels.shape[:2]
    whole = Unit(pixels=np.empty((1, height, width), np.float32))
    mask = unit_mask(root, row, labels, whole, study)
    return np.zeros((height, width), np.uint8) if mask is None else mask


def _mark(picture: int, finding: Finding, places: NDArray[np.int32]) -> CandidateMark:
    row = min(max(finding.row or 0, 0), places.shape[0] - 1)
    col = min(max(finding.col or 0, 0), places.shape[1] - 1)
    return CandidateMark(picture=picture, score=finding.score, place=int(places[row, col]) or None)


def _pictures(root: Path, row: Row, labels: LabelSet, study: Study, line: Line) -> RowPictures:
    if not study.images or study.images[0].burned_in_annotation:
        return RowPictures()
    picture = study.images[0].unit_range()
    height, width = picture.shape[:2]
    units, outputs, findings, _ = line.look(study)
    here = Preview(index=0, shape_px=(height, width), jpeg=b"")
    heat = heat_over(units, outputs, here, (height, width), line.engine.manifest.config.input.multiple)
    circles = [
        Mark(row=f.row, col=f.col)
        for f in findings[:CIRCLES_MOST]
        if f.image_index == 0 and f.row is not None and f.col is not None
    ]
    outlined = _outlined(picture, _mask(root, row, labels, study) if row.masks else None)
    return RowPictures(
        plain=draw(picture, heat=None, limit_px=SHEET_PX)[0],
        heat=draw(outlined, heat=heat, marks=circles, limit_px=SHEET_PX)[1],
    )


def _outlined(picture: Floats, mask: NDArray[np.uint8] | None) -> Floats:
    """A copy with the mask's outline in white, so wide that it is seen on the sheet."""
    if mask is None:
        return picture
    lined = np.ascontiguousarray(picture, np.float32).copy()
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    wide = max(1, round(1.5 * max(picture.shape[:2]) / SHEET_PX))
    cv2.drawContours(lined, outlines, -1, (1.0, 1.0, 1.0), wide, cv2.LINE_8)
    return lined
