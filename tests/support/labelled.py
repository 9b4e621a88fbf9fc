"""Labelled folders for the tests: pictures with a texture of their own, and a configuration of two classes."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.config import TaskConfig, parse_config

LABELS = [{"name": "parts", "classes": ["pass", "flag"], "positive": ["flag"]}]


def parts_config(**more: object) -> TaskConfig:
    """Task `parts`: pass or flag."""
    return parse_config({"name": "parts", "labels": LABELS, **more}, "test")


def texture(seed: int, height: int = 160, width: int = 200) -> NDArray[np.uint8]:
    """[H, W] clouds of several sizes, which no other seed has, and fine grain."""
    random = np.random.default_rng(seed)
    made = np.zeros((height, width), np.float32)
    for sigma in (2.0, 5.0, 12.0, 30.0):
        cloud = cv2.GaussianBlur(random.standard_normal((height, width)).astype(np.float32), (0, 0), sigma)
        made += cloud / cloud.std()
    made += 0.2 * random.standard_normal((height, width)).astype(np.float32)
    return np.clip(128 + 25 * made, 0, 255).astype(np.uint8)


def look_alike(seed: int, side: int = 200) -> NDArray[np.uint8]:
    """[H, W] a round part of one type, its outline exactly as every other's; the grain of its surface is its own."""
    rows, columns = np.mgrid[:side, :side].astype(np.float32)
    radius = np.hypot(rows - side / 2, columns - side / 2)
    angle = np.arctan2(rows - side / 2, columns - side / 2)
    made = np.full((side, side), 160.0, np.float32)
    made[radius < 0.45 * side] = 210
    made[radius < 0.25 * side] = 40 + 20 * np.cos(6 * angle[radius < 0.25 * side])
    made[radius < 0.10 * side] = 180
    made += 25 * (columns / side - 0.5)
    grain = cv2.GaussianBlur(np.random.default_rng(seed).standard_normal((side, side)).astype(np.float32), (0, 0), 3.0)
    return np.clip(cv2.GaussianBlur(made, (0, 0), 1.0) + 6 * grain / grain.std(), 0, 255).astype(np.uint8)


def write(path: Path, picture: NDArray[np.uint8], *options: int) -> None:
    """Write a picture in the format of its ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture, options)


def class_folders(root: Path, counts: dict[str, int], *, first: int = 0) -> Path:
    """ROOT/CLASS/NNN.png, each picture with a texture of its own."""
    seed = first
    for name, count in counts.items():
        for i in range(count):
            write(root / name / f"{i:03d}.png", texture(seed, 64, 80))
            seed += 1
    return root


def table(root: Path, rows: Sequence[Sequence[str]], header: str = "file,label,split") -> Path:
    """ROOT/labels.csv."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "labels.csv").write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n")
    return root
