"""Decoded pictures kept for the next training are the decoded pictures, and changed ones are decoded again."""

import os
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from inspect_ai.config import parse_config
from inspect_ai.datasets import cache
from inspect_ai.datasets.cache import cached_samples
from inspect_ai.datasets.folder import LabelledFolder, read_folder
from inspect_ai.plugins import Task
from inspect_ai.settings import Settings

LABELS = [{"name": "parts", "classes": ["good", "bad"], "positive": ["bad"], "mask_column": "mask"}]


class Parts(Task):
    name = "parts"


@pytest.fixture
def task(tmp_path: Path) -> Parts:
    (tmp_path / "task").mkdir()
    (tmp_path / "task" / "task.py").write_text("")
    return Parts(parse_config({"name": "parts", "labels": LABELS}, "test"), tmp_path / "task")


def folder(root: Path, task: Task, grey: int = 90) -> LabelledFolder:
    """Two pictures of different sizes in images.zip, the bad one with a mask."""
    root.mkdir(exist_ok=True)
    (root / "labels.csv").write_text("file,label,split,group,mask\na.png,good,train,1,\nb.png,bad,train,2,m.png\n")
    with zipfile.ZipFile(root / "images.zip", "w") as archive:
        for name, size, value in (("a.png", (40, 50), grey), ("b.png", (60, 50), 120), ("m.png", (60, 50), 255)):
            archive.writestr(name, cv2.imencode(".png", np.full(size, value, np.uint8))[1].tobytes())
    return read_folder(root, task.config)


def test_what_is_kept_is_what_was_decoded(tmp_path: Path, task: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, data = Settings(cache=str(tmp_path / "cache")), folder(tmp_path / "data", task)
    first = cached_samples(data, "train", task, settings)
    monkeypatch.setattr(cache, "read_samples", lambda *a: pytest.fail("decoded again"))

    again = cached_samples(data, "train", task, settings)

    assert again == first
    for a, b in zip(first, again, strict=True):
        assert np.array_equal(a.pixels, b.pixels)
        assert (a.mask is None) == (b.mask is None)
        assert a.mask is None or np.array_equal(a.mask, b.mask)


def test_changed_pictures_are_decoded_again(tmp_path: Path, task: Parts) -> None:
    settings, data = Settings(cache=str(tmp_path / "cache")), folder(tmp_path / "data", task)
    before = cached_samples(data, "train", task, settings)
    data = folder(tmp_path / "data", task, grey=200)
    os.utime(tmp_path / "data" / "images.zip", ns=(1, 1))

    after = cached_samples(data, "train", task, settings)

    assert before[0].pixels.mean() != after[0].pixels.mean()


def test_a_damaged_file_of_the_cache_is_made_again(tmp_path: Path, task: Parts) -> None:
    settings, data = Settings(cache=str(tmp_path / "cache")), folder(tmp_path / "data", task)
    first = cached_samples(data, "train", task, settings)
    (kept,) = (tmp_path / "cache").iterdir()
    kept.write_bytes(kept.read_bytes()[:100])

    assert cached_samples(data, "train", task, settings) == first


def test_without_a_folder_to_keep_them_nothing_is_written(tmp_path: Path, task: Parts) -> None:
    cached_samples(folder(tmp_path / "data", task), "train", task, Settings())

    assert sorted(p.name for p in tmp_path.iterdir()) == ["data", "task"]
