"""Measurement of heat maps: how well those of one or more models point at the defects of a labelled folder.

Every positive picture with a mask counts, flagged by a model or not: a map is judged by the place that it should show.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from benchmarks.heat.gradcam import open_gradcam
from benchmarks.heat.pointing import peak_px, point, upsampled
from benchmarks.heat.results import ExamplePicture, HeatResult, MapMaker, MapMethod, Mask, MeasuredMap
from benchmarks.heat.sheet import write_sheet
from benchmarks.heat.tables import texts
from benchmarks.writing import output_folder, write_files
from inspect_ai.datasets.folder import LabelledFolder, Row, read_folder
from inspect_ai.datasets.samples import study_of, unit_mask
from inspect_ai.domain import Floats, Study, Unit
from inspect_ai.errors import UsageError
from inspect_ai.model.engine import open_engine
from inspect_ai.model.manifest import Manifest, read_manifest
from inspect_ai.plugins import Task, task_named
from inspect_ai.settings import Settings

EXAMPLES = 12  # pictures on the sheet
CLASS_COLUMN = "cls"  # of labels.csv, where a data set names the kind of each defect
SHEET_FILE = "sheet.png"


def bench_heat(
    task_name: str,
    data: Path,
    models: Sequence[Path],
    *,
    out: Path,
    settings: Settings,
    split: str = "val",
    methods: Sequence[MapMethod] = (MapMethod.OWN,),
    progress: Callable[[int], None] = lambda done: None,
) -> HeatResult:
    """Measure, and write table, JSON and sheet below `out`. Raises UsageError for a folder without masks."""
    makers = open_makers(task_named(task_name, settings.tasks), models, methods, settings)
    folder = read_folder(data, makers[0].task.config)
    rows = masked_rows(folder, split)
    classes = classes_of(folder.root, rows)
    chosen = example_rows(rows, classes)
    maps: list[list[MeasuredMap]] = [[] for _ in makers]
    with folder.unpacked(rows) as root:
        for index, row in enumerate(rows):
            study = study_of(root, row.file, settings)
            for maker, mine in zip(makers, maps, strict=True):
                mine.append(measured_map(maker, root, row, folder, study, show=index in chosen))
            progress(index + 1)
    result = HeatResult(
        task=task_name,
        data=folder.root.name,
        split=split,
        rows=rows,
        classes=classes,
        makers=makers,
        maps=tuple(tuple(mine) for mine in maps),
        examples=chosen,
    )
    write_files(out, texts(result))
    with output_folder(out):
        write_sheet(result, out / SHEET_FILE)
    return result


def open_makers(
    task: Task, models: Sequence[Path], methods: Sequence[MapMethod], settings: Settings
) -> tuple[MapMaker, ...]:
    """One maker for each model and method; the task's own model where none is named. Raises UsageError, SetupError."""
    folders = [m if m.is_dir() else m.parent for m in models] or [task.folder]
    plain = [f.resolve().name for f in folders]
    names = plain if len(set(plain)) == len(plain) else [str(f) for f in folders]
    makers = []
    for name, folder in zip(names, folders, strict=True):
        for method in dict.fromkeys(methods):
            makers.append(
                open_maker(name if method is MapMethod.OWN else f"{name}, Grad-CAM", folder, task, method, settings)
            )
    return tuple(makers)


def open_maker(name: str, folder: Path, task: Task, method: MapMethod, settings: Settings) -> MapMaker:
    """Load one model for one method. Raises UsageError where the model was trained for another task."""
    manifest = read_manifest(folder)
    if manifest.task != task.name:
        raise UsageError(
            f"{folder} holds a model for task {manifest.task}, not {task.name}. Give another with --model."
        )
    heat = own_heat(folder, settings) if method is MapMethod.OWN else gradient_heat(folder, manifest)
    task = task.with_config(manifest.config)
    return MapMaker(name=name, method=method, folder=folder, manifest=manifest, task=task, heat=heat)


def own_heat(folder: Path, settings: Settings) -> Callable[[Unit], Floats]:
    """Map of the decision as scans show it: attention, evidence, or a baseline's class activation map."""
    engine = open_engine(folder, kind=settings.engine)
    return lambda unit: engine.run([unit])[0].heat[0]


