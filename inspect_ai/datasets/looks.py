"""Looks of pictures: what tells whether two files show one picture, read once by the same decoding as a scan's.

A look holds the digest of the file, the digest of its decoded pixels, and a thumbnail for `near_copies`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.datasets.folder import LabelledFolder, Row
from inspect_ai.datasets.look import NOTHING, THUMBNAIL_PX, Look
from inspect_ai.datasets.look_cache import keep_looks, kept_looks
from inspect_ai.datasets.samples import study_of
from inspect_ai.domain import Floats, Study
from inspect_ai.errors import InputError, InspectError
from inspect_ai.settings import Settings
from inspect_ai.text import printable

STRETCH_PERCENTILES = (0.5, 99.5)  # of a picture, that become black and white of its thumbnail
LEAST_RANGE = 2.0 / 255.0  # of the full scale; a flatter picture has no look of its own
SHOWN = 3


def read_looks(
    folder: LabelledFolder, settings: Settings, progress: Callable[[int], None] = lambda done: None
) -> list[Look]:
    """Read the look of every row's picture, from `settings.cache` where nothing changed since.

    Raises InputError that names table, line and file where a listed picture is not there.
    """
    _refuse_missing(folder)
    looks = kept_looks(folder, settings)
    if looks is None:
        rows = [replace(row, masks=(), stack=(), votes=()) for row in folder.rows]
        with folder.unpacked(rows) as root:
            looks = []
            for done, row in enumerate(rows, 1):
                looks.append(_look_of_file(root, row, settings))
                progress(done)
        keep_looks(folder, settings, looks)
    return looks


def look_of(study: Study) -> Look:
    """Look of a decoded study: of its first picture, or of the middle slice of its first volume; digests are of all."""
    digest = hashlib.sha256()
    for array in (*(image.pixels for image in study.images), *(volume.hu for volume in study.volumes)):
        digest.update(repr((array.shape, array.dtype.str)).encode())
        digest.update(np.ascontiguousarray(array).data)
    shown = study.images[0].unit_range() if study.images else _middle(study)
    return Look(
        thumbnail=thumbnail(shown),
        file_sha256=study.ref.digest,
        pixels_sha256=digest.hexdigest(),
        side_px=int(min(shown.shape[:2])),
    )


def thumbnail(shown: Floats) -> NDArray[np.uint8]:
    """[H, W] or [H, W, 3] in 0..1 -> [128, 128] grey, stretched to black and white; zeros without contrast."""
    grey = shown if shown.ndim == 2 else shown @ np.array([0.299, 0.587, 0.114], np.float32)
    small = cv2.resize(np.ascontiguousarray(grey), (THUMBNAIL_PX, THUMBNAIL_PX), interpolation=cv2.INTER_AREA)
    black, white = np.percentile(small, STRETCH_PERCENTILES)
    if white - black < LEAST_RANGE:
        return NOTHING
    stretched = np.clip((small - black) * (254.0 / (white - black)) + 1.0, 1, 255)
    return np.asarray(stretched.round(), np.uint8)


def _middle(study: Study) -> Floats:
    """[H, W] in 0..1: the middle slice, from air to dense bone."""
    hu = study.volumes[0].hu
    return np.asarray(np.clip((hu[len(hu) // 2].astype(np.float32) + 1024.0) / 2048.0, 0.0, 1.0), np.float32)


def _look_of_file(root: Path, row: Row, settings: Settings) -> Look:
    try:
        return look_of(study_of(root, row.file, settings))
    except InspectError as e:
        said = str(e).removeprefix(f"{root / row.file} ").removeprefix("cannot be read: ")
        return Look(thumbnail=NOTHING, refusal=said.rstrip("."))
    except OSError as e:
        return Look(thumbnail=NOTHING, refusal=f"cannot be opened ({e.strerror})")


def _refuse_missing(folder: LabelledFolder) -> None:
    names = folder.names()
    missing = [row for row in folder.rows if not names.has(row.file)]
    if missing:
        where = "images.zip" if names.archived is not None else str(folder.root)
        shown = ", ".join(
            f"{printable(row.file, 120)}{f' (line {row.line})' if row.line else ''}" for row in missing[:SHOWN]
        )
        more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
        raise InputError(
            f"{folder.source} lists {len(missing)} pictures that are not in {where}: {shown}{more}. "
            f"Put them there, or take their lines out."
        )
