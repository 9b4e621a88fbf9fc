"""Task plugins: the base class of a task, and the search for tasks by folder or entry point, without registration.

A task is a folder with a `task.py` that defines one subclass of Task. Folders are looked for below the bundled `tasks`
and the folders of setting `tasks`; packages add theirs through the entry-point group `inspect_ai.tasks`, each naming a
module or package that holds the subclass. Where a task is named, no code of another runs; a broken task is listed with
its error and breaks nobody else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import ClassVar, Self

import cv2
import numpy as np

from inspect_ai.config import PLAN, TaskConfig, read_config
from inspect_ai.domain import Finding, Floats, Measure, Study, StudyRef, Unit, UnitOutput
from inspect_ai.errors import UsageError
from inspect_ai.quality import luma
from inspect_ai.quality import picture_quality as picture_quality
from inspect_ai.settings import Settings, bundled, origin_of
from inspect_ai.stacks import STACK, key_index, middle, window_unit
from inspect_ai.task_source import BUNDLED as BUNDLED
from inspect_ai.task_source import HERE, TaskPlace, is_in_working_directory, load_code, task_places

HEAT_STRIDE = 8  # unit pixels a cell of the heat map, from the top left of the padded unit
HEAT_SUPPORT = 0.5  # of the peak: cells above it belong to the spot whose diameter is reported


class Task:
    """Base of all tasks: all that is special about one kind of image. Subclass it in tasks/NAME/task.py."""

    name: ClassVar[str]
    version: ClassVar[str] = "1"
    title: ClassVar[str] = ""
    modalities: ClassVar[tuple[str, ...]] = ()  # DICOM modalities that it reads
    image_files: ClassVar[bool] = True  # True if it reads camera files
    covers: ClassVar[str] = "single images like those it was trained on"
    # Other DICOM modalities under which its pictures come; read where the task is named, or by setting `modalities`.
    modalities_when_named: ClassVar[tuple[str, ...]] = ()
    # True if each picture of a study is judged by itself, as photographs of eyes are: one that fails the quality gate
    # does not count beside a good one of the same eye. `aggregate` makes one picture's score, and the highest counts.
    judges_each_picture: ClassVar[bool] = False

    def __init__(self, config: TaskConfig, folder: Path) -> None:
        self.config = config
        self.folder = folder

    def with_config(self, config: TaskConfig) -> Self:
        """Make the same task with another configuration."""
        return type(self)(config, self.folder)

    def claims(self, ref: StudyRef) -> str | None:
        """Reason why a study belongs to this task, from its header alone; None if it does not."""
        if ref.kind == "image":
            return "an image file" if self.image_files else None
        return f"DICOM modality {ref.modality}" if ref.modality in self.modalities else None

    def claims_when_named(self, ref: StudyRef) -> str | None:
        """Reason why a study can be read by this task where a person says that it is its own; None if it cannot."""
        named = ref.kind == "dicom" and ref.modality in self.modalities_when_named
        return "a DICOM file of a modality that it reads when it is named" if named else self.claims(ref)

    def accepts(self, study: Study) -> str | None:
        """Reason why a decoded study belongs to this task; None if not. Called after `claims`, for --task auto."""
        return self.claims(study.ref)

    def quality(self, study: Study) -> list[Measure]:
        """Measures of picture quality; each must pass before a score may decide."""
        return [measure for image in study.images for measure in picture_quality(image.unit_range())]

    def unseen(self, study: Study) -> list[str]:
        """Sentences on parts of the object that the study does not show, such as an organ cut off; default: none.

        They travel as remarks with the decision, whatever it is, and such a study is never cleared.
        """
        del study
        return []

    def units(self, study: Study) -> Iterator[Unit]:
        """Inputs of the network. Default: each whole picture, resized to the configured size.

        Of a stack of neighbouring slices it is the window of the configured side around the middle of its own slice.
        """
        if study.ref.kind == STACK:
            slices = self.slices(study)
            yield window_unit(slices, key_index(study), middle(slices.shape), self.config.input)
            return
        for index, image in enumerate(study.images):
            yield whole_picture(image.unit_range(), self.config, index, image.sop_instance_uid)

    def slices(self, study: Study) -> Floats:
        """Slices of a stack as the network sees them, [D, H, W] in 0..1. Default: grey, each as it is stored."""
        return np.stack([luma(image.unit_range()) for image in study.images]).astype(np.float32)

    def findings(self, unit: Unit, output: UnitOutput) -> list[Finding]:
        """Findings of a unit. Default: one, scored by the probability of the positive side, at the peak of the heat.

        Without heat it has no place.
        """
        row, col = hottest(output.heat[0], unit)[:2] if output.heat.size else (None, None)
        return [
            Finding(
                name=self.positive_name(output),
                score=probability(output.logits[0]),
                image_index=unit.image_index,
                row=row,
                col=col,
                position_mm=unit.position_mm,
                diameter_mm=unit.diameter_mm,
                axes_mm=unit.axes_mm,
                series_uid=unit.series_uid,
                sop_instance_uid=unit.sop_instance_uid,
            )
        ]

    def merged(self, findings: Sequence[Finding]) -> list[Finding]:
        """Findings of a whole study, those of one thing as one. Default: as they are.

        Of one thing the highest score must stay.
        """
        return list(findings)

    def aggregate(self, findings: Sequence[Finding]) -> float:
        """Study score. Default: the maximum."""
        return max(finding.score for finding in findings)

    def positive_name(self, output: UnitOutput) -> str:
        """Name of a positive; default: the first deciding label set's positive value."""
        del output
        return next(labels.positive[0] for labels in self.config.labels if labels.decides)


