"""A labelled folder of stacks as lidc_nodules: chests' grey, a bright disc in the middle, readers' votes on it."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.config import TaskConfig, parse_config

SIDE, LUNG, TISSUE = 128, 40, 180
LABELS = [
    {
        "name": "stacks", "classes": ["other", "nodule"], "positive": ["nodule"], "ignore": ["uncertain"],
        "stack_column": "stack", "votes_column": "votes", "readers": 4, "independent_name": "patient", "own_line": True,
    }
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Made:
    """One row: discs (row, column, radius, grey) that its slices show, and the votes on the one in the middle."""

    name: str
    label: str = "nodule"
    split: str = "train"
    group: str = "p1"
    depth: int = 3
    radius: float = 5.0
    readers: int = 4
    middle: tuple[float, float] = (63.5, 63.5)
    others: tuple[tuple[float, float, float], ...] = ()
    seed: int = 0


def stacks_config(**more: object) -> TaskConfig:
    """Task `stacks`: windows of 50 source pixels in 64 unit pixels, three slices deep."""
    seen = {"size": 64, "window": 50, "depth": 3}
    return parse_config({"name": "stacks", "labels": LABELS, "input": seen, **more}, "test")


def disc(row: float, col: float, radius: float) -> NDArray[np.bool_]:
    """[SIDE, SIDE] True inside."""
    rows, cols = np.mgrid[:SIDE, :SIDE]
    return np.asarray(np.hypot(rows - row, cols - col) <= radius)


def slice_of(made: Made, z: int) -> NDArray[np.uint8]:
    """[SIDE, SIDE] lung with a wall of tissue on the left, the disc, and the others; noise differs between slices."""
    grey = np.full((SIDE, SIDE), LUNG, np.float32)
    grey[:, :20] = TISSUE
    for row, col, radius in ((*made.middle, made.radius), *made.others):
        grey[disc(row, col, radius)] = TISSUE
    noise = np.random.default_rng((made.seed, z)).normal(0, 3, grey.shape)
    return np.clip(cv2.GaussianBlur(grey, (0, 0), 0.8) + noise, 0, 255).astype(np.uint8)


def write_stacks(root: Path, rows: Sequence[Made]) -> Path:
    """ROOT/labels.csv and ROOT/images.zip."""
    root.mkdir(parents=True, exist_ok=True)
    lines = ["file,label,split,group,readers,diameter_px,stack,votes"]
    with zipfile.ZipFile(root / "images.zip", "w") as archive:
        for made in rows:
            slices = [f"{made.name}_{z}.png" for z in range(made.depth)]
            votes = [f"votes/{name}" for name in slices]
            counted = disc(*made.middle, made.radius).astype(np.uint8) * made.readers
            for z, (one, vote) in enumerate(zip(slices, votes, strict=True)):
                archive.writestr(one, cv2.imencode(".png", slice_of(made, z))[1].tobytes())
                archive.writestr(vote, cv2.imencode(".png", counted)[1].tobytes())
            own = slices[made.depth // 2]
            cells = (own, made.label, made.split, made.group, str(made.readers), f"{2 * made.radius:g}")
            lines.append(",".join([*cells, ";".join(slices), ";".join(votes)]))
    (root / "labels.csv").write_text("\n".join(lines) + "\n")
    return root
