"""The journey of `bench gate`: how many spoilt or foreign pictures the quality gate catches, and what it costs.

The reference is that of the calibration split. Good pictures are those of another split, as they are; what is caught
is counted on the same pictures spoilt, and on pictures of other data sets. Split `train` serves to choose between
distances, `val` to tell what was reached.
"""

from __future__ import annotations

import csv
import hashlib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.gate.corruptions import CORRUPTIONS, Corruption, quality_of, written
from benchmarks.gate.table import write
from inspect_ai.calibration.out_of_distribution import LEVEL, Method, Typicality, p_value
from inspect_ai.datasets.folder import LabelledFolder, Row, read_folder, with_splits
from inspect_ai.datasets.samples import study_of
from inspect_ai.domain import Floats, Measure
from inspect_ai.errors import InputError, InspectError, UsageError
from inspect_ai.inspection import out_of_distribution
from inspect_ai.inspection.dataset_scoring import Scored, score_rows
from inspect_ai.inspection.loading import load
from inspect_ai.inspection.reference import by_features, fit, without_features
from inspect_ai.model.engine import Engine
from inspect_ai.plugins import Task
from inspect_ai.settings import Settings

MOST = 60  # pictures a corruption and foreign data set
GOOD_MOST = 1000
SEED = 0
WAYS = ("fixed limits", "measures", "network", "measures and network", "whole gate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Pictures of one kind, and how many of them each way turns away. kind: good, positives, spoilt or foreign."""

    name: str
    kind: str
    n: int
    caught: tuple[int, ...]  # in the order of WAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class GateBench:
    """One task's gate, measured."""

    task: str
    data: str
    split: str
    quality: Method
    features: Method
    calibration: int  # pictures of the reference
    rows: tuple[Counted, ...]


@dataclass(frozen=True, slots=True)
class _Gates:
    """The reference as at work, and with each kind of vector alone."""

    whole: Typicality
    measures: Typicality
    network: Typicality | None

    def ways(self, measures: Sequence[Measure], features: Floats | None) -> tuple[bool, ...]:
        """Whether each of WAYS turns a picture away."""
        fixed = not all(measure.passed for measure in measures)
        (row,) = out_of_distribution.vectors(measures, self.whole.names)
        by_measures = not p_value(self.measures, row, None) >= LEVEL
        by_network = (
            features is not None and self.network is not None and not p_value(self.network, features, None) >= LEVEL
        )
        both = not p_value(self.whole, row, features) >= LEVEL
        return fixed, by_measures, by_network, both, fixed or both


def bench_gate(
    task_name: str,
    data: Path,
    others: Sequence[Path] = (),
    *,
    out: Path,
    settings: Settings,
    model: Path | None = None,
    split: str = "val",
    most: int = MOST,
    quality: Method = Method.NEAREST,
    features: Method = Method.MAHALANOBIS,
    progress: Callable[[int], None] = lambda done: None,
) -> GateBench:
    """Measure, and write table, CSV and JSON below `out`. Raises UsageError where calibration is too small."""
    inspector = load(task_name, model, settings=settings, points="none")
    task, engine = inspector.task, inspector.engine
    (folder,) = with_splits([read_folder(data, task.config)], calibration_share=task.config.train.calibration_share)
    if split == "calibration":
        raise UsageError("Calibration pictures make the reference; choose another split with --split.")
    scored = score_rows(folder, folder.part("calibration"), inspector, progress=progress)
    good = score_rows(folder, chosen(folder.part(split), GOOD_MOST), inspector, progress=progress)
    gates = _gates(scored, quality, features)
    look = _Look(task, engine, settings, gates)
    counted = [*_good(good, folder, gates)]
    counted += _spoilt(folder, chosen([s.row for s in good], most), look)
    counted += [look.foreign(other, most) for other in others]
    bench = GateBench(
        task=task_name,
        data=folder.root.name,
        split=split,
        quality=quality,
        features=features,
        calibration=gates.whole.n,
        rows=tuple(counted),
    )
    write(bench, WAYS, out)
    return bench


def chosen(rows: Sequence[Row], most: int) -> list[Row]:
    """At most so many, by the digest of their names: nobody picks."""
    return sorted(rows, key=lambda row: hashlib.sha256(row.file.encode()).digest())[:most]


def _gates(scored: Sequence[Scored], quality: Method, features: Method) -> _Gates:
    whole = fit(scored, quality=quality, features=features)
    alone = fit(without_features(scored), quality=quality)
    if whole.known is None or alone.known is None:
        raise UsageError(whole.refusal or alone.refusal or "There is no reference.")
    return _Gates(whole.known, alone.known, by_features(scored, features))


def _good(good: Sequence[Scored], folder: LabelledFolder, gates: _Gates) -> Iterator[Counted]:
    ways = [gates.ways(s.measures, None if s.features is None else s.features[0]) for s in good]
    positive = [s.row.label in folder.labels.positive for s in good]
    yield _counted("good pictures", "good", ways)
    yield _counted(
        "positives among them",
        "positives",
        [way for way, is_positive in zip(ways, positive, strict=True) if is_positive],
    )


def _counted(name: str, kind: str, ways: Sequence[tuple[bool, ...]]) -> Counted:
    caught = tuple(sum(way[i] for way in ways) for i in range(len(WAYS)))
    return Counted(name=name, kind=kind, n=len(ways), caught=caught)


def _spoilt(folder: LabelledFolder, rows: Sequence[Row], look: _Look) -> Iterator[Counted]:
    with folder.unpacked(rows) as root, TemporaryDirectory(prefix="inspect_ai_gate_") as temporary:
        originals = [(root / row.file).read_bytes() for row in rows]
        pictures = [study_of(root, row.file, look.settings).images[0].unit_range() for row in rows]
        for corruption in CORRUPTIONS:
            chance = np.random.default_rng(SEED)
            ways = [
                look.at(Path(temporary), _spoil(picture, content, corruption, chance))
                for picture, content in zip(pictures, originals, strict=True)
            ]
            yield _counted(corruption.name, "spoilt", ways)


def _spoil(picture: Floats, content: bytes, corruption: Corruption, chance: np.random.Generator) -> bytes:
    return written(corruption.apply(picture, chance), corruption.quality or quality_of(content))


@dataclass(frozen=True, slots=True)
class _Look:
    """Pictures through the line as far as the gate."""

    task: Task
    engine: Engine
    settings: Settings
    gates: _Gates

    def at(self, folder: Path, content: bytes, name: str = "spoilt.jpg") -> tuple[bool, ...]:
        """Which ways turn away the picture with this content; all of them if it cannot be looked at."""
        (folder / name).write_bytes(content)
        try:
            study = study_of(folder, name, self.settings)
        except InspectError:
            return (True,) * len(WAYS)
        measures = self.task.quality(study)
        (output, *_) = self.engine.run(list(self.task.units(study))[:1])
        return self.gates.ways(measures, output.features)

    def foreign(self, root: Path, most: int) -> Counted:
        """Pictures of another data set, whatever its labels mean."""
        with TemporaryDirectory(prefix="inspect_ai_gate_") as temporary:
            ways = [self.at(Path(temporary), content, "foreign" + suffix) for suffix, content in some_of(root, most)]
        return _counted(root.resolve().name, "foreign", ways)


def some_of(root: Path, most: int) -> list[tuple[str, bytes]]:
    """Suffix and content of at most so many pictures that ROOT/labels.csv lists. Raises InputError without it."""
    try:
        with (root / "labels.csv").open(newline="", encoding="utf-8-sig") as f:
            names = [row["file"] for row in csv.DictReader(f)]
        names = sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())[:most]
        archive = root / "images.zip"
        if not archive.is_file():
            return [(PurePosixPath(name).suffix, (root / name).read_bytes()) for name in names]
        with zipfile.ZipFile(archive) as pictures:
            return [(PurePosixPath(name).suffix, pictures.read(name)) for name in names]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as e:
        raise InputError(
            f"{root} is no labelled folder ({type(e).__name__}). Give one with labels.csv to --other."
        ) from e