def probability(logit: float) -> float:
    """Sigmoid of a logit, on the 2^-16 grid on which scores are compared. NaN stays NaN."""
    p = 0.5 * (1.0 + np.tanh(0.5 * np.float64(logit)))  # the sigmoid, without overflow
    return float(np.round(p * 65536.0) / 65536.0)


def whole_picture(picture: Floats, config: TaskConfig, index: int = 0, sop_instance_uid: str | None = None) -> Unit:
    """[H, W] or [H, W, 3] in 0..1 -> Unit of [C, size, width or size], or of the picture's own size without one."""
    height, width = picture.shape[:2]
    rows, columns = config.input.size or height, config.input.width or config.input.size or width
    if (height, width) != (rows, columns):
        shrinks = rows < height and columns < width
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        picture = np.asarray(cv2.resize(picture, (columns, rows), interpolation=how), np.float32)
    scale = (height / rows, width / columns)
    pixels = in_channels(picture, config.input.channels)
    return Unit(pixels=pixels, image_index=index, scale_px=scale, sop_instance_uid=sop_instance_uid)


def in_channels(picture: Floats, channels: int) -> Floats:
    """[H, W] or [H, W, 3] -> [C, H, W] float32 with C = 1 (luma by ITU-R BT.601) or 3."""
    if channels == 1:
        return np.ascontiguousarray(luma(picture)[None], np.float32)
    colour = np.repeat(picture[..., None], 3, axis=-1) if picture.ndim == 2 else picture
    return np.ascontiguousarray(colour.transpose(2, 0, 1), np.float32)


def hottest(heat: Floats, unit: Unit) -> tuple[int, int, float]:
    """Row and column of the heat's peak in source pixels, and the spot's diameter there.

    heat: [h, w] over the padded unit; raises ValueError for that of a graph that gives none, [0, 0].
    """
    r, c = np.unravel_index(int(np.argmax(heat)), heat.shape)
    height, width = unit.pixels.shape[-2:]
    row = unit.origin_px[0] + min((r + 0.5) * HEAT_STRIDE, height - 1) * unit.scale_px[0]
    col = unit.origin_px[1] + min((c + 0.5) * HEAT_STRIDE, width - 1) * unit.scale_px[1]
    cells = int((heat >= HEAT_SUPPORT * heat.max()).sum())
    diameter = 2.0 * float(np.sqrt(cells / np.pi)) * HEAT_STRIDE * unit.scale_px[0]
    return int(row), int(col), diameter


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTask:
    """A task that was found: loaded, or broken with its error."""

    name: str
    origin: str  # "bundled", "entry point DISTRIBUTION", or what named its folder: setting, variable or option
    folder: Path
    task: Task | None
    error: str | None = None


