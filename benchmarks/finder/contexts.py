"""Contexts of real nodules out of lidc_nodules: stacks of 128 px in Hounsfield units by two landmarks.

The pictures carry no spacing: a pixel is taken for 0.7 mm and a step between slices for 2 mm, medians of LIDC-IDRI
(S. Armato et al., Medical Physics 38 (2011) 915). Sizes in the tables are in pixels, which are known.
"""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.domain import Volume
from inspect_ai.errors import InputError

PIXEL_MM, STEP_MM = 0.7, 2.0
LUNG_HU, TISSUE_HU = -850.0, 40.0  # the landmarks
SMOOTH_GREY = 4.0  # of the histogram in which they are looked for
MIDDLE = slice(32, 96)  # rows and columns without room and padding
LEAST_GAP = 0.25  # between the modes of the middle, of that in the whole slice: less is noise in one of them
AGREED = 2  # readers that make a pixel part of the nodule
COLUMNS = ("file", "label", "split", "group", "readers", "diameter_px", "stack", "votes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """A nodule, or what one or two readers took for one, in its surroundings.

    hu: [D, H, W]; votes: [D, H, W] readers that drew the pixel; centre_px: row and column of what AGREED readers drew
    in the slice with most of it, or of what any drew.
    """

    name: str
    patient: str
    certain: bool
    readers: int
    diameter_px: float
    centre_px: tuple[float, float]
    hu: NDArray[np.int16] = field(compare=False, repr=False)
    votes: NDArray[np.uint8] = field(compare=False, repr=False)

    @property
    def volume(self) -> Volume:
        """The stack as a volume of the assumed spacing."""
        return Volume(
            hu=self.hu,
            spacing_mm=(STEP_MM, PIXEL_MM, PIXEL_MM),
            origin_mm=(0.0, 0.0, 0.0),
            row_direction=(1.0, 0.0, 0.0),
            column_direction=(0.0, 1.0, 0.0),
            normal=(0.0, 0.0, 1.0),
            series_uid=self.name,
            sop_instance_uids=tuple(f"{self.name}.{i}" for i in range(len(self.hu))),
        )


def read_contexts(data: Path, split: str) -> Iterator[Context]:
    """All contexts of a split of lidc_nodules, in the order of its table.

    Raises InputError for a folder without that table.
    """
    table, archive = data / "labels.csv", data / "images.zip"
    if not table.is_file() or not archive.is_file():
        raise InputError(f"{data} lacks labels.csv or images.zip. Give the folder lidc_nodules.")
    with table.open(newline="") as lines, zipfile.ZipFile(archive) as pictures:
        reader = csv.DictReader(lines)
        if missing := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
            raise InputError(f"{table} lacks the column {missing[0]}. Give the folder lidc_nodules.")
        for row in reader:
            if row["split"] == split:
                yield _context(row, pictures)


def _context(row: dict[str, str], pictures: zipfile.ZipFile) -> Context:
    names = row["stack"].split(";")
    grey = np.stack([_picture(pictures, name) for name in names])
    votes = np.stack([_picture(pictures, name) for name in row["votes"].split(";")])
    agreed = votes >= AGREED if (votes >= AGREED).any() else votes > 0
    widest = int(agreed.sum(axis=(1, 2)).argmax())
    rows, columns = np.nonzero(agreed[widest])
    return Context(
        name=row["file"],
        patient=row["group"],
        certain=row["label"] == "nodule",
        readers=int(row["readers"]),
        diameter_px=float(row["diameter_px"]),
        centre_px=(float(rows.mean()), float(columns.mean())),
        hu=np.stack([hounsfield(one) for one in grey]),
        votes=votes,
    )


def _picture(pictures: zipfile.ZipFile, name: str) -> NDArray[np.uint8]:
    picture = cv2.imdecode(np.frombuffer(pictures.read(name), np.uint8), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise InputError(f"{name} in {pictures.filename} cannot be read. Get the data again.")
    return np.asarray(picture, np.uint8)


def hounsfield(grey: NDArray[np.uint8]) -> NDArray[np.int16]:
    """[H, W] stretched by its own range -> Hounsfield units, each slice by its own landmarks."""
    lung, tissue = landmarks(grey)
    scale = (TISSUE_HU - LUNG_HU) / max(tissue - lung, 1.0)
    return np.asarray(np.clip(np.rint((grey - lung) * scale + LUNG_HU), -1024, 3071), np.int16)


def landmarks(grey: NDArray[np.uint8]) -> tuple[float, float]:
    """Grey values of the modes of lung and of soft tissue in one slice.

    Lung is the darker mode of the middle, where neither the room nor what lies outside the scanner's circle is; soft
    tissue is the highest mode above it in the whole slice. Where the middle shows one of them alone, both are taken
    from the whole slice.
    """
    whole = _modes(grey, grey)
    inner = _modes(np.ascontiguousarray(grey[MIDDLE, MIDDLE]), grey)
    return inner if inner[1] - inner[0] >= LEAST_GAP * (whole[1] - whole[0]) else whole


def _modes(dark: NDArray[np.uint8], bright: NDArray[np.uint8]) -> tuple[float, float]:
    """Highest mode of `dark` below its own threshold of Otsu, and of `bright` above it."""
    split = int(cv2.threshold(dark, 0, 255, cv2.THRESH_OTSU)[0])
    below, above = _smooth_counts(dark)[: split + 1], _smooth_counts(bright)[split + 1 :]
    return float(below.argmax()), float(split + 1 + above.argmax())


def _smooth_counts(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    counts = np.bincount(grey.ravel(), minlength=256).astype(np.float32)
    counts[[0, 255]] = 0  # what the stretch cut off
    smooth = cv2.GaussianBlur(counts[None], (0, 0), SMOOTH_GREY, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(smooth[0], np.float32)
