"""Preprocessing of one study, in a decoding child: load, recognise, measure quality, make units."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.certificates.verdict_path import code_changes, code_sha256
from inspect_ai.domain import Floats, Measure, Rejection, Study, StudyRef, Unit
from inspect_ai.ingest import load
from inspect_ai.inspection.assignment import assigned
from inspect_ai.inspection.picture_choice import (
    NOTHING_FOUND,
    PictureQuality,
    first_fault,
    is_judged_by_picture,
    picture_by_picture,
    with_laterality,
)
from inspect_ai.plugins import Task, cached_task
from inspect_ai.settings import Settings

PREVIEW_PX = 512  # longer side of the pictures that travel back for the report
PREVIEWS_MOST = 400  # slices of one volume; a CT of this many is 20 MB as JPEG
LUNG_WINDOW_HU = (-1000.0, 400.0)  # window of a volume's context slices
JPEG = [cv2.IMWRITE_JPEG_QUALITY, 92]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """Picture for the report: image `index`, or slice `index` of a volume. jpeg: its bytes; shape_px: of the source."""

    index: int
    shape_px: tuple[int, int]
    jpeg: bytes = field(repr=False)
    spacing_mm: tuple[float, float] | None = None  # of the source, between rows, between columns

    def picture(self) -> Floats:
        """[H, W] or [H, W, 3] RGB in 0..1, at most PREVIEW_PX on a side."""
        pixels = cv2.imdecode(np.frombuffer(self.jpeg, np.uint8), cv2.IMREAD_UNCHANGED)
        assert pixels is not None  # noqa: S101 - these bytes were encoded below; for the type checker
        if pixels.ndim == 3:
            pixels = pixels[..., ::-1]
        return pixels.astype(np.float32) / np.float32(255.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreprocessedStudy:
    """A study without its pixels: input of the network, obstacles to a decision, previews for the report.

    `task` is None when no candidate recognised the study; `problems` then says so. unseen: see Task.unseen.
    contenders: the study as each of several tasks that accept it prepares it; `task` is None then too.
    """

    task: str | None
    units: tuple[Unit, ...] = field(default=(), repr=False)
    measures: tuple[Measure, ...] = ()
    pictures: tuple[PictureQuality, ...] = ()  # of a study whose pictures are judged each by itself
    problems: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    decoders: tuple[str, ...] = ()
    previews: tuple[Preview, ...] = field(default=(), repr=False)
    burned_in: bool = False  # a picture may carry a name (Burned In Annotation YES), so none is shown
    unread: bool = False  # nothing of the study could be decoded
    shape_px: tuple[int, int] | None = None  # of the first picture or slice
    doubts: tuple[str, ...] = ()  # reasons why the code that ran is not the one that was certified
    code_sha256: str = ""  # of the code that ran; empty in the process that decides
    contenders: tuple[PreprocessedStudy, ...] = field(default=(), repr=False)


def preprocess(root: Path, ref: StudyRef, candidates: Sequence[str], settings: Settings) -> PreprocessedStudy:
    """Decode a study and make one task's units. `candidates` claimed it by its header; in "auto" one must accept it.

    The result says which code ran here, and what of it is not as its source says. Raises InputError where nothing can
    be read. A fault in a task's own code is a problem of this study, not an error.
    """
    made = _preprocess(root, ref, candidates, settings)
    if made.contenders:
        return replace(made, contenders=tuple(_with_code(one, candidates, settings) for one in made.contenders))
    return _with_code(made, candidates, settings)


def _with_code(made: PreprocessedStudy, candidates: Sequence[str], settings: Settings) -> PreprocessedStudy:
    if made.task is None:
        return made
    modules = {name: type(cached_task(name, settings.tasks)).__module__ for name in {*candidates, made.task}}
    doubts = [f"in the decoding process, {what}" for what in code_changes(tuple(modules.values()))]
    return replace(made, doubts=tuple(doubts), code_sha256=code_sha256(modules[made.task]))


def _preprocess(root: Path, ref: StudyRef, candidates: Sequence[str], settings: Settings) -> PreprocessedStudy:
    study = load(root, ref, settings)
    if not study.images and not study.volumes:
        unread = {rejection.file for rejection in study.rejections} >= {file.path for file in ref.files}
        return _without_units(study, None, (*ref.problems, *study.problems), unread=unread)
    problems = (*ref.problems, *study.problems)
    if problems:  # no task can decide it; a sole claimant is still named
        return _without_units(study, candidates[0] if len(candidates) == 1 else None, problems)
    tasks, problem = _recognise(study, candidates, settings)
    if len(tasks) == 1:
        return preprocess_study(study, tasks[0])
    contenders = tuple(preprocess_study(study, task) for task in tasks)
    return replace(_without_units(study, None, (problem,)), contenders=contenders)


def preprocess_study(study: Study, task: Task) -> PreprocessedStudy:
    """Measure a decoded study's quality and, where all of it passes, make the task's units."""
    if problems := (*study.ref.problems, *study.problems, *first_fault(study, task)):
        return _without_units(study, task.name, problems)
    pictures: tuple[PictureQuality, ...] = ()
    unseen: tuple[str, ...] = ()
    try:
        if is_judged_by_picture(study, task):
            pictures, units = picture_by_picture(study, task)
            measures = tuple(measure for picture in pictures for measure in picture.measures)
        else:
            measures = tuple(task.quality(study))
            passed = all(measure.passed for measure in measures)
            unseen = tuple(task.unseen(study)) if passed else ()
            units = tuple(task.units(study)) if passed else ()
        previews = _image_previews(study) or _slice_previews(study, units)
    except Exception as e:  # noqa: BLE001 - a plugin may raise anything; only this study is lost
        return _without_units(study, task.name, (f"the task's own code failed: {_fault(e)}",))
    nothing = not units and not pictures and all(measure.passed for measure in measures)
    return PreprocessedStudy(
        task=task.name,
        units=with_laterality(units, study),
        measures=measures,
        pictures=pictures,
        problems=(NOTHING_FOUND,) if nothing else (),
        unseen=unseen,
        rejections=study.rejections,
        decoders=study.decoders,
        previews=previews,
        burned_in=_burned_in(study),
        shape_px=shape_px(study),
    )


def shape_px(study: Study) -> tuple[int, int] | None:
    """Rows and columns of the first picture, or of a slice of the first volume."""
    shapes = [image.pixels.shape for image in study.images] + [volume.hu.shape[1:] for volume in study.volumes]
    return (int(shapes[0][0]), int(shapes[0][1])) if shapes else None


def _without_units(
    study: Study, task: str | None, problems: tuple[str, ...], *, unread: bool = False
) -> PreprocessedStudy:
    return PreprocessedStudy(
        task=task,
        problems=problems,
        rejections=study.rejections,
        decoders=study.decoders,
        previews=_image_previews(study),
        burned_in=_burned_in(study),
        unread=unread,
    )


def _burned_in(study: Study) -> bool:
    return any(image.burned_in_annotation for image in study.images)


def _recognise(study: Study, candidates: Sequence[str], settings: Settings) -> tuple[list[Task], str]:
    """Find the study's tasks, and the reason where it is not one. A task that checks pixels outranks one that goes by
    the header.
    """
    tasks = [cached_task(name, settings.tasks) for name in candidates]
    if settings.task != "auto" or assigned(study.ref, settings) in candidates:  # a person has said whose it is
        return tasks[:1], ""
    accepting, faults = [], []
    for task in tasks:
        try:
            if task.accepts(study) is not None:
                accepting.append(task)
        except Exception as e:  # noqa: BLE001 - a plugin may raise anything; the other tasks are still asked
            faults.append(f"; {task.name} failed: {_fault(e)}")
    looking = [task for task in accepting if type(task).accepts is not Task.accepts]
    best = looking or accepting
    names = ", ".join(task.name for task in best or tasks)
    if best:
        return best, f"several tasks recognise it ({names}); name one with --task"
    return (
        [],
        f"no task that reads such files recognises it ({names}){''.join(faults)}; name one with --task if it is",
    )


def _fault(error: Exception) -> str:
    """Class of the error, file and line of the innermost frame; never its message, which may quote data."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(frame.filename).name} line {frame.lineno}"


