"""Made studies for calibration: drawn at random as the demo's are, from streams that the demo does not use.

Each study has its own stream of the seed, so that studies are independent units and any number of them can be made,
in any order, with the same bytes. What varies between studies covers what varies between those of the demo.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inspect_ai.phantom.chest import make_chest
from inspect_ai.phantom.dicom_files import write_ct
from inspect_ai.phantom.fundus import TINTS, make_fundus
from inspect_ai.phantom.metal import make_surface
from inspect_ai.phantom.metal_defects import DEFECTS
from inspect_ai.phantom.studies import FUNDUS_PX, write_picture

CALIBRATION_SEED = 1007  # the demo's own is 7
STREAMS = {  # first stream of each kind; a study's number is added
    ("lung_nodule", True): 1_000,
    ("lung_nodule", False): 3_000,
    ("fundus", True): 10_000,
    ("fundus", False): 20_000,
    ("metal_surface", True): 30_000,
    ("metal_surface", False): 40_000,
}
LESIONS = (1.0, 1.3)  # amount, from moderate retinopathy on
ROWS_PX, COLS_PX = (296, 373), (252, 301)  # of a tile
EXPOSURE = (72.0, 92.0)  # mean grey of a tile's face
TILE_SUFFIXES = (".jpg", ".png", ".bmp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One made study for calibration: its path below the folder, and whether a finding was made into it."""

    path: str
    positive: bool


def write_eyes(folder: Path, *, positives: int, negatives: int) -> list[Made]:
    """Write photographs of as many sick and healthy eyes, every third as DICOM; those that are there are kept."""
    made = []
    for positive, number in _numbers(positives, negatives):
        name = f"{'referable' if positive else 'healthy'}_{number:04d}.{'dcm' if number % 3 == 2 else 'jpg'}"
        made.append(Made(path=name, positive=positive))
        if (folder / name).is_file():
            continue
        rng = _stream("fundus", number, positive=positive)
        photo = make_fundus(
            rng,
            size=FUNDUS_PX,
            laterality=str(rng.choice(["L", "R"])),
            lesions=float(rng.uniform(*LESIONS)) if positive else 0.0,
            tint=str(rng.choice(sorted(TINTS))),
        )
        write_picture(folder / name, photo, name=f"{CALIBRATION_SEED}/{name}", patient=f"MADE-CAL-{number:04d}")
    return made


def write_tiles(folder: Path, *, positives: int, negatives: int) -> list[Made]:
    """Write pictures of as many defective tiles, each defect in turn, and sound ones; those that are there are kept."""
    made, kinds = [], sorted(DEFECTS)
    for positive, number in _numbers(positives, negatives):
        defect = kinds[number % len(kinds)] if positive else None
        name = f"{defect or 'sound'}_{number:04d}{TILE_SUFFIXES[number % len(TILE_SUFFIXES)]}"
        made.append(Made(path=name, positive=positive))
        if (folder / name).is_file():
            continue
        rng = _stream("metal_surface", number, positive=positive)
        shape = int(rng.integers(*ROWS_PX)), int(rng.integers(*COLS_PX))
        surface = make_surface(rng, shape, defect=defect, exposure=float(rng.uniform(*EXPOSURE)))
        write_picture(folder / name, surface)
    return made


def write_chest(folder: Path, number: int, *, positive: bool) -> Made:
    """Write one chest CT series with or without nodules, unless it is there whole: its slices appear at once."""
    name = f"{'nodules' if positive else 'clear'}_{number:04d}"
    if not (folder / name).is_dir():
        chest = make_chest(_stream("lung_nodule", number, positive=positive), nodules=positive)
        partial = folder / f".{name}"
        write_ct(partial, chest.hu, name=f"{CALIBRATION_SEED}/{name}", patient=f"MADE-CAL-{number:04d}")
        partial.rename(folder / name)
    return Made(path=name, positive=positive)


def write_labels(folder: Path, made: list[Made], *, positive: str, negative: str) -> None:
    """Write labels.csv of one calibration split, in which each picture is a unit of its own."""
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as f:
        rows = csv.writer(f)
        rows.writerow(["file", "label", "split", "group"])
        rows.writerows([one.path, positive if one.positive else negative, "calibration", one.path] for one in made)


def _numbers(positives: int, negatives: int) -> list[tuple[bool, int]]:
    return [*((True, number) for number in range(positives)), *((False, number) for number in range(negatives))]


def _stream(task: str, number: int, *, positive: bool) -> np.random.Generator:
    return np.random.default_rng([CALIBRATION_SEED, STREAMS[task, positive] + number])