def find_tasks(extra: str = "") -> list[FoundTask]:
    """All tasks, sorted by name, each with its code run.

    `extra`: folders separated as in PATH (setting `tasks`). Never raises for one broken task.
    """
    return sorted(
        (_load(place) for place in task_places(extra, origin_of("tasks", extra))), key=lambda f: (f.name, f.origin)
    )


def task_named(name: str, extra: str = "") -> Task:
    """Load the task of that name, and run no other task's code.

    Raises UsageError if there is none, if there are two, or if it is broken.
    """
    found = found_task(name, extra)
    if found.task is None:
        raise UsageError(f"Task {name!r} in {found.folder} is broken: {found.error}")
    return found.task


def found_task(name: str, extra: str = "") -> FoundTask:
    """Load the task of that name, as `task_named`, with its origin; a broken one has its error."""
    return _load(_place(name, extra))


def task_folder(name: str, extra: str = "") -> Path:
    """Folder of the task of that name, without running its code. Raises UsageError if there is none or two."""
    return _place(name, extra).folder


def _place(name: str, extra: str) -> TaskPlace:
    places = list(task_places(extra, origin_of("tasks", extra)))
    same = [place for place in places if place.name == name]
    if not same:
        known = ", ".join(sorted({place.name for place in places})) or "none"
        asked = f" ./{HERE} holds one, which counts only where it is asked for: --tasks ./{HERE}."
        here = asked if is_in_working_directory(name) else ""
        raise UsageError(
            f"There is no task {name!r}.{here} Installed tasks: {known}. `inspect-ai tasks` says where each came from."
        )
    if len(same) > 1:
        raise UsageError(f"Two tasks are called {name!r}: {same[0].folder} and {same[1].folder}. Rename or remove one.")
    return same[0]


def tasks_at_work(settings: Settings) -> list[TaskPlace]:
    """Places of the tasks that setting `task` names, found without running their code."""
    places = task_places(settings.tasks, origin_of("tasks", settings.tasks))
    return sorted(
        (place for place in places if settings.task in ("auto", place.name)),
        key=lambda place: (place.name, place.origin),
    )


@lru_cache(maxsize=32)
def cached_task(name: str, extra: str = "") -> Task:
    """Load a task once per process; for decoding children, which get tasks by name."""
    return task_named(name, extra)


def _load(place: TaskPlace) -> FoundTask:
    try:
        module = load_code(place)
        task = _subclass(module, place.folder)(_config(place.name, place.folder), place.folder)
        if task.name != place.name:
            raise UsageError(f"it calls itself {task.name!r}: a task has the name of its folder, by which it is found")
    except Exception as e:  # noqa: BLE001 - a third party's code may raise anything; it is listed, not fatal
        error = f"{type(e).__name__}: {' '.join(str(e).split())}"
        return FoundTask(name=place.name, origin=place.origin, folder=place.folder, task=None, error=error)
    return FoundTask(name=place.name, origin=place.origin, folder=place.folder, task=task)


def _subclass(module: ModuleType, folder: Path) -> type[Task]:
    defined = [
        v
        for v in vars(module).values()
        if isinstance(v, type) and issubclass(v, Task) and v.__module__ == module.__name__
    ]
    if len(defined) != 1:
        raise UsageError(
            f"{folder} must define exactly one subclass of inspect_ai.plugins.Task; it defines {len(defined)}."
        )
    task = defined[0]
    if not isinstance(getattr(task, "name", None), str):
        task.name = folder.name
    return task


def _config(name: str, folder: Path) -> TaskConfig:
    file = config_file(name, folder)
    if file is None:
        raise UsageError(f"{folder} has no config: write {folder / 'config.yaml'} or configs/{name}.yaml.")
    plan = folder / PLAN
    return read_config(file, plan if plan.is_file() else None)


def config_file(name: str, folder: Path) -> Path | None:
    """Path of the task's config.yaml beside task.py, else configs/NAME.yaml beside its tasks, else the bundled one."""
    for file in (
        folder / "config.yaml",
        folder.parent.parent / "configs" / f"{name}.yaml",
        bundled("configs") / f"{name}.yaml",
    ):
        if file.is_file():
            return file
    return None
