"""Measurement of the quality gate: spoilt and foreign pictures that it catches, and good ones that it rejects.

The reference is that of the calibration split. Good pictures are those of another split, as they are; catches are
counted on the same pictures spoilt, and on pictures of other data sets. Split `train` serves to choose between
distances, `val` to report the choice.
"""

from __future__ import annotations

import csv
import hashlib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.gate.corruptions import CORRUPTIONS, Corruption, quality_of, written
from benchmarks.gate.results import WAYS, Counted, GateResult
from benchmarks.gate.tables import texts
from benchmarks.writing import write_files
from inspect_ai.calibration.out_of_distribution import LEVEL, Method, Typicality, p_value, typicality
from inspect_ai.datasets.folder import LabelledFolder, Row, read_folder, with_splits
from inspect_ai.datasets.samples import study_of
from inspect_ai.domain import Floats, Measure
from inspect_ai.errors import InputError, InspectError, UsageError
from inspect_ai.inspection import out_of_distribution
from inspect_ai.inspection.dataset_scoring import Scored, score_rows
from inspect_ai.inspection.loading import load
from inspect_ai.inspection.reference import fit, seen_of
from inspect_ai.model.engine import Engine
from inspect_ai.plugins import Task
from inspect_ai.settings import Settings

MOST = 60  # pictures a corruption and foreign data set
GOOD_MOST = 1000
SEED = 0


@dataclass(frozen=True, slots=True)
class _References:
    """The reference as at work, and with each kind of vector alone."""

    whole: Typicality
    measures: Typicality
    network: Typicality | None

    def ways(self, measures: Sequence[Measure], features: Floats | None) -> tuple[bool, ...]:
        """Tell for each of WAYS if it rejects a picture."""
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
) -> GateResult:
    """Measure, and write table, CSV and JSON below `out`. Raises UsageError where calibration is too small."""
    inspector = load(task_name, model, settings=settings, points="none")
    task, engine = inspector.task, inspector.engine
    (folder,) = with_splits([read_folder(data, task.config)], calibration_share=task.config.train.calibration_share)
    if split == "calibration":
        raise UsageError("Calibration pictures make the reference; choose another split with --split.")
    scored = score_rows(folder, folder.part("calibration"), inspector, progress=progress)
    good = score_rows(folder, chosen(folder.part(split), GOOD_MOST), inspector, progress=progress)
    references = _references(scored, quality, features)
    gate = _Gate(task, engine, settings, references)
    counted = [*_good(good, folder, references)]
    counted += _spoilt(folder, chosen([s.row for s in good], most), gate)
    counted += [gate.foreign(other, most) for other in others]
    result = GateResult(
        task=task_name,
        data=folder.root.name,
        split=split,
        quality=quality,
        features=features,
        calibration=references.whole.n,
        rows=tuple(counted),
    )
    write_files(out, texts(result))
    return result


def chosen(rows: Sequence[Row], most: int) -> list[Row]:
    """At most so many rows, chosen by the digests of their names and so by nobody."""
    return sorted(rows, key=lambda row: hashlib.sha256(row.file.encode()).digest())[:most]


def _references(scored: Sequence[Scored], quality: Method, features: Method) -> _References:
    whole = fit(scored, quality=quality, features=features)
    alone = fit([replace(s, features=None) for s in scored], quality=quality)
    if whole.known is None or alone.known is None:
        raise UsageError(whole.refusal or alone.refusal or "There is no reference.")
    return _References(whole.known, alone.known, by_features(scored, features))


def by_features(scored: Sequence[Scored], method: Method) -> Typicality | None:
    """A reference through the network alone, its features in the place of measures; None without features."""
    seen = seen_of([s for s in scored if s.fit and s.measures])
    if seen.features is None:
        return None
    names = tuple(f"feature {i}" for i in range(seen.features.shape[1]))
    return typicality(replace(seen, names=names, quality=seen.features, features=None), quality=method)[0]


def _good(good: Sequence[Scored], folder: LabelledFolder, references: _References) -> Iterator[Counted]:
    ways = [references.ways(s.measures, None if s.features is None else s.features[0]) for s in good]
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


def _spoilt(folder: LabelledFolder, rows: Sequence[Row], gate: _Gate) -> Iterator[Counted]:
    with folder.unpacked(rows) as root, TemporaryDirectory(prefix="inspect_ai_gate_") as temporary:
        originals = [(root / row.file).read_bytes() for row in rows]
        pictures = [study_of(root, row.file, gate.settings).images[0].unit_range() for row in rows]
        for corruption in CORRUPTIONS:
            chance = np.random.default_rng(SEED)
            ways = [
                gate.at(Path(temporary), _spoil(picture, content, corruption, chance))
                for picture, content in zip(pictures, originals, strict=True)
            ]
            yield _counted(corruption.name, "spoilt", ways)


def _spoil(picture: Floats, content: bytes, corruption: Corruption, chance: np.random.Generator) -> bytes:
    return written(corruption.apply(picture, chance), corruption.quality or quality_of(content))


@dataclass(frozen=True, slots=True)
class _Gate:
    """Pictures preprocessed and measured as at work, up to the gate."""

    task: Task
    engine: Engine
    settings: Settings
    references: _References

    def at(self, folder: Path, content: bytes, name: str = "spoilt.jpg") -> tuple[bool, ...]:
        """Ways that reject the picture with this content; all of them if it cannot be read."""
        (folder / name).write_bytes(content)
        try:
            study = study_of(folder, name, self.settings)
        except InspectError:
            return (True,) * len(WAYS)
        measures = self.task.quality(study)
        (output, *_) = self.engine.run(list(self.task.units(study))[:1])
        return self.references.ways(measures, output.features)

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
