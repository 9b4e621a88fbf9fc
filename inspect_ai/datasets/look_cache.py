"""Cache of looks between commands: a labelled folder is decoded once, and compared whenever it is used."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from inspect_ai.datasets.folder import LabelledFolder
from inspect_ai.datasets.look import Look
from inspect_ai.settings import Settings
from inspect_ai.version import __version__

LAYOUT = 1  # of the file, and of the thumbnails in it


def kept_looks(folder: LabelledFolder, settings: Settings) -> list[Look] | None:
    """Read the looks of an unchanged folder; None where there are none, or a damaged file, which is made again."""
    if not settings.cache:
        return None
    try:
        with np.load(_path(folder, settings), allow_pickle=False) as arrays:
            columns = (arrays[name].tolist() for name in ("file_sha256", "pixels_sha256", "side_px", "refusal"))
            return [
                Look(thumbnail=shown, file_sha256=file, pixels_sha256=pixels, side_px=side, refusal=refusal)
                for shown, file, pixels, side, refusal in zip(arrays["thumbnail"], *columns, strict=True)
            ]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None


def keep_looks(folder: LabelledFolder, settings: Settings, looks: Sequence[Look]) -> None:
    """Write the looks, whole or not at all; nothing without a folder to keep them in."""
    if not settings.cache or not looks:
        return
    path = _path(folder, settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.stem}-{os.getpid()}.unfinished.npz")
    np.savez(
        unfinished,
        thumbnail=np.stack([look.thumbnail for look in looks]),
        file_sha256=np.array([look.file_sha256 for look in looks]),
        pixels_sha256=np.array([look.pixels_sha256 for look in looks]),
        side_px=np.array([look.side_px for look in looks]),
        refusal=np.array([look.refusal for look in looks]),
    )
    unfinished.replace(path)


def _path(folder: LabelledFolder, settings: Settings) -> Path:
    """Name by everything that a look depends on: program, limits, and each file's name, size and time."""
    archive = folder.root / "images.zip"
    if archive.is_file():
        files = [(row.file,) for row in folder.rows]
        stamps = [(archive.stat().st_size, archive.stat().st_mtime_ns)]
    else:
        files = [(row.file,) for row in folder.rows]
        found = [(folder.root / row.file).stat() for row in folder.rows]
        stamps = [(s.st_size, s.st_mtime_ns) for s in found]
    whole = (LAYOUT, __version__, str(folder.root.resolve()), settings.max_pixels, files, stamps)
    return Path(settings.cache) / f"looks-{hashlib.sha256(repr(whole).encode()).hexdigest()[:32]}.npz"
