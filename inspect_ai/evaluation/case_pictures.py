"""Pictures of single cases for a page: the picture, and its heat map with the mask's outline and the findings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.config import LabelSet
from inspect_ai.datasets.folder import LabelledFolder, Row
from inspect_ai.datasets.samples import study_of_row
from inspect_ai.domain import Floats, Study
from inspect_ai.evaluation.localization import mask_of
from inspect_ai.inspection.inspector import Inspector
from inspect_ai.inspection.pictures.drawing import Mark, draw
from inspect_ai.inspection.pictures.heat_map import heat_map
from inspect_ai.stacks import STACK, key_index

SHEET_PX = 360  # longer side of a picture on a sheet
CIRCLES_MOST = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPictures:
    """PNG of a picture, and with heat map, outline and marks; None where it may carry a name, or there is none."""

    plain: bytes | None = field(default=None, repr=False)
    heat: bytes | None = field(default=None, repr=False)


def drawn(folder: LabelledFolder, rows: Sequence[Row], inspector: Inspector) -> Iterator[RowPictures]:
    """Draw each row's picture, and its heat map with the mask's outline and the findings."""
    with folder.unpacked(rows) as root:
        for row in rows:
            study = study_of_row(root, row, inspector.settings)
            yield _pictures(root, row, folder.labels, study, inspector)


def _pictures(root: Path, row: Row, labels: LabelSet, study: Study, inspector: Inspector) -> RowPictures:
    if not study.images or study.images[0].burned_in_annotation:
        return RowPictures()
    own = key_index(study) if study.ref.kind == STACK else 0
    picture = study.images[own].unit_range()
    height, width = picture.shape[:2]
    found = inspector.predict_study(study)
    shape = (height, width)
    heat = heat_map(found.units, found.outputs, 0, shape, shape, found.multiple) if found.finite else None
    circles = [
        Mark(row=f.row, col=f.col)
        for f in found.findings[:CIRCLES_MOST]
        if f.image_index == 0 and f.row is not None and f.col is not None
    ]
    outlined = _outlined(picture, mask_of(root, row, labels, study) if row.masks else None)
    marked = draw(outlined, heat=heat, marks=circles, limit_px=SHEET_PX)[1]
    nothing = heat is None and not circles and not row.masks  # the second picture would be the first again
    return RowPictures(plain=draw(picture, heat=None, limit_px=SHEET_PX)[0], heat=None if nothing else marked)


def _outlined(picture: Floats, mask: NDArray[np.uint8] | None) -> Floats:
    """A copy with the mask's outline in white, so wide that it is seen on the sheet."""
    if mask is None:
        return picture
    lined = np.ascontiguousarray(picture, np.float32).copy()
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    wide = max(1, round(1.5 * max(picture.shape[:2]) / SHEET_PX))
    cv2.drawContours(lined, outlines, -1, (1.0, 1.0, 1.0), wide, cv2.LINE_8)
    return lined
