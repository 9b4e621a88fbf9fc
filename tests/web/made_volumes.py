"""Made CT series, slice by slice: where things stand is known without the viewer."""

from __future__ import annotations

from typing import Any

import numpy as np

AIR_HU = -1000
LUNG = {"name": "lung", "centre": -600, "width": 1500}
SOFT = {"name": "soft tissue", "centre": 40, "width": 400}
NUMBER = (120, 380)  # row and column of the square whose value tells the slice
SPOT = (300, 200)  # row and column of the bright spot, on every slice


def manifest(
    depth: int, rows: int, columns: int, spacing_mm: tuple[float, float, float], **more: Any
) -> dict[str, Any]:
    return {
        "kind": "volume",
        "depth": depth,
        "rows": rows,
        "columns": columns,
        "spacing_mm": list(spacing_mm),
        "slices": "/slices/{index}",
        "heat": None,
        "presets": [LUNG, SOFT],
        "marks": [],
        "first": depth // 2,
    } | more


def numbered_slice(index: int) -> bytes:
    """512 x 512: air, a square of the value of `number_hu(index)` and a bright spot of 9 x 9 pixels."""
    hu = np.full((512, 512), AIR_HU, "<i2")
    hu[NUMBER[0] - 20 : NUMBER[0] + 21, NUMBER[1] - 20 : NUMBER[1] + 21] = number_hu(index)
    hu[SPOT[0] - 4 : SPOT[0] + 5, SPOT[1] - 4 : SPOT[1] + 5] = 1000
    return hu.tobytes()


def number_hu(index: int) -> int:
    """Value that tells a slice; two and a half HU apart, so that neighbours differ in the lung window."""
    return -1200 + index * 5 // 2


def grey(hu: float, centre: float, width: float) -> int:
    """Grey of a value under a window: 0 at its lower end, 255 at its upper end."""
    return round(255 * min(max((hu - (centre - width / 2)) / width, 0), 1))
