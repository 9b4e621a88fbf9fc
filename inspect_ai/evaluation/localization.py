"""Localization: the findings of labelled pictures against the places that their masks mark."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.config import LabelSet
from inspect_ai.datasets.folder import LabelledFolder, Row
from inspect_ai.datasets.samples import study_of_row, unit_mask
from inspect_ai.domain import Finding, Study, Unit
from inspect_ai.evaluation.free_response import CandidateMark
from inspect_ai.inspection.inspector import Inspector


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One picture's findings against its mask. places: their number; marks: the place of each finding."""

    row: Row
    marks: tuple[CandidateMark, ...]
    places: int


def placed(
    folder: LabelledFolder,
    rows: Iterable[Row],
    inspector: Inspector,
    tolerance_px: float,
    progress: Callable[[int], None] = lambda done: None,
) -> Iterator[Placed]:
    """Compare the findings of each row with the places of its masks; rows without masks are negatives."""
    wanted = list(rows)
    with folder.unpacked(wanted) as root:
        for number, row in enumerate(wanted):
            study = study_of_row(root, row, inspector.settings)
            places = places_of(mask_of(root, row, folder.labels, study), tolerance_px)
            findings = inspector.predict_study(study).findings
            marks = tuple(_mark(number, f, places) for f in findings if f.row is not None and f.col is not None)
            yield Placed(row=row, marks=marks, places=int(places.max(initial=0)))
            progress(number + 1)


def places_of(mask: NDArray[np.uint8], tolerance_px: float) -> NDArray[np.int32]:
    """[H, W]: 0 where nothing is near, else the number of the place; masks within the tolerance make one place."""
    away = cv2.distanceTransform((mask == 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    near = ((away <= tolerance_px) & bool(mask.any())).astype(np.uint8)
    return np.asarray(cv2.connectedComponents(near, connectivity=8)[1], np.int32)


def mask_of(root: Path, row: Row, labels: LabelSet, study: Study) -> NDArray[np.uint8]:
    """[H, W] of the picture itself: 1 where a mask marks something; zeros without masks."""
    height, width = study.images[0].pixels.shape[:2]
    whole = Unit(pixels=np.empty((1, height, width), np.float32))
    mask = unit_mask(root, row, labels, whole, study)
    return np.zeros((height, width), np.uint8) if mask is None else mask


def _mark(picture: int, finding: Finding, places: NDArray[np.int32]) -> CandidateMark:
    row = min(max(finding.row or 0, 0), places.shape[0] - 1)
    col = min(max(finding.col or 0, 0), places.shape[1] - 1)
    return CandidateMark(picture=picture, score=finding.score, place=int(places[row, col]) or None)
