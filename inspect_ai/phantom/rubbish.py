"""What real folders also hold: a transfer that was cut, notes, an empty file, the same file twice."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from inspect_ai.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeRubbish:
    """One file that no task can decide on: its path relative to the folder, and what is wrong with it."""

    file: str
    what: str


def write_rubbish(folder: Path) -> list[MadeRubbish]:
    """Add rubbish to a folder that `write_studies` filled: four files, made from what lies there.

    Raises InputError when the studies are not there.
    """
    photograph, tile = folder / "fundus" / "healthy_3.dcm", folder / "metal" / "tile_1.jpg"
    for needed in (photograph, tile):
        if not needed.is_file():
            raise InputError(f"{needed} is not there: write the made studies into {folder} first, then the rubbish")
    where = folder / "rubbish"
    where.mkdir(parents=True, exist_ok=True)
    whole = photograph.read_bytes()
    (where / "cut_transfer.dcm").write_bytes(whole[: len(whole) // 3])
    (where / "notes.txt").write_text("Made by the demo. This file is no study.\n", encoding="utf-8")
    (where / "empty.dcm").write_bytes(b"")
    shutil.copyfile(tile, where / "tile_1_copy.jpg")
    return [
        MadeRubbish(file="rubbish/cut_transfer.dcm", what="a DICOM file cut after a third of its bytes"),
        MadeRubbish(file="rubbish/notes.txt", what="a text file"),
        MadeRubbish(file="rubbish/empty.dcm", what="an empty file"),
        MadeRubbish(file="rubbish/tile_1_copy.jpg", what="an exact copy of metal/tile_1.jpg"),
    ]
