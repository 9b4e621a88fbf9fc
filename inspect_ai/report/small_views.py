"""Small views of labelled pictures for sheets: a JPEG each, of at most 150 px."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from inspect_ai.datasets.folder import LabelledFolder, Row
from inspect_ai.datasets.samples import study_of
from inspect_ai.errors import InspectError
from inspect_ai.settings import Settings

VIEW_PX = 150


def small_views(folder: LabelledFolder, rows: Sequence[Row], settings: Settings) -> dict[str, bytes]:
    """JPEG of each file; empty for what has no picture to draw."""
    views = {}
    with folder.unpacked(list(rows)) as root:
        for row in rows:
            try:
                study = study_of(root, row.file, settings)
            except InspectError:
                views[row.file] = b""
                continue
            views[row.file] = _jpeg(study.images[0].unit_range()) if study.images else b""
    return views


def _jpeg(picture: np.ndarray) -> bytes:
    """[H, W] or [H, W, 3] in 0..1 -> JPEG of at most 150 px."""
    scale = VIEW_PX / max(picture.shape[:2])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if scale < 1 else picture
    shown = np.clip(np.asarray(small) * 255.0, 0, 255).astype(np.uint8)
    return bytes(cv2.imencode(".jpg", shown if shown.ndim == 2 else np.ascontiguousarray(shown[..., ::-1]))[1])
