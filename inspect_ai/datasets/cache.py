"""Cache of decoded samples between trainings: decoding takes longer than an epoch of a small network.

Only folders with images.zip are kept, since one file's size and time tell whether its pictures changed. NumPy arrays
alone, never pickles.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from inspect_ai.datasets.folder import LabelledFolder, Row
from inspect_ai.datasets.samples import Sample, read_samples
from inspect_ai.model.manifest import file_sha256
from inspect_ai.plugins import Task
from inspect_ai.settings import Settings
from inspect_ai.version import __version__


def cached_samples(folder: LabelledFolder, split: str, task: Task, settings: Settings) -> list[Sample]:
    """Read the samples of one split as `read_samples` does, from `settings.cache` where they are there already."""
    return cached_rows(folder, folder.part(split), task, settings, "samples", read_samples)


def cached_rows(
    folder: LabelledFolder,
    rows: Sequence[Row],
    task: Task,
    settings: Settings,
    kind: str,
    read: Callable[[LabelledFolder, Sequence[Row], Task, Settings], list[Sample]],
) -> list[Sample]:
    """Read the samples of some rows as `read` does, from `settings.cache` where they are there already.

    kind: what `read` makes of a row; samples of another kind are other files of the cache.
    """
    archive = folder.root / "images.zip"
    if not settings.cache or not archive.is_file():
        return read(folder, rows, task, settings)
    path = Path(settings.cache) / f"{_key(folder, rows, task, kind)}.npz"
    if (kept := _kept(path)) is not None:
        return [
            Sample(pixels=pixels, mask=mask, row=row, labels=folder.labels, sha256=digest)
            for row, (pixels, mask, digest) in zip(rows, kept, strict=True)
        ]
    samples = read(folder, rows, task, settings)
    _keep(path, samples)
    return samples


def _key(folder: LabelledFolder, rows: Sequence[Row], task: Task, kind: str) -> str:
    archive = (folder.root / "images.zip").stat()
    code = "".join(file_sha256(path) for path in sorted(task.folder.glob("*.py")))
    seen = (task.config.input.model_dump_json(), task.config.options, folder.labels.model_dump_json())
    files = [(row.file, row.masks, row.stack, row.votes) for row in rows]
    whole = (__version__, kind, task.name, code, seen, archive.st_size, archive.st_mtime_ns, files)
    return hashlib.sha256(repr(whole).encode()).hexdigest()[:32]


def _kept(path: Path) -> list[tuple[np.ndarray, np.ndarray | None, str]] | None:
    """Read cached samples; None where there are none, or a damaged file, which is then made again."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            digests = arrays["sha256"].tolist()
            masks = {name for name in arrays.files if name.startswith("mask")}
            return [
                (arrays[f"pixels{i}"], arrays[f"mask{i}"] if f"mask{i}" in masks else None, digest)
                for i, digest in enumerate(digests)
            ]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None


def _keep(path: Path, samples: list[Sample]) -> None:
    arrays = {f"pixels{i}": s.pixels for i, s in enumerate(samples)}
    arrays |= {f"mask{i}": s.mask for i, s in enumerate(samples) if s.mask is not None}
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.stem}-{os.getpid()}.unfinished.npz")
    np.savez(unfinished, sha256=np.array([s.sha256 for s in samples]), **arrays)  # type: ignore[arg-type]
    unfinished.replace(path)  # whole or not at all, also where two trainings write it at once
