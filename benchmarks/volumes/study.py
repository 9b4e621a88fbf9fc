"""Gain by the third dimension, in a virtual-nodule study in real lungs.

Made nodules against made vessels and against candidates that the finder passes on in real lungs. Half of the lungs
train, the other half test, then the other way round; no voxel is in both. It writes volumes.json, volumes.md and
volumes.png.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.drawing import need_matplotlib
from benchmarks.volumes.arms import train_and_answer
from benchmarks.volumes.data import PatchSample, SampleCounts, SampleKind, depth_of, halves, make_samples
from benchmarks.volumes.figures import figures
from benchmarks.volumes.picture import draw
from benchmarks.volumes.results import Arm, Fold, LungSplit, TestedSplit, VolumeFigures, VolumeResult
from benchmarks.volumes.scene import Scene, open_scenes
from benchmarks.volumes.tables import as_markdown, as_plain
from benchmarks.writing import json_text, output_folder, write_files
from inspect_ai.config import TaskConfig, read_config
from inspect_ai.errors import InputError
from inspect_ai.settings import Settings

CONFIG = Path(__file__).with_name("volumes.yaml")


def bench_volumes(
    data: Path,
    out: Path,
    *,
    settings: Settings,
    config_file: Path = CONFIG,
    seed: int = 0,
    on_progress: Callable[[str], None] = lambda text: None,
) -> VolumeResult:
    """Make the samples, train the arms, measure, write. Raises InputError for data without chest series."""
    started = time.process_time()
    need_matplotlib()  # better now than after the training
    config = read_config(config_file)
    scenes = open_scenes(data, settings)
    samples = all_samples(scenes, config, seed, on_progress)
    tested = [_tested(split, samples, config, seed, on_progress) for split in splits(scenes)]
    found = figures(folds_of(tested), [t.answers for t in tested])
    plain = as_plain(found, config, scenes, samples)
    plain["splits"] = [{"train": t.split.train, "test": t.split.test} for t in tested]
    plain["losses"] = [{arm.value: curve for arm, curve in t.answers.losses.items()} for t in tested]
    plain["seed"], plain["cpu_minutes"] = seed, round((time.process_time() - started) / 60, 1)
    return VolumeResult(figures=found, written=_write(out, found, plain, samples))


def splits(scenes: Sequence[Scene]) -> tuple[LungSplit, LungSplit]:
    """Alternating sides of the series train and test, then the other way round: no background is on both sides."""
    first, second = [], []
    for i, scene in enumerate(scenes):
        left, right = (half.name for half in halves(scene, 0))
        first.append(left if i % 2 == 0 else right)
        second.append(right if i % 2 == 0 else left)
    return LungSplit(train=tuple(first), test=tuple(second)), LungSplit(train=tuple(second), test=tuple(first))


def all_samples(
    scenes: Sequence[Scene], config: TaskConfig, seed: int, on_progress: Callable[[str], None] = lambda text: None
) -> list[PatchSample]:
    """Samples of all lungs."""
    counts = SampleCounts.of(config)
    depth = depth_of(scenes, counts.reach_mm)
    return [
        s for i, scene in enumerate(scenes) for s in make_samples(scene, counts, depth, 1000 * seed + i, on_progress)
    ]


def folds_of(tested: Sequence[TestedSplit]) -> dict[Arm, list[Fold]]:
    """Scores by arm, one fold a split."""
    return {arm: [_fold(t, arm) for t in tested] for arm in Arm}


def _fold(tested: TestedSplit, arm: Arm) -> Fold:
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
    split: LungSplit, samples: Sequence[PatchSample], config: TaskConfig, seed: int, on_progress: Callable[[str], None]
) -> TestedSplit:
    train = [s for s in samples if s.half in split.train]
    test = [s for s in samples if s.half in split.test and s.kind is not SampleKind.WEAKER]
    if not any(s.kind is SampleKind.CANDIDATE for s in test):
        raise InputError("The finder passes nothing on in the lungs that test. Give further series of the chest.")
    on_progress(f"{len(train)} samples of {', '.join(split.train)} train; {len(test)} test")
    answers = train_and_answer(train, test, config, seed, on_progress)
    return TestedSplit(split=split, samples=tuple(test), answers=answers)


def _write(
    out: Path, found: VolumeFigures, plain: dict[str, object], samples: Sequence[PatchSample]
) -> tuple[Path, ...]:
    texts = {"volumes.json": json_text(plain), "volumes.md": as_markdown(found, plain)}
    written = (*write_files(out, texts), out / "volumes.png")
    with output_folder(out):
        draw(written[-1], found, samples)
    return written
