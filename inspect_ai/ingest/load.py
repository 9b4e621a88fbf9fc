"""Loading of a study with its pixels from its reference. Runs in a decoding child."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from inspect_ai.domain import Image, Pixels, Rejection, Study, StudyRef, Volume
from inspect_ai.errors import InputError
from inspect_ai.ingest.camera import read_picture
from inspect_ai.ingest.header import STACKED, Header, read_header
from inspect_ai.ingest.header_validation import numbers
from inspect_ai.ingest.pixels import Frame, decoded_frames, grey_or_colour, hounsfield
from inspect_ai.ingest.slice_order import Slice, step_mm
from inspect_ai.ingest.volumes.duplicates import disagreements, reencoded, without_duplicates
from inspect_ai.ingest.volumes.encoded import Encoded, content_of, damage_named
from inspect_ai.ingest.volumes.instance import Instance
from inspect_ai.ingest.volumes.stacking import stack
from inspect_ai.settings import Settings

SMALLEST_SIDE_PX = 8
MOST_IMAGES = 64  # frames of one series of pictures; beyond that it is a film


def load(root: Path, ref: StudyRef, settings: Settings) -> Study:
    """Decode a study. Files that cannot be read are its `rejections`; obstacles to a decision are its `problems`."""
    return _camera(root, ref, settings) if ref.kind == "image" else _dicom(root, ref, settings)


def _camera(root: Path, ref: StudyRef, settings: Settings) -> Study:
    (file,) = ref.files
    try:
        image, decoder = read_picture(content_of(root, file), settings.max_pixels)
    except InputError as e:
        return Study(ref=ref, rejections=(Rejection(file=file.path, reason=str(e), sha256=file.sha256),))
    return Study(
        ref=ref, images=(replace(image, file=file.path),), problems=emptiness(image.pixels), decoders=(decoder,)
    )


def _dicom(root: Path, ref: StudyRef, settings: Settings) -> Study:
    """Read all headers, then decode frame by frame straight into the volume: memory holds the series once."""
    members, rejections = [], []
    encoded: dict[str, Encoded] = {}
    for file in ref.files:
        try:
            content = Encoded(root, file)
            members.append(Instance(file=file, header=_header(content, settings)))
            encoded[file.path] = content
        except InputError as e:
            rejections.append(Rejection(file=file.path, reason=str(e), sha256=file.sha256))
    readable, problems, refused = _pictures(members, encoded)
    rejections += refused
    volumes: tuple[Volume, ...] = ()
    images: tuple[Image, ...] = ()
    decoders: set[str] = set()
    if readable and readable[0].header.modality == "CT" and not any(m.header.problems for m in readable):
        slices, faults = stack(readable, dict(zip((f.path for f in ref.files), ref.selection, strict=False)))
        if slices and not set(faults) - {f for f in faults if "too few" in f}:
            volume, refused = _volume(slices, readable, encoded, decoders)
            rejections += refused
            readable = [m for m in readable if m.file.path not in {r.file for r in refused}]
            volumes = () if volume is None else (volume,)
            problems += [] if volume is None else emptiness(volume.hu)
    if not volumes:
        images, refused, left = _images(readable, encoded, decoders)
        rejections += refused
        problems += emptiness(images[0].pixels) if len(images) == 1 else ()  # of several, each is judged by itself
        problems += [f"a film of more than {MOST_IMAGES} frames; {left} were not looked at"] if left else []
    unusable = [f"{r.file} of this series cannot be used: {r.reason}" for r in rejections]
    return Study(
        ref=ref,
        images=images,
        volumes=volumes,
        problems=tuple(dict.fromkeys([*(unusable if images or volumes else []), *problems])),
        rejections=tuple(rejections),
        decoders=tuple(sorted(decoders)),
    )


def _pictures(
    members: list[Instance], encoded: dict[str, Encoded]
) -> tuple[list[Instance], list[str], list[Rejection]]:
    """Keep each picture once, and compare the pixels of those that are there in several encodings.

    Returns the pictures, problems, and the files that cannot be decoded.
    """
    unique, _ = without_duplicates(members)
    if not unique or unique[0].header.modality not in STACKED:
        return unique, [], []
    kept, copies = reencoded(unique)
    different: list[str] = []
    refused: dict[str, Rejection] = {}
    for copy in copies:  # two at a time, however many there are
        values: dict[str, Pixels] = {}
        for member in (copy.member, copy.kept):
            try:
                values[member.file.path] = _values(member, encoded)
            except InputError as e:
                path, sha256 = member.file.path, member.file.sha256
                refused[path] = Rejection(file=path, reason=str(e), sha256=sha256)
        if len(values) == 2:
            different += disagreements([copy], lambda m, found=values: found[m.file.path])  # type: ignore[misc]
    return [m for m in kept if m.file.path not in refused], different[:1], list(refused.values())


def _values(member: Instance, encoded: dict[str, Encoded]) -> Pixels:
    """[F, H, W] values by which two encodings of one picture are compared. Raises InputError for broken pixels."""
    is_ct = member.header.modality == "CT"
    frames: list[Pixels] = []

    def take(frame: Frame) -> None:
        frames.append(hounsfield(frame) if is_ct else frame.stored)

    fault = _decoded(member, encoded, set(), take, range(member.header.frames))
    if fault is not None:
        raise fault
    return np.stack(frames)


def _header(encoded: Encoded, settings: Settings) -> Header:
    with encoded.opened() as f, damage_named():
        header = read_header(f, settings.max_pixels, None, assume_hounsfield=settings.assume_hounsfield)
    if header.broken:
        raise InputError(header.broken)
    return header


def _decoded(
    member: Instance,
    encoded: dict[str, Encoded],
    decoders: set[str],
    take: Callable[[Frame], object],
    wanted: Collection[int],
) -> InputError | None:
    """Give the wanted frames of a file to `take`; returns the reason where the file cannot be decoded."""
    try:
        with encoded[member.file.path].opened() as f, damage_named():
            for frame in islice(decoded_frames(f, wanted), len(wanted)):
                decoders.add(frame.decoder)
                take(frame)
    except InputError as e:
        return e
    return None


def _volume(
    slices: list[Slice], members: list[Instance], encoded: dict[str, Encoded], decoders: set[str]
) -> tuple[Volume | None, list[Rejection]]:
    """Decode the slices into a volume; None, and which files are refused, where one of them cannot be decoded."""
    step, normal = step_mm(slices)
    first = next(m.header for m in members if m.file.path == slices[0].path)
    hu = np.empty((len(slices), first.rows, first.columns), np.int16)
    places: dict[str, dict[int, int]] = {}  # path -> frame -> place in the volume
    for place, one in enumerate(slices):
        places.setdefault(one.path, {})[one.frame] = place
    lossy = False
    refused = []
    for member in members:
        if (path := member.file.path) not in places:
            continue

        def put(frame: Frame, own: dict[int, int] = places[path]) -> None:
            nonlocal lossy
            hu[own[frame.index]] = hounsfield(frame)
            lossy = lossy or frame.lossy

        fault = _decoded(member, encoded, decoders, put, places[path])
        if fault is not None:
            refused.append(Rejection(file=path, reason=str(fault), sha256=member.file.sha256))
        elif not refused:
            encoded[path].forget()
    if refused:
        return None, refused
    plane = slices[0].plane
    volume = Volume(
        hu=hu,
        spacing_mm=(step, *plane.spacing_mm),
        origin_mm=plane.position_mm,
        row_direction=plane.row_direction,
        column_direction=plane.column_direction,
        normal=normal,
        series_uid=first.series_uid,
        sop_instance_uids=tuple(s.sop_instance_uid for s in slices),
        lossy=lossy,
    )
    return volume, []


def _images(
    members: list[Instance], encoded: dict[str, Encoded], decoders: set[str]
) -> tuple[tuple[Image, ...], list[Rejection], int]:
    """First pictures, the files that cannot be decoded, and the number of further pictures."""
    images: list[Image] = []
    refused = []
    left = 0
    for member in members:
        room = MOST_IMAGES - len(images)
        left += max(0, member.header.frames - room)
        if room == 0:
            continue
        taken: list[Frame] = []
        fault = _decoded(member, encoded, decoders, taken.append, range(min(room, member.header.frames)))
        if fault is None:
            images += [_image(member, frame) for frame in taken]
        else:
            refused.append(Rejection(file=member.file.path, reason=str(fault), sha256=member.file.sha256))
    return tuple(images), refused, left


def _image(member: Instance, frame: Frame) -> Image:
    dataset = frame.dataset
    pixels, white = grey_or_colour(frame)
    side = str(dataset.get("ImageLaterality") or dataset.get("Laterality") or "").strip().upper()
    return Image(
        pixels=pixels,
        white=white,
        sop_instance_uid=member.header.sop_instance_uid or None,
        spacing_mm=_spacing(_lengths(dataset, "PixelSpacing") or _lengths(dataset, "ImagerPixelSpacing")),
        laterality=side if side in ("L", "R") else None,
        burned_in_annotation=str(dataset.get("BurnedInAnnotation", "")).strip().upper() == "YES",
        lossy=frame.lossy,
        file=member.file.path,
        frame=frame.index + 1 if member.header.frames > 1 else None,
    )


def _lengths(dataset: Any, name: str) -> list[float]:
    try:
        return numbers(dataset, name)
    except InputError:
        return []


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
