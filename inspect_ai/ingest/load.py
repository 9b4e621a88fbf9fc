"""A reference becomes a study with pixels. Runs in a decoding child."""

from __future__ import annotations

from pathlib import Path

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
    """Decode a study. Files that cannot be read are its `rejections`; what forbids a decision are its `problems`."""
    return _camera(root, ref, settings) if ref.kind == "image" else _dicom(root, ref, settings)


def path_of(root: Path, file: SourceFile) -> Path:
    """Where a file lies; the root may be that file itself."""
    return root if root.is_file() else root / file.path


def _camera(root: Path, ref: StudyRef, settings: Settings) -> Study:
    (file,) = ref.files
    try:
        image = read_picture(path_of(root, file), settings.max_pixels)
    except InputError as e:
        return Study(ref=ref, rejections=(Rejection(file=file.path, reason=str(e), sha256=file.sha256),))
    import PIL

    return Study(ref=ref, images=(image,), problems=_emptiness(image.pixels), decoders=(f"pillow {PIL.__version__}",))


def _dicom(root: Path, ref: StudyRef, settings: Settings) -> Study:
    members, rejections, decoded = [], [], {}
    for file in ref.files:
        path = path_of(root, file)
        try:
            header = read_header(path, settings.max_pixels, None)
            if header.broken:
                raise InputError(header.broken)
            members.append(Instance(file=file, header=header))
        except InputError as e:
            rejections.append(Rejection(file=file.path, reason=str(e), sha256=file.sha256))
    unique, _ = without_duplicates(members)
    problems = []
    for m in unique:
        try:
            decoded[m.file.path] = _light(read_frames(path_of(root, m.file)), m)
        except InputError as e:
            rejections.append(Rejection(file=m.file.path, reason=str(e), sha256=m.file.sha256))
    if rejections and decoded:
        problems = [f"{r.file} of this series cannot be used: {r.reason}" for r in rejections]
    readable = [m for m in unique if m.file.path in decoded]
    decoders = tuple(sorted({frames.decoder for frames in decoded.values()}))
    volumes: tuple[Volume, ...] = ()
    images: tuple[Image, ...] = ()
    if readable and readable[0].header.modality == "CT":
        slices, faults, _ = stack(readable)
        if slices and not set(faults) - {f for f in faults if "too few" in f}:
            volumes = (_volume(slices, decoded, readable[0].header.series_uid),)
            problems += _emptiness(volumes[0].hu)
    if not volumes:
        images = _images(readable, decoded)
        problems += [p for image in images[:1] for p in _emptiness(image.pixels)]
    return Study(
        ref=ref,
        images=images,
        volumes=volumes,
        problems=tuple(dict.fromkeys(problems)),
        rejections=tuple(rejections),
        decoders=decoders,
    )


def _light(frames: Frames, member: Instance) -> Frames:
    """The frames without their encoded bytes: a series of a thousand files is held decoded once, not twice."""
    del member
    if "PixelData" in frames.dataset:
        del frames.dataset.PixelData
        frames.dataset._pixel_array = None
    return frames


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


def _images(members: list[Instance], decoded: dict[str, Frames]) -> tuple[Image, ...]:
    images: list[Image] = []
    for m in members:
        frames = decoded[m.file.path]
        dataset = frames.dataset
        for index in range(len(frames.stored)):
            if len(images) >= MOST_IMAGES:
                return tuple(images)
            pixels, white = grey_or_colour(frames, index)
            spacing = dataset.get("PixelSpacing") or dataset.get("ImagerPixelSpacing")
            side = str(dataset.get("ImageLaterality") or dataset.get("Laterality") or "")
            images.append(
                Image(
                    pixels=pixels,
                    white=white,
                    sop_instance_uid=m.header.sop_instance_uid or None,
                    spacing_mm=(float(spacing[0]), float(spacing[1])) if spacing and len(spacing) == 2 else None,
                    laterality=side if side in ("L", "R") else None,
                    burned_in_annotation=str(dataset.get("BurnedInAnnotation", "")) == "YES",
                    lossy=frames.lossy,
                )
            )
    return tuple(images)


def _emptiness(pixels: Pixels) -> tuple[str, ...]:
    """Why there is nothing to inspect, if so."""
    height, width = pixels.shape[:2] if pixels.ndim == 2 or pixels.shape[-1] == 3 else pixels.shape[-2:]
    if min(height, width) < SMALLEST_SIDE_PX:
        return (f"a picture of {height} x {width} pixels: too small to inspect",)
    if pixels.min() == pixels.max():
        return ("every pixel is equal: there is nothing to inspect",)
    return ()
