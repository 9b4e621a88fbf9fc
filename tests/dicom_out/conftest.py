"""A log beside a folder of sources, and the objects of a decision in it as files that were read back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydicom
import pytest

from inspect_ai import review
from inspect_ai.audit import DrawnMark, Entry, open_log
from inspect_ai.dicom_out import objects_for, write_objects
from inspect_ai.domain import Decision
from inspect_ai.inspection.pictures.image_store import ImageStore
from inspect_ai.settings import Settings

pytest.importorskip("highdicom", reason="DICOM objects need the extra dicom (highdicom)")

Made = Callable[..., dict[str, Any]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "sources"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(db=tmp_path / "audit.db", out=tmp_path / "out")


@pytest.fixture
def made(tmp_path: Path, root: Path, settings: Settings) -> Made:
    """Log a decision, make its objects, write them and read them back: a data set for each kind."""

    def make(decision: Decision, *, picture: bool = False, keep_names: bool = True) -> dict[str, Any]:
        with open_log(settings.db, keep_names=keep_names) as log:
            (entry,) = log.append([decision])
            if picture:
                store_picture(entry, settings)
            objects = objects_for(entry, log, root, settings)
        paths = write_objects(objects, tmp_path / "objects" / str(entry.id))
        return {path.stem: pydicom.dcmread(path) for path in paths}

    return make


Answer = Callable[..., dict[str, Any]]


@pytest.fixture
def answer(tmp_path: Path, root: Path, settings: Settings) -> Answer:
    """Answer entry 1, or another one, make the answer's objects, write them and read them back."""

    def give(
        verdict: str, *marks: DrawnMark, entry: int = 1, reason: str = "what I saw", **said: Any
    ) -> dict[str, Any]:
        with open_log(settings.db) as log:
            last = review.decide(log, entry, verdict, reason, marks=marks, **({"operator": "anna"} | said)).last
            assert last is not None
            objects = objects_for(last, log, root, settings)
        paths = write_objects(objects, tmp_path / "objects" / str(last.id))
        return {path.stem: pydicom.dcmread(path) for path in paths}

    return give


def store_picture(entry: Entry, settings: Settings) -> None:
    """A grey picture of half the size of a slice of 64 pixels, and a heat map."""
    pixels = np.full((32, 32, 3), 90, np.uint8)
    png = cv2.imencode(".png", pixels)[1].tobytes()
    with open_log(settings.db) as log:
        ImageStore(settings.out).save(entry, png, png, log)


def logged(settings: Settings, *decisions: Decision) -> list[Entry]:
    with open_log(settings.db) as log:
        return log.append(list(decisions))
