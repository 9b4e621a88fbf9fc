"""Samples: labelled pictures as decoded units, made once before training by the ingest and the task.units of a scan."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.config import LabelSet
from inspect_ai.datasets.folder import LabelledFolder, Row
from inspect_ai.domain import SourceFile, Study, StudyRef, Unit
from inspect_ai.errors import InputError, InspectError, UsageError
from inspect_ai.ingest import load
from inspect_ai.ingest.formats import HEAD_BYTES, format_of
from inspect_ai.plugins import Task
from inspect_ai.settings import Settings
from inspect_ai.stacks import STACK, centred, offset

IGNORE = -1  # this target is unknown for this sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One unit ready for augmentation.

    pixels: [H, W, C] uint8, as albumentations takes them, or a stack [D, H, W, C]; mask: [H, W] uint8 0 or 1.
    target: what a window of a stack shows, 0..1, or IGNORE; None where the label says it.
    """

    pixels: NDArray[np.uint8] = field(compare=False, repr=False)
    mask: NDArray[np.uint8] | None = field(compare=False, repr=False)
    row: Row
    labels: LabelSet
    sha256: str
    target: float | None = None

    @property
    def unit_pixels(self) -> NDArray[np.uint8]:
        """[C, H, W] or [C, D, H, W], as the network takes them."""
        return np.moveaxis(self.pixels, -1, 0)

    @property
    def positive(self) -> int:
        """Side of the label: 1, 0, or IGNORE where the label set does not decide or the readers are at odds."""
        if self.target is not None:
            return IGNORE if self.target == IGNORE else int(self.target >= 0.5)
        return int(self.row.label in self.labels.positive) if self.labels.decides else IGNORE


def study_of(root: Path, file: str, settings: Settings) -> Study:
    """Read one labelled picture as scan would. Raises InspectError naming the file if it cannot be read."""
    content = (root / file).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    its = format_of(content[:HEAD_BYTES])
    if its.reader is None:
        raise UsageError(f"{root / file} cannot be read: {its.refusal}.")
    source = SourceFile(path=file, sha256=digest, size_bytes=len(content))
    study = load(root, StudyRef(key=file, source=file, kind=its.reader, digest=digest, files=(source,)), settings)
    if study.rejections or not (study.images or study.volumes):
        raise UsageError(
            f"{root / file} cannot be read: {'; '.join(r.reason for r in study.rejections) or 'no picture'}."
        )
    return study


def study_of_row(root: Path, row: Row, settings: Settings) -> Study:
    """Read a labelled picture, or a stack moved so that its finding, by the readers' votes, lies in the middle.

    Raises InspectError naming what cannot be read.
    """
    if not row.stack:
        return study_of(root, row.file, settings)
    stack = stack_of(root, row, settings)
    own = stack.images[row.stack.index(row.file)]
    by = offset(votes_of(root, row, (len(row.stack), *own.pixels.shape[:2]))[row.stack.index(row.file)])
    return replace(stack, images=tuple(replace(image, pixels=centred(image.pixels, by)) for image in stack.images))


def votes_of(root: Path, row: Row, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """[D, H, W]: how many readers count each pixel in; zeros without votes. Raises InputError for unfit files."""
    if not row.votes:
        return np.zeros(shape, np.uint8)
    votes = [cv2.imread(str(root / file), cv2.IMREAD_GRAYSCALE) for file in row.votes]
    for file, one in zip(row.votes, votes, strict=True):
        if one is None or one.shape != shape[1:]:
            raise InputError(f"{root / file} holds no votes on {row.file}: it must be a grey picture of its size.")
    return np.stack([one for one in votes if one is not None]).astype(np.uint8)


def stack_of(root: Path, row: Row, settings: Settings) -> Study:
    """Read the slices of a stack in order, as they are stored. Raises InspectError naming what cannot be read."""
    slices = [study_of(root, file, settings) for file in row.stack]
    own = slices[row.stack.index(row.file)].ref.files[0]
    others = [study.ref.files[0] for study in slices if study.ref.files[0] is not own]
    digests = sorted(file.sha256 for file in (own, *others))
    ref = replace(
        slices[0].ref,
        key=row.file,
        source=row.file,
        kind=STACK,
        digest=hashlib.sha256("".join(digests).encode()).hexdigest(),
        files=(own, *others),
    )
    if len({image.pixels.shape for study in slices for image in study.images}) > 1:
        raise InputError(f"{root / row.file}: the slices of its stack differ in size.")
    return Study(
        ref=ref,
        images=tuple(image for study in slices for image in study.images),
        problems=tuple(dict.fromkeys(problem for study in slices for problem in study.problems)),
        decoders=tuple(dict.fromkeys(name for study in slices for name in study.decoders)),
    )


def read_samples(
    folder: LabelledFolder,
    rows: Iterable[Row],
    task: Task,
    settings: Settings,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Sample]:
    """Decode the rows' pictures through ingest and the task.

    Raises UsageError for a picture without exactly one unit.
    """
    wanted = list(rows)
    samples = []
    with folder.unpacked(wanted) as root:
        for done, row in enumerate(wanted, 1):
            study = study_of_row(root, row, settings)
            units = list(task.units(study))
            if len(units) != 1:
                raise UsageError(
                    f"{row.file} gives {len(units)} units; a labelled picture must give exactly one to learn from."
                )
            samples.append(_sample(root, row, folder.labels, units[0], study))
            progress(done)
    return samples


def _sample(root: Path, row: Row, labels: LabelSet, unit: Unit, study: Study) -> Sample:
    pixels = np.round(np.moveaxis(unit.pixels, 0, -1) * 255.0).astype(np.uint8)
    return Sample(
        pixels=np.ascontiguousarray(pixels),
        mask=unit_mask(root, row, labels, unit, study),
        row=row,
        labels=labels,
        sha256=study.ref.files[0].sha256,
    )


def unit_mask(root: Path, row: Row, labels: LabelSet, unit: Unit, study: Study) -> NDArray[np.uint8] | None:
    """[H, W] of 0 and 1: the union of the row's masks in unit pixels; zeros for a negative of a set with masks.

    None where the mask is unknown.
    """
    height, width = unit.pixels.shape[-2:]
    if not row.masks:
        negative = labels.decides and row.label not in labels.positive and row.grade in (None, 0)
        known = labels.mask_column is not None and negative
        return np.zeros((height, width), np.uint8) if known else None
    source = study.images[0].pixels.shape[:2]
    union: NDArray[np.uint8] = np.zeros(source, np.uint8)
    for file in row.masks:
        mask = cv2.imread(str(root / file), cv2.IMREAD_GRAYSCALE)
        if mask is None or mask.shape != source:
            raise InspectError(
                f"{root / file} is no mask of {row.file}: it must be a picture of {source[1]} x {source[0]} px."
            )
        np.maximum(union, (mask > 0).astype(np.uint8), out=union)
    (row0, col0), (per_row, per_col) = unit.origin_px, unit.scale_px
    if per_row > 1.0 or per_col > 1.0:  # a unit pixel covers several source pixels: one lesion pixel among them counts
        window = np.ones((int(np.ceil(per_row)), int(np.ceil(per_col))), np.uint8)
        union = np.asarray(cv2.dilate(union, window), np.uint8)
    to_source = np.array([[per_col, 0.0, col0], [0.0, per_row, row0]])
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(union, to_source, (width, height), flags=flags), np.uint8)
