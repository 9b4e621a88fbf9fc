"""Pictures for pretraining: the train part of labelled folders, decoded as their tasks decode it, and folders without
labels as they are.

Calibration and val pictures that a table names are never opened: each folder is split as training splits it, by itself,
which sets at least as many groups aside as training it together with others does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.datasets.account import UNREADABLE, Skipped, account, together
from inspect_ai.datasets.folder import LabelledFolder, read_folder
from inspect_ai.datasets.prepare import Prepared, prepared
from inspect_ai.datasets.samples import study_of
from inspect_ai.datasets.table import table_in
from inspect_ai.domain import Account, Floats, Rejection, Study
from inspect_ai.errors import InputError, InspectError, UsageError
from inspect_ai.ingest.formats import format_of
from inspect_ai.ingest.walk import walk
from inspect_ai.model.manifest import SHORT, DataUse
from inspect_ai.plugins import Task, find_tasks, in_channels, task_named
from inspect_ai.settings import Settings

HELD_OUT = 0.05  # share of a folder's train groups, kept to measure the loss on unseen pictures
UNLABELLED = "unlabelled"
SMALLEST_PX = 32  # the trunk's coarsest stride


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One unit without its label. pixels: [H, W, C] uint8; `task` is UNLABELLED where no task decoded it."""

    pixels: NDArray[np.uint8] = field(compare=False, repr=False)
    task: str
    group: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainingPictures:
    """Pictures to train on, pictures held out, the use of each folder, and the files that were rejected."""

    train: tuple[Picture, ...]
    held_out: tuple[Picture, ...]
    use: tuple[DataUse, ...]
    rejections: tuple[Rejection, ...]  # of folders without labels; of labelled ones the account counts them
    account: Account
    said: tuple[str, ...] = ()


def read_pictures(data: Sequence[Path], settings: Settings, crop: int) -> PretrainingPictures:
    """Decode the train pictures of all folders; crop: side in px that pictures without a task are fitted to.

    A folder may be given as TASK=DIR where several tasks know its labels. Raises UsageError or InputError.
    """
    train: list[Picture] = []
    held_out: list[Picture] = []
    use: list[DataUse] = []
    rejections: list[Rejection] = []
    accounts: list[Account] = []
    said: list[str] = []
    for place in data:
        known = _known(place, settings)
        if known is None:
            pictures, rejected = _unlabelled(place, settings, crop)
            rejections += rejected
            skipped = [Skipped(file=r.file, reason=UNREADABLE, detail=r.reason) for r in rejected]
            accounts.append(account(len({picture.group for picture in pictures}), skipped))
            rows = {"": len(pictures)}
            labels = ""
        else:
            task, ready = known
            (folder,) = ready.folders
            accounts.append(ready.account(["train"]))
            said += ready.said
            pictures = _labelled(folder, task, settings)
            splits = sorted({row.split for row in folder.rows})
            rows = {split: sum(row.split == split for row in folder.rows) for split in splits}
            labels = folder.labels.name
        seen = tuple(sorted({picture.sha256[:SHORT] for picture in pictures}))
        use.append(DataUse(name=_root(place).resolve().name, labels=labels, rows=rows, seen=seen))
        kept, held = _split_off(pictures)
        train += kept
        held_out += held
    return PretrainingPictures(
        train=tuple(train),
        held_out=tuple(held_out),
        use=tuple(use),
        rejections=tuple(rejections),
        account=together(accounts),
        said=tuple(said),
    )


def _known(place: Path, settings: Settings) -> tuple[Task, Prepared] | None:
    """Find the installed task that knows the folder's labels; returns it and the folder's splits, None without labels.

    Raises UsageError if labels.csv is there and no task knows it, or two do.
    """
    root = _root(place)
    if not root.is_dir():
        raise InputError(f"{root} is no folder. Give a labelled folder, or a folder of pictures.")
    if root != place:
        tasks = [task_named(str(place).partition("=")[0], settings.tasks)]
    else:
        tasks = [found.task for found in find_tasks(settings.tasks) if found.task is not None]
    folders, refusals = [], []
    for task in tasks:
        try:
            folders.append((task, read_folder(root, task.config)))
        except UsageError as e:
            refusals.append(str(e))
        except InputError:
            if table_in(root) is not None:
                raise
    if len(folders) > 1:
        names = [task.name for task, _ in folders]
        raise UsageError(
            f"The tasks {' and '.join(names)} know the labels of {root}. Say whose they are: --data {names[0]}={root}."
        )
    if not folders:
        if table_in(root) is not None or root != place:
            raise UsageError(f"{root} is of no installed task. " + " ".join(dict.fromkeys(refusals)))
        return None
    ((task, folder),) = folders
    return task, prepared([folder], task.config, settings, train_alone=True)


