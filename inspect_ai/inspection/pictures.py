"""What a person sees of a decision: the picture of its highest finding, and the same with heat map and marks."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from inspect_ai.domain import Decision, Finding, Floats, Unit, UnitOutput
from inspect_ai.inspection.drawing import Mark, draw
from inspect_ai.inspection.preprocess import PreprocessedStudy, Preview
from inspect_ai.model.engine import padded
from inspect_ai.plugins import probability

MARKS_MOST = 8


def pictures(
    decision: Decision, preprocessed: PreprocessedStudy, outputs: Sequence[UnitOutput], multiple: int
) -> tuple[bytes, bytes | None] | None:
    """PNG of the picture, and PNG with heat and marks where there was a score. None where there is no picture.

    `multiple`: what the engine pads units to.
    """
    if not preprocessed.previews:
        return None
    top = decision.findings[0].image_index if decision.findings else preprocessed.previews[0].index
    preview = next((p for p in preprocessed.previews if p.index == top), preprocessed.previews[0])
    picture = preview.picture()
    if not outputs:
        return draw(picture, heat=None, marks=[])[0], None
    scale = picture.shape[0] / preview.shape_px[0], picture.shape[1] / preview.shape_px[1]
    numbered = enumerate(decision.findings[:MARKS_MOST], 1)  # as the report lists them
    here = [(number, finding) for number, finding in numbered if finding.image_index == preview.index]
    marks = [mark for number, finding in here if (mark := _mark(number, finding, preview, scale)) is not None]
    heat = heat_over(preprocessed.units, outputs, preview, picture.shape[:2], multiple)
    return draw(picture, heat=heat, marks=marks)


def heat_over(
    units: Sequence[Unit], outputs: Sequence[UnitOutput], preview: Preview, shape: tuple[int, ...], multiple: int
) -> Floats:
    """[h, w] of `shape`, highest 1 (or all 0): attention of the deciding output, each unit's by its score."""
    canvas: Floats = np.zeros(shape[:2], np.float32)
    scale = shape[0] / preview.shape_px[0], shape[1] / preview.shape_px[1]
    for unit, output in zip(units, outputs, strict=True):
        if unit.image_index != preview.index:
            continue
        heat = _over_unit(output.heat[0], unit, multiple)
        rows = _span(unit.origin_px[0], heat.shape[0] * unit.scale_px[0], scale[0], shape[0])
        cols = _span(unit.origin_px[1], heat.shape[1] * unit.scale_px[1], scale[1], shape[1])
        if rows[0] >= rows[1] or cols[0] >= cols[1]:
            continue
        weight = probability(float(output.logits[0])) / max(float(heat.max()), 1e-12)
        patch = cv2.resize(heat, (cols[1] - cols[0], rows[1] - rows[0]), interpolation=cv2.INTER_LINEAR) * weight
        region = canvas[rows[0] : rows[1], cols[0] : cols[1]]
        np.maximum(region, patch, out=region)
    return np.asarray(canvas / max(float(canvas.max()), 1e-12), np.float32)


def _over_unit(heat: Floats, unit: Unit, multiple: int) -> Floats:
    """[h, w] cells over the unit as the engine pads it -> [H, W] over the unit itself."""
    height, width = unit.pixels.shape[-2:]
    rows, cols = padded(np.empty((height, width), np.bool_), multiple).shape
    whole = cv2.resize(np.ascontiguousarray(heat, np.float32), (cols, rows), interpolation=cv2.INTER_LINEAR)
    return np.asarray(whole[:height, :width], np.float32)


def _span(origin: float, length: float, scale: float, limit: int) -> tuple[int, int]:
    return max(0, round(origin * scale)), min(limit, round((origin + length) * scale))


def _mark(number: int, finding: Finding, preview: Preview, scale: tuple[float, float]) -> Mark | None:
    if finding.row is None or finding.col is None:
        return None
    diameter = None
    if finding.diameter_mm is not None and preview.spacing_mm is not None:
        diameter = finding.diameter_mm / preview.spacing_mm[0] * scale[0]
    return Mark(row=finding.row * scale[0], col=finding.col * scale[1], diameter_px=diameter, label=str(number))