def gradient_heat(folder: Path, manifest: Manifest) -> Callable[[Unit], Floats]:
    """Grad-CAM of the decision, in PyTorch."""
    heat = open_gradcam(folder, manifest.config)
    return lambda unit: heat(unit.pixels)


def masked_rows(folder: LabelledFolder, split: str) -> tuple[Row, ...]:
    """Positive rows with a mask, by group and file. Raises UsageError if there is none."""
    rows = [row for row in folder.part(split) if row.label in folder.labels.positive and row.masks]
    if not rows:
        column = folder.labels.mask_column
        why = (
            f"no positive picture of split {split!r} has a mask in column {column!r}"
            if column
            else f"its label set {folder.labels.name} names no column of masks (mask_column in the task's config)"
        )
        raise UsageError(f"{folder.root}: {why}. Heat maps are measured against masks: give a folder that has them.")
    return tuple(sorted(rows, key=lambda row: (row.group, row.file)))


def classes_of(root: Path, rows: Sequence[Row]) -> tuple[str, ...]:
    """The defect class of each row, "" where labels.csv has no such column."""
    with (root / "labels.csv").open(newline="", encoding="utf-8-sig") as f:
        named = {raw["file"]: raw.get(CLASS_COLUMN) or "" for raw in csv.DictReader(f)}
    return tuple(named[row.file] for row in rows)


def example_rows(rows: Sequence[Row], classes: Sequence[str], most: int = EXAMPLES) -> tuple[int, ...]:
    """Indices of the examples: rows by class, group and file, every k-th. No score or map has a say in it."""
    order = sorted(range(len(rows)), key=lambda i: (classes[i], rows[i].group, rows[i].file))
    count = min(most, len(order))
    return tuple(order[i * len(order) // count] for i in range(count))


def measured_map(
    maker: MapMaker, root: Path, row: Row, folder: LabelledFolder, study: Study, *, show: bool
) -> MeasuredMap:
    """One picture through one maker. Raises UsageError for a picture that is not one unit, or a mask outside it."""
    units = list(maker.task.units(study))
    if len(units) != 1:
        raise UsageError(f"{row.file} gives {len(units)} units; a heat map is measured over pictures of exactly one.")
    unit = units[0]
    mask = unit_mask(root, row, folder.labels, unit, study)
    if mask is None or not mask.any():
        raise UsageError(f"{row.file}: nothing of its mask lies in what {maker.name} sees. Correct or remove the mask.")
    heat = maker.heat(unit)
    by_kind = {}
    for kind in kinds_of(row) if folder.labels.mask_kinds else ():
        files = tuple(m for m in row.masks if kind_of(m) == kind)
        alone = unit_mask(root, replace(row, masks=files), folder.labels, unit, study)
        if alone is not None and alone.any():
            by_kind[kind] = point(heat, unit, alone)
    return MeasuredMap(
        whole=point(heat, unit, mask),
        by_kind=by_kind,
        met=maker.manifest.saw(study.ref.files[0].sha256) is not None,
        example=example(study, unit, mask, heat) if show else None,
    )


def kind_of(mask: str) -> str:
    """masks/IDRiD_02_MA.png -> MA."""
    return PurePosixPath(mask).stem.rsplit("_", 1)[-1]


def kinds_of(row: Row) -> list[str]:
    """The kinds of lesion that this picture has masks of."""
    return sorted({kind_of(m) for m in row.masks})


def example(study: Study, unit: Unit, mask: Mask, heat: Floats) -> ExamplePicture:
    """Part of the original picture that the unit covers, with map and mask over it, for the sheet."""
    (top, left), (per_row, per_col) = unit.origin_px, unit.scale_px
    height, width = unit.pixels.shape[-2:]
    rows = slice(round(top), round(top + height * per_row))
    cols = slice(round(left), round(left + width * per_col))
    picture = study.images[unit.image_index].unit_range()[rows, cols]
    return ExamplePicture(
        picture=np.ascontiguousarray(picture),
        mask=mask,
        heat=upsampled(heat)[:height, :width],
        peak_px=peak_px(heat, unit),
    )