def _root(place: Path) -> Path:
    """DIR of TASK=DIR."""
    return place if place.is_dir() else Path(str(place).partition("=")[2] or place)


def _labelled(folder: LabelledFolder, task: Task, settings: Settings) -> list[Picture]:
    """Read every unit of every train picture, as the task makes it at work."""
    rows = [replace(row, masks=(), stack=(), votes=()) for row in folder.part("train")]
    pictures = []
    with folder.unpacked(rows) as root:
        for row in rows:
            study = study_of(root, row.file, settings)
            for unit in task.units(study):
                pixels = np.round(unit.pixels.transpose(1, 2, 0) * 255.0).astype(np.uint8)  # [H, W, C]
                pictures.append(_picture(pixels, study, task.name, row.group))
    return pictures


def _unlabelled(root: Path, settings: Settings, crop: int) -> tuple[list[Picture], list[Rejection]]:
    """Read every picture below a folder, fitted to the crop; rejects all other files. Raises InputError without any."""
    pictures: list[Picture] = []
    rejections: list[Rejection] = []
    for found in walk(root, int(settings.max_file_gib * (1 << 30))):
        if isinstance(found, Rejection):
            rejections.append(found)
            continue
        refusal = format_of(found.head).refusal
        if refusal is not None:
            rejections.append(Rejection(file=found.file.path, reason=refusal))
            continue
        try:
            study = study_of(root, found.file.path, settings)
            pictures += [
                _picture(pixels, study, UNLABELLED, found.file.path)
                for pixels in _pictures_of(study, found.file.path, crop)
            ]
        except InspectError as e:
            rejections.append(Rejection(file=found.file.path, reason=str(e), sha256=found.file.sha256))
    if not pictures:
        raise InputError(f"{root} holds neither labels that an installed task knows nor a readable picture.")
    return pictures, rejections


def _pictures_of(study: Study, file: str, crop: int) -> Iterator[NDArray[np.uint8]]:
    """Yield each picture as [H, W, 3]. Raises InputError for one that is too small or has problems."""
    if study.problems or any(min(image.pixels.shape[:2]) < SMALLEST_PX for image in study.images):
        raise InputError(f"{file}: {'; '.join(study.problems) or f'smaller than {SMALLEST_PX} px'}")
    for image in study.images:
        picture = _fitted(in_channels(image.unit_range(), 3).transpose(1, 2, 0), crop)
        yield np.round(picture * 255.0).astype(np.uint8)


def _fitted(picture: Floats, crop: int) -> Floats:
    """[H, W, 3] -> the same picture, its smaller side scaled to one to two crops, to bound memory."""
    height, width = picture.shape[:2]
    scale = min(max(min(height, width), crop), 2 * crop) / min(height, width)
    if scale == 1.0:
        return picture
    size = max(crop, round(width * scale)), max(crop, round(height * scale))
    how = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, size, interpolation=how), np.float32)


def _picture(pixels: NDArray[np.uint8], study: Study, task: str, group: str) -> Picture:
    return Picture(pixels=np.ascontiguousarray(pixels), task=task, group=group, sha256=study.ref.files[0].sha256)


def _split_off(pictures: list[Picture]) -> tuple[list[Picture], list[Picture]]:
    """Split into train and held-out pictures: groups chosen by name alone, at least one where there are two."""
    groups = sorted({p.group for p in pictures}, key=lambda group: hashlib.sha256(group.encode()).digest())
    held = set(groups[: max(1, round(HELD_OUT * len(groups)))]) if len(groups) > 1 else set()
    return [p for p in pictures if p.group not in held], [p for p in pictures if p.group in held]