def _image_previews(study: Study) -> tuple[Preview, ...]:
    """Previews of pictures; none of one whose header says that a name may be burned into it."""
    return tuple(
        _preview(index, image.unit_range(), image.spacing_mm)
        for index, image in enumerate(study.images[:PREVIEWS_MOST])
        if not image.burned_in_annotation
    )


def _slice_previews(study: Study, units: Sequence[Unit]) -> tuple[Preview, ...]:
    """Previews of the slices in which units lie."""
    if not study.volumes:
        return ()
    volume = study.volumes[0]
    low, high = LUNG_WINDOW_HU
    wanted = sorted({unit.image_index for unit in units if 0 <= unit.image_index < len(volume.hu)})[:PREVIEWS_MOST]
    return tuple(
        _preview(
            index, np.clip((volume.hu[index].astype(np.float32) - low) / (high - low), 0, 1), volume.spacing_mm[1:]
        )
        for index in wanted
    )


def _preview(index: int, picture: Floats, spacing_mm: tuple[float, float] | None) -> Preview:
    height, width = picture.shape[:2]
    scale = min(1.0, PREVIEW_PX / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if scale < 1.0 else picture
    eight: NDArray[np.uint8] = np.clip(np.rint(small * 255.0), 0, 255).astype(np.uint8)
    if eight.ndim == 3:
        eight = np.ascontiguousarray(eight[..., ::-1])
    jpeg = cv2.imencode(".jpg", eight, JPEG)[1].tobytes()
    return Preview(index=index, shape_px=(height, width), jpeg=jpeg, spacing_mm=spacing_mm)
