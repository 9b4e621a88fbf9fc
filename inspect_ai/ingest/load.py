"""Loading of a study with its pixels from its reference. Runs in a decoding child."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from inspect_ai.domain import Image, Pixels, Rejection, SourceFile, Study, StudyRef, Volume
from inspect_ai.errors import InputError
from inspect_ai.ingest.camera import read_picture
from inspect_ai.ingest.header import read_header
from inspect_ai.ingest.pixels import Frames, grey_or_colour, hounsfield, read_frames
from inspect_ai.ingest.series import Instance, Slice, stack, step_mm, without_duplicates
from inspect_ai.settings import Settings

SMALLEST_SIDE_PX = 8
MOST_IMAGES = 64  # frames of one series of pictures; beyond that it is a film


def load(root: Path, ref: StudyRef, settings: Settings) -> Study:
    """Decode a study. Files that cannot be read are its `rejections`; obstacles to a decision are its `problems`."""
    return _camera(root, ref, settings) if ref.kind == "image" else _dicom(root, ref, settings)


def path_of(root: Path, file: SourceFile) -> Path:
    """Path of a file; the root may be that file itself."""
    return root if root.is_file() else root / file.path


def _content(root: Path, file: SourceFile) -> bytes:
    """Read exactly the bytes that the digest belongs to."""
    try:
        content = path_of(root, file).read_bytes()
    except OSError as e:
        raise InputError(f"cannot be read any more ({e.strerror}); scan again") from e
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise InputError("changed while it was being read; scan again when it is whole")
    return content


def _camera(root: Path, ref: StudyRef, settings: Settings) -> Study:
    (file,) = ref.files
    try:
        image, decoder = read_picture(_content(root, file), settings.max_pixels)
    except InputError as e:
        return Study(ref=ref, rejections=(Rejection(file=file.path, reason=str(e), sha256=file.sha256),))
    return Study(
        ref=ref, images=(replace(image, file=file.path),), problems=emptiness(image.pixels), decoders=(decoder,)
    )


def _dicom(root: Path, ref: StudyRef, settings: Settings) -> Study:
    members, rejections, decoded = [], [], {}
    for file in ref.files:
        try:
            member, frames = _instance(root, file, settings)
        except InputError as e:
            rejections.append(Rejection(file=file.path, reason=str(e), sha256=file.sha256))
        else:
            members.append(member)
            decoded[file.path] = frames
    problems = [f"{r.file} of this series cannot be used: {r.reason}" for r in rejections] if decoded else []
    readable, _ = without_duplicates(members)
    volumes: tuple[Volume, ...] = ()
    images: tuple[Image, ...] = ()
    if readable and readable[0].header.modality == "CT":
        slices, faults, _ = stack(readable)
        if slices and not set(faults) - {f for f in faults if "too few" in f}:
            volumes = (_volume(slices, decoded, readable[0].header.series_uid),)
            problems += emptiness(volumes[0].hu)
    if not volumes:
        images, left = _images(readable, decoded)
        problems += emptiness(images[0].pixels) if len(images) == 1 else ()  # of several, each is judged by itself
        problems += [f"a film of more than {MOST_IMAGES} frames; {left} were not looked at"] if left else []
    return Study(
        ref=ref,
        images=images,
        volumes=volumes,
        problems=tuple(dict.fromkeys(problems)),
        rejections=tuple(rejections),
        decoders=tuple(sorted({frames.decoder for frames in decoded.values()})),
    )


def _instance(root: Path, file: SourceFile, settings: Settings) -> tuple[Instance, Frames]:
    """Read and decode one file. The frames come without their encoded bytes: a series is held once, not twice."""
    content = _content(root, file)
    try:
        header = read_header(BytesIO(content), settings.max_pixels, None)
        if header.broken:
            raise InputError(header.broken)
        frames = read_frames(BytesIO(content))
    except (InputError, MemoryError):
        raise
    except Exception as e:  # broken files raise anything; the class alone is passed on, since messages quote values
        raise InputError(f"the DICOM file is damaged ({type(e).__name__})") from e
    del frames.dataset.PixelData
    frames.dataset._pixel_array = None
    return Instance(file=file, header=header), frames


def _volume(slices: list[Slice], decoded: dict[str, Frames], series_uid: str) -> Volume:
    step, normal = step_mm(slices)
    plane = slices[0].plane
    return Volume(
        hu=np.stack([hounsfield(decoded[s.path], s.frame) for s in slices]),
        spacing_mm=(step, *plane.spacing_mm),
        origin_mm=plane.position_mm,
        row_direction=plane.row_direction,
        column_direction=plane.column_direction,
        normal=normal,
        series_uid=series_uid,
        sop_instance_uids=tuple(s.sop_instance_uid for s in slices),
        lossy=any(frames.lossy for frames in decoded.values()),
    )


def _images(members: list[Instance], decoded: dict[str, Frames]) -> tuple[tuple[Image, ...], int]:
    """First pictures, and the number of further ones."""
    every = [(m, index) for m in members for index in range(len(decoded[m.file.path].stored))]
    return tuple(_image(m, decoded[m.file.path], i) for m, i in every[:MOST_IMAGES]), len(every[MOST_IMAGES:])


def _image(member: Instance, frames: Frames, index: int) -> Image:
    dataset = frames.dataset
    pixels, white = grey_or_colour(frames, index)
    side = str(dataset.get("ImageLaterality") or dataset.get("Laterality") or "").strip().upper()
    return Image(
        pixels=pixels,
        white=white,
        sop_instance_uid=member.header.sop_instance_uid or None,
        spacing_mm=_spacing(dataset.get("PixelSpacing") or dataset.get("ImagerPixelSpacing")),
        laterality=side if side in ("L", "R") else None,
        burned_in_annotation=str(dataset.get("BurnedInAnnotation", "")).strip().upper() == "YES",
        lossy=frames.lossy,
        file=member.file.path,
        frame=index + 1 if len(frames.stored) > 1 else None,
    )


def _spacing(values: Any) -> tuple[float, float] | None:
    """Spacing in mm between rows, between columns; None unless both are lengths."""
    try:
        rows, columns = (float(value) for value in values)
    except (TypeError, ValueError):
        return None
    return (rows, columns) if 0 < rows < math.inf and 0 < columns < math.inf else None


def emptiness(pixels: Pixels) -> tuple[str, ...]:
    """Reason why there is nothing to inspect; empty where there is something."""
    height, width = pixels.shape[:2] if pixels.ndim == 2 or pixels.shape[-1] == 3 else pixels.shape[-2:]
    if min(height, width) < SMALLEST_SIDE_PX:
        return (f"a picture of {height} x {width} pixels: too small to inspect",)
    if pixels.min() == pixels.max():
        return ("every pixel is equal: there is nothing to inspect",)
    return ()
