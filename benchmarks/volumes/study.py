"""`bench volumes`: what the third dimension brings, by a virtual-nodule study in real lungs.

Made nodules against made vessels and against what the finder passes on in real lungs. Half of the lungs teach, the
other half test, then the other way round; no voxel is in both. Left are volumes.json, volumes.md and volumes.png.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.drawing import need_matplotlib
from benchmarks.volumes.arms import Answers, Arm, train_and_answer
from benchmarks.volumes.data import Counts, Sample, SampleKind, depth_of, halves, make_samples
from benchmarks.volumes.figures import Figures, figures
from benchmarks.volumes.froc import Fold
from benchmarks.volumes.report import as_markdown, as_plain, draw
from benchmarks.volumes.scene import Scene, open_scenes
from inspect_ai.config import TaskConfig, read_config
from inspect_ai.errors import InputError
from inspect_ai.settings import Settings, bundled


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeStudy:
    """Everything measured, and where it was written."""

    figures: Figures
    written: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Names of the lungs that teach and of those that test."""

    train: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """One split's samples that test, and what the arms said of them."""

    split: Split
    samples: tuple[Sample, ...] = field(compare=False, repr=False)
    answers: Answers = field(compare=False, repr=False)


def bench_volumes(
    data: Path,
    out: Path,
    *,
    settings: Settings,
    config_file: Path | None = None,
    seed: int = 0,
    told: Callable[[str], None] = lambda text: None,
) -> VolumeStudy:
    """Make the samples, train the arms, measure, write. Raises InputError for data without chest series."""
    started = time.process_time()
    need_matplotlib()  # better now than after the training
    config = read_config(config_file or bundled("configs") / "bench_volumes.yaml")
    scenes = open_scenes(data, settings)
    samples = all_samples(scenes, config, seed, told)
    tested = [_tested(split, samples, config, seed, told) for split in splits(scenes)]
    found = figures(folds_of(tested), [t.answers for t in tested])
    plain = as_plain(found, config, scenes, samples)
    plain["splits"] = [{"train": t.split.train, "test": t.split.test} for t in tested]
    plain["losses"] = [{arm.value: curve for arm, curve in t.answers.losses.items()} for t in tested]
    plain["seed"], plain["cpu_minutes"] = seed, round((time.process_time() - started) / 60, 1)
    return VolumeStudy(figures=found, written=_write(out, found, plain, samples))


def splits(scenes: Sequence[Scene]) -> tuple[Split, Split]:
    """Alternating sides of the series teach and test, then the other way round: no background is on both sides."""
    first, second = [], []
    for i, scene in enumerate(scenes):
        left, right = (half.name for half in halves(scene, 0))
        first.append(left if i % 2 == 0 else right)
        second.append(right if i % 2 == 0 else left)
    return Split(train=tuple(first), test=tuple(second)), Split(train=tuple(second), test=tuple(first))


def all_samples(
    scenes: Sequence[Scene], config: TaskConfig, seed: int, told: Callable[[str], None] = lambda text: None
) -> list[Sample]:
    """Of all lungs."""
    counts = Counts.of(config)
    depth = depth_of(scenes, counts.reach_mm)
    return [s for i, scene in enumerate(scenes) for s in make_samples(scene, counts, depth, 1000 * seed + i, told)]


def folds_of(tested: Sequence[Tested]) -> dict[Arm, list[Fold]]:
    """Scores by arm, one fold a split."""
    return {arm: [_fold(t, arm) for t in tested] for arm in Arm}


def _fold(tested: Tested, arm: Arm) -> Fold:
    kinds = np.array([s.kind.value for s in tested.samples])
    scores = {kind: tested.answers.logits[arm][kinds == kind.value] for kind in SampleKind}
    nodules = [s for s in tested.samples if s.kind is SampleKind.NODULE]
    return Fold(
        nodules=scores[SampleKind.NODULE],
        alarms=scores[SampleKind.CANDIDATE],
        tubes=scores[SampleKind.TUBE],
        twins=scores[SampleKind.TWIN],
        met=np.array([s.found for s in nodules], bool),
        diameters_mm=np.array([s.diameter_mm for s in nodules]),
        scans=len(tested.split.test),
    )


def _tested(
    split: Split, samples: Sequence[Sample], config: TaskConfig, seed: int, told: Callable[[str], None]
) -> Tested:
    train = [s for s in samples if s.half in split.train]
    test = [s for s in samples if s.half in split.test and s.kind is not SampleKind.WEAKER]
    if not any(s.kind is SampleKind.CANDIDATE for s in test):
        raise InputError("The finder passes nothing on in the lungs that test. Give further series of the chest.")
    told(f"{len(train)} samples of {', '.join(split.train)} teach; {len(test)} test")
    answers = train_and_answer(train, test, config, seed, told)
    return Tested(split=split, samples=tuple(test), answers=answers)


def _write(out: Path, found: Figures, plain: dict[str, object], samples: Sequence[Sample]) -> tuple[Path, ...]:
    out.mkdir(parents=True, exist_ok=True)
    table, text, picture = (out / f"volumes.{ending}" for ending in ("json", "md", "png"))
    table.write_text(json.dumps(plain, indent=1, ensure_ascii=False) + "\n", "utf-8")
    text.write_text(as_markdown(found, plain), "utf-8")
    draw(picture, found, samples)
    return table, text, picture
