"""Spool of a study's pixels for the browser: decoded in a child process into files that pages are served from.

A volume appears slice by slice, beginning with the one that is asked for, so that a person sees it before all of it is
decoded. Files: meta.json once the geometry is known; volume.i16 [D, H, W] and ready.u8 [D], or NUMBER.png; at the end
`done`, or `failed` with the sentence that says why.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.domain import Image, Study, StudyRef, Volume
from inspect_ai.errors import InputError
from inspect_ai.ingest import load
from inspect_ai.secret import write_private
from inspect_ai.settings import Settings
from inspect_ai.web.cases.orientation import PlacedReader, directions_of, orientation

META, VOLUME, READY, DONE, FAILED = "meta.json", "volume.i16", "ready.u8", "done", "failed"


def warm_up() -> None:
    """Nothing: a child that has run it has started, and imported the decoders."""
    import pydicom.pixels  # noqa: F401


def spool(root: Path, ref: StudyRef, settings: Settings, folder: Path, first: int) -> None:
    """Decode a study into `folder`, slice `first` of a volume before the others. Runs in a decoding child."""
    try:
        if not _progressive(root, ref, settings, folder, first):
            _whole(root, load(root, ref, settings), folder)
    except InputError as e:
        write_private(folder / FAILED, str(e).encode())
        return
    write_private(folder / DONE, b"")


def _progressive(root: Path, ref: StudyRef, settings: Settings, folder: Path, first: int) -> bool:
    """Spool a volume slice by slice; False where the study is no plain volume."""
    if ref.kind != "dicom":
        return False
    try:
        reader = PlacedReader(root, ref, settings)
    except InputError:
        return False
    hu, ready = _volume_files(folder, reader.shape)
    placed = orientation(root, ref, reader.directions())
    _meta(folder, kind="volume", shape=list(reader.shape), spacing_mm=list(reader.spacing_mm), orientation=placed)
    depth = reader.shape[0]
    for index in sorted(range(depth), key=lambda i: abs(i - min(max(first, 0), depth - 1))):
        hu[index] = reader.read(index)
        ready[index] = 1
    return True


def _whole(root: Path, study: Study, folder: Path) -> None:
    """Spool a study that was loaded at once. Raises InputError where it has no pixels."""
    if study.volumes:
        volume: Volume = study.volumes[0]
        shape = volume.hu.shape
        hu, ready = _volume_files(folder, (shape[0], shape[1], shape[2]))
        hu[:] = volume.hu
        ready[:] = 1
        placed = orientation(root, study.ref, directions_of(volume))
        _meta(folder, kind="volume", shape=list(shape), spacing_mm=list(volume.spacing_mm), orientation=placed)
        return
    if not study.images:
        reasons = [rejection.reason for rejection in study.rejections]
        raise InputError(reasons[0] if reasons else "the study holds no picture")
    for index, image in enumerate(study.images):
        write_private(folder / f"{index}.png", _png(image))
    sizes = [list(image.pixels.shape[:2]) for image in study.images]
    _meta(folder, kind="pictures", sizes=sizes)


def _png(image: Image) -> bytes:
    """Picture at full size, 8 bits a channel."""
    grey = np.rint(image.unit_range() * 255).clip(0, 255).astype(np.uint8)
    shown = grey if grey.ndim == 2 else cv2.cvtColor(grey, cv2.COLOR_RGB2BGR)
    fine, png = cv2.imencode(".png", shown, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not fine:
        raise InputError("the picture cannot be written as PNG")
    return png.tobytes()


def _volume_files(folder: Path, shape: tuple[int, int, int]) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    for name in (VOLUME, READY):
        write_private(folder / name, b"")
    hu = np.memmap(folder / VOLUME, np.dtype("<i2"), "w+", shape=shape)
    ready = np.memmap(folder / READY, np.uint8, "w+", shape=shape[:1])
    return hu, ready


def _meta(folder: Path, **facts: object) -> None:
    """Write the facts whole: a reader finds all of them or none."""
    write_private(folder / f"{META}.part", json.dumps(facts).encode())
    (folder / f"{META}.part").replace(folder / META)
