"""Pictures of a decision: that of its highest finding, and the same with heat map and marks."""

from __future__ import annotations

from collections.abc import Sequence

from inspect_ai.domain import Finding
from inspect_ai.inspection.pictures.drawing import Mark, draw
from inspect_ai.inspection.pictures.heat_map import heat_map
from inspect_ai.inspection.predict import Prediction
from inspect_ai.inspection.preprocess import Preview

MARKS_MOST = 8


def pictures(
    findings: Sequence[Finding], previews: Sequence[Preview], prediction: Prediction
) -> tuple[bytes | None, bytes | None]:
    """Draw the picture as PNG, and with heat and marks where there was a score. None where there is none of either.

    findings: those that the decision lists, numbered as the report lists them.
    """
    if not previews:
        return None, None
    top = findings[0].image_index if findings else previews[0].index
    preview = next((p for p in previews if p.index == top), previews[0])
    picture = preview.picture()
    if not prediction.outputs or not prediction.finite:
        return draw(picture, heat=None, marks=[])[0], None
    scale = picture.shape[0] / preview.shape_px[0], picture.shape[1] / preview.shape_px[1]
    here = [(n, f) for n, f in enumerate(findings[:MARKS_MOST], 1) if f.image_index == preview.index]
    marks = [mark for n, finding in here if (mark := _mark(n, finding, preview, scale)) is not None]
    heat = heat_map(
        prediction.units, prediction.outputs, preview.index, preview.shape_px, picture.shape[:2], prediction.multiple
    )
    plain, marked = draw(picture, heat=heat, marks=marks)
    return plain, marked if heat is not None or marks else None


def _mark(number: int, finding: Finding, preview: Preview, scale: tuple[float, float]) -> Mark | None:
    if finding.row is None or finding.col is None:
        return None
    diameter = None
    if finding.diameter_mm is not None and preview.spacing_mm is not None:
        diameter = finding.diameter_mm / preview.spacing_mm[0] * scale[0]
    return Mark(row=finding.row * scale[0], col=finding.col * scale[1], diameter_px=diameter, label=str(number))
