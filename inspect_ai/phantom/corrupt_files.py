"""Files that real folders also hold: a transfer that was cut, notes, an empty file, the same file twice."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inspect_ai.errors import InputError
from inspect_ai.phantom.dicom_files import write_photograph
from inspect_ai.phantom.fundus import make_fundus


@dataclass(frozen=True, slots=True, kw_only=True)
class CorruptFiles:
    """One file that no task can decide on: its path relative to the folder, and what is wrong with it."""

    file: str
    what: str


def write_corrupt_files(folder: Path, *, seed: int = 7) -> list[CorruptFiles]:
    """Add four files to a folder that `write_studies` or `write_metal` filled; one copies a tile that lies there.

    Raises InputError when that tile is not there.
    """
    tile = folder / "metal" / "tile_1.jpg"
    if not tile.is_file():
        raise InputError(f"{tile} is not there: write the made studies into {folder} first, then the rubbish")
    where = folder / "rubbish"
    where.mkdir(parents=True, exist_ok=True)
    _cut_photograph(where / "cut_transfer.dcm", seed)
    (where / "notes.txt").write_text("Made by the demo. This file is no study.\n", encoding="utf-8")
    (where / "empty.dcm").write_bytes(b"")
    shutil.copyfile(tile, where / "tile_1_copy.jpg")
    return [
        CorruptFiles(file="rubbish/cut_transfer.dcm", what="a DICOM file cut after a third of its bytes"),
        CorruptFiles(file="rubbish/notes.txt", what="a text file"),
        CorruptFiles(file="rubbish/empty.dcm", what="an empty file"),
        CorruptFiles(file="rubbish/tile_1_copy.jpg", what="an exact copy of metal/tile_1.jpg"),
    ]


def _cut_photograph(path: Path, seed: int) -> None:
    """Write a DICOM photograph of its own study that lost the last two thirds of its bytes."""
    photo = make_fundus(np.random.default_rng([seed, 900]), size=160, laterality="R", lesions=0.0, tint="brown")
    write_photograph(path, photo.picture, laterality="R", name=f"{seed}/cut", patient="MADE-0091", jpeg=False)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
