"""Sources that a caller from Python may pass: array, path, pydicom Dataset, Image, Volume or a whole Study."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from inspect_ai.domain import Image, Pixels, Rejection, SourceFile, Study, StudyRef, Volume
from inspect_ai.errors import InputError
from inspect_ai.ingest import DecoderPool, discover, load
from inspect_ai.ingest.attributes import attributes_set
from inspect_ai.settings import Settings

if TYPE_CHECKING:
    from pydicom import Dataset

    Source: TypeAlias = str | Path | Pixels | Dataset | Image | Volume | Study
else:
    Source = object  # pydicom is loaded for a Dataset alone


def as_study(source: Source, settings: Settings, *, patient_key: bytes | None = None) -> Study:
    """Convert a source to a study with pixels. Raises InputError that says what cannot be read, and why."""
    if isinstance(source, Study):
        return source
    if isinstance(source, str | Path):
        return _from_path(Path(source), settings, patient_key)
    if isinstance(source, np.ndarray):
        return _of_images(_image(source), source, settings)
    if isinstance(source, Image):
        return _of_images(source, source.pixels, settings)
    if isinstance(source, Volume):
        ref = _ref("volume", source.hu, "dicom", settings, modality="CT", series_uid=source.series_uid)
        return Study(ref=ref, volumes=(source,))
    if hasattr(source, "save_as"):
        return _from_dataset(source, settings, patient_key)
    raise InputError(
        f"A {type(source).__name__} is no picture. Give an array [H, W] or [H, W, 3], a path, a pydicom Dataset, "
        "or an Image, Volume or Study of inspect_ai."
    )


def _from_path(path: Path, settings: Settings, patient_key: bytes | None) -> Study:
    """Read the one study of a file or folder."""
    with DecoderPool(1, settings.decode_memory_gib) as pool:
        found = list(discover(path, settings=settings, pool=pool, patient_key=patient_key))
    refs = [item for item in found if isinstance(item, StudyRef)]
    if len(refs) != 1:
        reasons = "; ".join(f"{r.file}: {r.reason}" for r in found if isinstance(r, Rejection))
        what = f"{len(refs)} studies" if refs else f"no study{f' ({reasons})' if reasons else ''}"
        raise InputError(f"{path} holds {what}. Give one picture or one series here; scan takes whole folders.")
    study = load(path, refs[0], settings)
    if not study.images and not study.volumes:
        reasons = "; ".join(r.reason for r in study.rejections) or "; ".join(study.problems) or "no pixels"
        raise InputError(f"{path} cannot be read: {reasons}.")
    return study


def _from_dataset(dataset: Dataset, settings: Settings, patient_key: bytes | None) -> Study:
    """Read a Dataset by way of a file, so that it is read exactly as its file would be."""
    with tempfile.TemporaryDirectory(prefix="inspect_ai_") as folder:
        path = Path(folder) / "dataset.dcm"
        try:
            dataset.save_as(path, enforce_file_format=True)
        except (ValueError, AttributeError, TypeError) as e:
            raise InputError(f"The Dataset cannot be written as a DICOM file ({e}).") from e
        return _from_path(path, settings, patient_key)


def _image(pixels: Pixels) -> Image:
    """Convert [H, W] or [H, W, 3] of integers of full range, or of floats in 0..1, which become 16 bits."""
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] != 3) or min(pixels.shape) == 0:
        raise InputError(f"An array of shape {pixels.shape} is no picture; it must be [H, W] or [H, W, 3].")
    if pixels.dtype in (np.uint8, np.uint16):
        return Image(pixels=np.ascontiguousarray(pixels), white=255 if pixels.dtype == np.uint8 else 65535)
    if not np.issubdtype(pixels.dtype, np.floating):
        raise InputError(f"Pixels of type {pixels.dtype} have no known white; give uint8, uint16, or floats in 0..1.")
    values = pixels.astype(np.float64)
    if not (np.isfinite(values).all() and values.min() >= 0.0 and values.max() <= 1.0):
        raise InputError("Floats must lie in 0..1, all of them numbers. Divide by the value of white first.")
    return Image(pixels=np.round(values * 65535.0).astype(np.uint16), white=65535)


def _of_images(image: Image, content: Pixels, settings: Settings) -> Study:
    height, width = image.pixels.shape[:2]
    return Study(ref=_ref("array", content, "image", settings, rows=height, columns=width), images=(image,))


def _ref(name: str, content: Pixels, kind: str, settings: Settings, **more: object) -> StudyRef:
    """Reference of pixels that were never a file: its digest is over shape, type and values."""
    sha256 = hashlib.sha256(f"{content.shape} {content.dtype.str}\n".encode() + content.tobytes()).hexdigest()
    file = SourceFile(path=name, sha256=sha256, size_bytes=content.nbytes)
    attributes = attributes_set(settings)
    return StudyRef(key=name, source=name, kind=kind, digest=sha256, files=(file,), attributes=attributes, **more)  # type: ignore[arg-type]  # fields of StudyRef, by name
