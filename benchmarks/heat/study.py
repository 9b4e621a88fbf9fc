"""The journey of `bench heat`: do the heat maps of one or more models point at the defects of a labelled folder?

Every positive picture with a mask counts, whether or not a model flags it: a map is judged where it should point.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path, PurePosixPath

import numpy as np

from benchmarks.heat.pointing import Mask, Pointing, peak_px, point, upsampled
from benchmarks.heat.sheet import Shown, write_sheet
from benchmarks.heat.table import write_json, write_table
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
JSON_FILE, TABLE_FILE, SHEET_FILE = "heat.json", "heat.md", "sheet.png"


class Method(StrEnum):
    """Where a map comes from: the network's own readout, or gradients."""

    OWN = "own"
    GRADCAM = "gradcam"


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """A model under a method. `heat` gives [h, w] at stride 8 over the padded unit."""

    name: str
    method: Method
    folder: Path
    manifest: Manifest
    task: Task
    heat: Callable[[Unit], Floats] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One maker's map of one picture. by_kind: against the masks of one kind of lesion alone."""

    whole: Pointing
    by_kind: Mapping[str, Pointing]
    met: bool  # training or selection met this picture
    shown: Shown | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatBench:
    """looks: per maker, one a row."""

    task: str
    data: str
    split: str
    rows: tuple[Row, ...]
    classes: tuple[str, ...]  # of each row; "" where the data set names none
    makers: tuple[Maker, ...]
    looks: tuple[tuple[Look, ...], ...]
    examples: tuple[int, ...]


def bench_heat(
    task_name: str,
    data: Path,
    models: Sequence[Path],
    *,
    out: Path,
    settings: Settings,
    split: str = "val",
    methods: Sequence[Method] = (Method.OWN,),
    progress: Callable[[int], None] = lambda done: None,
) -> HeatBench:
    """Measure, and write table, JSON and sheet below `out`. Raises UsageError for a folder without masks."""
    makers = open_makers(task_named(task_name, settings.tasks), models, methods, settings)
    folder = read_folder(data, makers[0].task.config)
    rows = masked_rows(folder, split)
    classes = classes_of(folder.root, rows)
    chosen = spread(rows, classes)
    looks: list[list[Look]] = [[] for _ in makers]
    with folder.unpacked(rows) as root:
        for index, row in enumerate(rows):
            study = study_of(root, row.file, settings)
            for maker, mine in zip(makers, looks, strict=True):
                mine.append(look(maker, root, row, folder, study, show=index in chosen))
            progress(index + 1)
    bench = HeatBench(
        task=task_name,
        data=folder.root.name,
        split=split,
        rows=rows,
        classes=classes,
        makers=makers,
        looks=tuple(tuple(mine) for mine in looks),
        examples=chosen,
    )
    write(bench, out)
    return bench


def open_makers(task: Task, models: Sequence[Path], methods: Sequence[Method], settings: Settings) -> tuple[Maker, ...]:
    """One maker for each model and method; the task's own model where none is named. Raises UsageError, SetupError."""
    folders = [m if m.is_dir() else m.parent for m in models] or [task.folder]
    plain = [f.resolve().name for f in folders]
    names = plain if len(set(plain)) == len(plain) else [str(f) for f in folders]
    makers = []
    for name, folder in zip(names, folders, strict=True):
        for method in dict.fromkeys(methods):
            makers.append(
                open_maker(name if method is Method.OWN else f"{name}, Grad-CAM", folder, task, method, settings)
            )
    return tuple(makers)


def open_maker(name: str, folder: Path, task: Task, method: Method, settings: Settings) -> Maker:
    """Load one model for one method. Raises UsageError where the model was trained for another task."""
    manifest = read_manifest(folder)
    if manifest.task != task.name:
        raise UsageError(
            f"{folder} holds a model for task {manifest.task}, not {task.name}. Give another with --model."
        )
    heat = own_heat(folder, settings) if method is Method.OWN else gradient_heat(folder, manifest)
    task = task.with_config(manifest.config)
    return Maker(name=name, method=method, folder=folder, manifest=manifest, task=task, heat=heat)


def own_heat(folder: Path, settings: Settings) -> Callable[[Unit], Floats]:
    """The map of the decision as the line shows it: attention, evidence, or a baseline's class activation map."""
    engine = open_engine(folder, kind=settings.engine)
    return lambda unit: engine.run([unit])[0].heat[0]


def gradient_heat(folder: Path, manifest: Manifest) -> Callable[[Unit], Floats]:
    """Grad-CAM of the decision, in PyTorch."""
    from inspect_ai.model.gradcam import open_gradcam

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


def spread(rows: Sequence[Row], classes: Sequence[str], most: int = EXAMPLES) -> tuple[int, ...]:
    """Indices of the examples: rows by class, group and file, every k-th. No score or map has a say in it."""
    order = sorted(range(len(rows)), key=lambda i: (classes[i], rows[i].group, rows[i].file))
    count = min(most, len(order))
    return tuple(order[i * len(order) // count] for i in range(count))


def look(maker: Maker, root: Path, row: Row, folder: LabelledFolder, study: Study, *, show: bool) -> Look:
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
    return Look(
        whole=point(heat, unit, mask),
        by_kind=by_kind,
        met=maker.manifest.saw(study.ref.files[0].sha256) is not None,
        shown=shown(study, unit, mask, heat) if show else None,
    )


def kind_of(mask: str) -> str:
    """masks/IDRiD_02_MA.png -> MA."""
    return PurePosixPath(mask).stem.rsplit("_", 1)[-1]


def kinds_of(row: Row) -> list[str]:
    """The kinds of lesion that this picture has masks of."""
    return sorted({kind_of(m) for m in row.masks})


def shown(study: Study, unit: Unit, mask: Mask, heat: Floats) -> Shown:
    """What the sheet needs: the part of the original picture that the unit covers, and map and mask over it."""
    (top, left), (per_row, per_col) = unit.origin_px, unit.scale_px
    height, width = unit.pixels.shape[-2:]
    rows = slice(round(top), round(top + height * per_row))
    cols = slice(round(left), round(left + width * per_col))
    picture = study.images[unit.image_index].unit_range()[rows, cols]
    return Shown(
        picture=np.ascontiguousarray(picture),
        mask=mask,
        heat=upsampled(heat)[:height, :width],
        peak_px=peak_px(heat, unit),
    )


def write(bench: HeatBench, out: Path) -> None:
    """Table, JSON and sheet below OUT. Raises UsageError if it cannot be written."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_json(bench, out / JSON_FILE)
        write_table(bench, out / TABLE_FILE)
        write_sheet(bench, out / SHEET_FILE)
    except OSError as e:
        raise UsageError(f"{out} cannot be written ({e.strerror}). Choose another folder with --out.") from e
