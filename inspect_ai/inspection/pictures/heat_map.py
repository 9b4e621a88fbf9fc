"""Heat maps: the attention of the deciding output, mapped from unit pixels onto the displayed picture."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from inspect_ai.domain import Floats, Unit, UnitOutput
from inspect_ai.model.engine import padded
from inspect_ai.plugins import probability


def heat_map(
    units: Sequence[Unit],
    outputs: Sequence[UnitOutput],
    image_index: int,
    source_px: tuple[int, ...],
    shape: tuple[int, ...],
    multiple: int,
) -> Floats | None:
    """[h, w] of `shape`, highest 1 (or all 0), over image (or slice) `image_index`; each unit's heat by its score.

    None where the graph gives no heat.

    source_px: rows and columns of the source image, in whose pixels units give their position. multiple: of pixels
    that the engine pads units to.
    """
    if any(not output.heat.size for output in outputs):
        return None
    canvas: Floats = np.zeros(shape[:2], np.float32)
    scale = shape[0] / source_px[0], shape[1] / source_px[1]
    for unit, output in zip(units, outputs, strict=True):
        if unit.image_index != image_index:
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
