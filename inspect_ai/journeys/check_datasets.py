"""Check of a labelled folder before it is used: what is counted, what is skipped and why, and which pictures are copies
of others, on a page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from inspect_ai.datasets.account import Skipped
from inspect_ai.datasets.folder import LabelledFolder, Row, read_folder
from inspect_ai.datasets.joining import CopyPair
from inspect_ai.datasets.prepare import Prepared, prepared
from inspect_ai.datasets.samples import study_of
from inspect_ai.domain import Account
from inspect_ai.errors import InspectError, UsageError
from inspect_ai.plugins import Task, find_tasks, task_named
from inspect_ai.report.copies import CopyPicture, CopySet, write_copies_page
from inspect_ai.settings import Settings

SETS_MOST, PICTURES_MOST, VIEW_PX = 80, 8, 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Pictures, groups and independent units of one label in one split."""

    split: str
    label: str
    pictures: int
    groups: int
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Contents of a labelled folder. page: of the copies, None where there are none."""

    task: str
    labels: str
    counted: tuple[Counted, ...]
    account: Account
    skipped: tuple[Skipped, ...]
    said: tuple[str, ...]
    copies: int
    across_splits: int
    page: Path | None


def check_dataset(
    data: Path,
    *,
    settings: Settings,
    task_name: str | None = None,
    page: Path | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Checked:
    """Read a labelled folder as training and calibration do, and write the page of its copies.

    task_name: whose labels these are; None for the first installed task that knows them. Raises UsageError, InputError.
    """
    task, folder = _task_of(data, task_name, settings)
    ready = prepared([folder], task.config, settings, progress=progress)
    (kept,) = ready.folders
    place = page or settings.out / "copies.html"
    if ready.pairs:
        _write_page(place, data, folder, ready, settings)
    return Checked(
        task=task.name,
        labels=kept.labels.name,
        counted=_counted(kept.rows),
        account=ready.account(),
        skipped=kept.skipped,
        said=ready.said,
        copies=len(ready.pairs),
        across_splits=sum(pair.across_splits for pair in ready.pairs),
        page=place if ready.pairs else None,
    )


def _task_of(data: Path, name: str | None, settings: Settings) -> tuple[Task, LabelledFolder]:
    if name is not None:
        task = task_named(name, settings.tasks)
        return task, read_folder(data, task.config)
    refusals = []
    for task in [found.task for found in find_tasks(settings.tasks) if found.task is not None]:
        try:
            return task, read_folder(data, task.config)
        except UsageError as e:
            refusals.append(str(e))
    raise UsageError(f"{data} is of no installed task. {' '.join(dict.fromkeys(refusals))}")


def _counted(rows: Sequence[Row]) -> tuple[Counted, ...]:
    keys = sorted({(row.split, row.label) for row in rows})
    return tuple(
        Counted(
            split=split,
            label=label,
            pictures=len(own),
            groups=len({row.group for row in own}),
            units=len({row.unit for row in own}),
        )
        for split, label in keys
        if (own := [row for row in rows if (row.split, row.label) == (split, label)])
    )


def _write_page(place: Path, data: Path, folder: LabelledFolder, ready: Prepared, settings: Settings) -> None:
    every = _sets(ready.pairs)
    shown = [(rows[:PICTURES_MOST], len(rows), alike) for rows, alike in every[:SETS_MOST]]
    splits = {row.file: row.split for row in ready.folders[0].rows}
    views = _views(folder, [row for rows, _, _ in shown for row in rows], settings)
    sets = [
        CopySet(
            pictures=tuple(
                CopyPicture(
                    file=row.file,
                    split=row.split or splits.get(row.file, ""),
                    label=row.label,
                    group=row.group,
                    jpeg=views[row.file],
                )
                for row in rows
            ),
            alike=alike,
            more=n - len(rows),
        )
        for rows, n, alike in shown
    ]
    sentences = [*ready.said, ready.account().sentence]
    write_copies_page(place, data=data.resolve().name, sentences=sentences, sets=sets, more=len(every) - len(sets))


def _sets(pairs: Sequence[CopyPair]) -> list[tuple[list[Row], float]]:
    """Rows of one content and the least likeness among their pairs; those across labels and splits first."""
    rows: dict[str, Row] = {}
    of: dict[str, str] = {}
    least: dict[str, float] = {}
    for pair in pairs:
        names = []
        for row in (pair.first[1], pair.second[1]):
            rows[row.file] = row
            of.setdefault(row.file, row.file)
            names.append(of[row.file])
        keep, gone = names
        for file, name in of.items():
            if name == gone:
                of[file] = keep
        least[keep] = min(least.get(keep, 1.0), least.get(gone, 1.0), pair.alike)
    members: dict[str, list[Row]] = {}
    for file, name in of.items():
        members.setdefault(name, []).append(rows[file])
    return sorted(
        ((own, least[name]) for name, own in members.items()),
        key=lambda one: (-len({r.label for r in one[0]}), -len({r.split for r in one[0]}), -len(one[0])),
    )


def _views(folder: LabelledFolder, rows: Sequence[Row], settings: Settings) -> dict[str, bytes]:
    """Small JPEG views; empty for what has no picture to draw."""
    views = {}
    with folder.unpacked([row for row in rows]) as root:
        for row in rows:
            try:
                study = study_of(root, row.file, settings)
            except InspectError:
                views[row.file] = b""
                continue
            views[row.file] = _jpeg(study.images[0].unit_range()) if study.images else b""
    return views


def _jpeg(picture: np.ndarray) -> bytes:
    """[H, W] or [H, W, 3] in 0..1 -> JPEG of at most 150 px."""
    scale = VIEW_PX / max(picture.shape[:2])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if scale < 1 else picture
    shown = np.clip(np.asarray(small) * 255.0, 0, 255).astype(np.uint8)
    return bytes(cv2.imencode(".jpg", shown if shown.ndim == 2 else np.ascontiguousarray(shown[..., ::-1]))[1])


def by_reason(skipped: Sequence[Skipped]) -> list[tuple[str, int, str]]:
    """Reason, number of files, and the first of them."""
    counts = Counter(one.reason for one in skipped)
    first = {one.reason: one.file for one in reversed(skipped)}
    return [(reason, n, first[reason]) for reason, n in counts.most_common()]
