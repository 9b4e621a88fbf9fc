"""Measured pictures for the monitor benchmark, and streams drawn from them.

Measured pictures hold all that the product monitors of each: the quality measures and, where a model scores it, the
score. A stream draws pictures at random and with replacement, so that before the change its order is one of chance
whatever the pictures are. Defocus is a Gaussian blur (the eye of a lens would rather give a disc) of growing width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.datasets.folder import read_folder
from inspect_ai.datasets.samples import study_of
from inspect_ai.domain import Floats, Study
from inspect_ai.inspection.loading import load
from inspect_ai.model.engine import Engine
from inspect_ai.phantom.metal import make_surface
from inspect_ai.plugins import Task, picture_quality
from inspect_ai.settings import Settings

MADE = 240  # pictures
MADE_SHAPE = (160, 128)  # rows, columns
WIDTHS_PX = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)  # standard deviation of the blur
MOST = 100  # real pictures that are measured, every k-th of those there are
SCORE = "score"
SPLITS = ("calibration", "val")  # a model scores what it learnt from too well

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredPictures:
    """values: [widths, pictures, kinds]; one width, 0, where nothing was blurred."""

    name: str
    names: tuple[str, ...]
    widths_px: tuple[float, ...]
    values: Array = field(compare=False, repr=False)

    @property
    def pictures(self) -> int:
        """Number of pictures to draw from."""
        return int(self.values.shape[1])

    def only(self, kind: str) -> MeasuredPictures:
        """The same pictures with one kind of value watched."""
        values = self.values[:, :, [self.names.index(kind)]]
        return replace(self, name=f"{self.name}, {kind} alone", names=(kind,), values=values)


def made_pictures(rng: np.random.Generator, count: int = MADE) -> MeasuredPictures:
    """Made tiles without defects, measured at every width of blur."""
    faces = [_face(rng) for _ in range(count)]
    measured = [[[m.value for m in picture_quality(blurred(face, w))] for face in faces] for w in WIDTHS_PX]
    names = tuple(m.name for m in picture_quality(faces[0]))
    return MeasuredPictures(name="made metal surfaces", names=names, widths_px=WIDTHS_PX, values=np.array(measured))


def _face(rng: np.random.Generator) -> Floats:
    made = make_surface(rng, MADE_SHAPE, defect=None, exposure=float(rng.uniform(60, 110)))
    return np.asarray(made.picture, np.float32) / np.float32(255)


def real_pictures(task_name: str, data: Path, settings: Settings, *, out_of_focus: bool) -> MeasuredPictures:
    """Pictures of a labelled folder that the model did not learn from: one a group, scored and measured as at work.

    Raises UsageError where a folder cannot be read or has no such pictures.
    """
    inspector = load(task_name, settings=settings, points="none")
    task, engine = inspector.task, inspector.engine
    folder = read_folder(data, task.config)
    splits = [split for split in SPLITS if any(row.split == split for row in folder.rows)] or [SPLITS[-1]]
    groups = {row.group: row for split in splits for row in reversed(folder.part(split))}
    every = list(groups.values())
    rows = [every[i * len(every) // min(MOST, len(every))] for i in range(min(MOST, len(every)))]
    widths = WIDTHS_PX if out_of_focus else WIDTHS_PX[:1]
    found: list[list[list[float]]] = [[] for _ in widths]
    names: tuple[str, ...] = ()
    with folder.unpacked(rows) as root:
        for row in rows:
            study = study_of(root, row.file, settings)
            for width, mine in zip(widths, found, strict=True):
                names, values = _watched(_out_of_focus(study, width), task, engine)
                mine.append(values)
    name = f"{folder.root.name} ({' and '.join(splits)})"
    return MeasuredPictures(name=name, names=names, widths_px=widths, values=np.array(found))


def defocus(
    old: MeasuredPictures, new: MeasuredPictures, streams: int, before: int, after: int, rng: np.random.Generator
) -> tuple[str, Array, int]:
    """Sharp pictures, then a blur that widens evenly with every picture. [kinds, S, n], and where the change begins."""
    width = np.concatenate([np.zeros(before), np.linspace(0.0, old.widths_px[-1], after)])
    which = np.abs(width[:, None] - np.array(old.widths_px)).argmin(1)  # the nearest width that was measured
    drawn = rng.integers(0, old.pictures, (streams, before + after))
    values = old.values[which[None, :], drawn]  # [S, n, kinds]
    rate = old.widths_px[-1] / after
    return f"{new.name}, blur grows by {100 * rate:.2g} px in 100 pictures", np.moveaxis(values, 2, 0), before


def new_device(
    old: MeasuredPictures, new: MeasuredPictures, streams: int, before: int, after: int, rng: np.random.Generator
) -> tuple[str, Array, int]:
    """Pictures of one device, then of another; of the same again where both are one."""
    first = old.values[0][rng.integers(0, old.pictures, (streams, before))]
    then = new.values[0][rng.integers(0, new.pictures, (streams, after))]
    values = np.concatenate([first, then], axis=1)  # [S, n, kinds]
    return f"{old.name}, then {new.name}", np.moveaxis(values, 2, 0), before


def blurred(picture: Floats, width_px: float) -> Floats:
    """Out of focus by a Gaussian of this standard deviation."""
    return picture if width_px == 0.0 else np.asarray(cv2.GaussianBlur(picture, (0, 0), width_px), np.float32)


def _out_of_focus(study: Study, width_px: float) -> Study:
    if width_px == 0.0:
        return study
    images = tuple(
        replace(image, pixels=np.rint(blurred(image.unit_range(), width_px) * image.white).astype(image.pixels.dtype))
        for image in study.images
    )
    return replace(study, images=images)


def _watched(study: Study, task: Task, engine: Engine) -> tuple[tuple[str, ...], list[float]]:
    """Names and values: the score, then the first of each quality measure."""
    units = list(task.units(study))
    outputs = engine.run(units)
    findings = [f for unit, out in zip(units, outputs, strict=True) for f in task.findings(unit, out)]
    measures: dict[str, float] = {}
    for measure in task.quality(study):
        measures.setdefault(measure.name, measure.value)
    return (SCORE, *measures), [task.aggregate(findings), *_numbers(list(measures.values()))]


def _numbers(values: Sequence[float]) -> list[float]:
    return [-np.inf if np.isnan(v) else v for v in values]
