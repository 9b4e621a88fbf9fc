"""Folders of pass and flag as a stranger brings them, made of labelled data: no masks, no exposures, no classes."""

from __future__ import annotations

import csv
import shutil
from dataclasses import dataclass
from pathlib import Path

from inspect_ai.errors import InputError

COLUMNS = ("file", "label", "split", "group")


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """One folder. source: below the data folder; flag: classes of it that are flagged, all others pass."""

    name: str
    source: str
    flag: tuple[str, ...]
    note: str


FOLDERS = (
    Brought(name="impellers", source="metal_surface/castings", flag=("flag",), note="castings as they are"),
    Brought(
        name="strip",
        source="metal_surface/x_sdd",
        flag=("surface_scratch", "slag_inclusion", "iron_sheet_ash"),
        note="x_sdd: scratch, slag and ash are flagged, four kinds of scale, iron and print pass",
    ),
    Brought(name="tiles", source="metal_surface/magnetic_tile", flag=("flag",), note="magnetic_tile without its masks"),
    Brought(
        name="plate",
        source="metal_surface/neu_det",
        flag=("inclusion", "scratches"),
        note="neu_det without its boxes: inclusions and scratches are flagged, four textures pass",
    ),
)


def made(brought: Brought, data: Path, folder: Path) -> Path:
    """Write the folder's labels.csv and bring its pictures; returns it. Raises InputError where the source is not."""
    source = data / brought.source
    table = source / "labels.csv"
    if not table.is_file():
        raise InputError(f"{table} is not there. Give the folder that holds {brought.source} as --data.")
    folder.mkdir(parents=True, exist_ok=True)
    with table.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, "label": "flag" if row["label"] in brought.flag else "pass"} for row in rows)
    for pictures in source.iterdir():
        if pictures.suffix == ".zip" and not (folder / pictures.name).exists():
            shutil.copy(pictures, folder / pictures.name)
    return folder
