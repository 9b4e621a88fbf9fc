"""Heat map of a CT decision: over the slice that it belongs to, in its own colours, or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from inspect_ai.inspection.pictures.drawing import Mark, draw
from tests.support.dicom_factory import ct_slice, save
from tests.support.dicom_studies import PROVENANCE, nodule, study_of
from tests.support.logs import decision
from tests.support.reader_desk import Opened, csrf, opened

SIDE = 64
HOT = (40, 20)  # row and column
DEPTH = 6


def hounsfield(index: int) -> np.ndarray:
    """A slice that no other is like: water to a height that the index says."""
    hu = np.full((SIDE, SIDE), -1000, np.int16)
    hu[8 * index : 8 * index + 20] = 0
    return hu


def stored(index: int, *, hot: bool) -> tuple[bytes, bytes]:
    """Picture and picture with heat and mark, as a scan stores them for a slice."""
    heat = np.zeros((SIDE, SIDE), np.float32)
    heat[HOT[0] - 6 : HOT[0] + 7, HOT[1] - 6 : HOT[1] + 7] = 1
    picture = np.clip((hounsfield(index) + 1000) / 1400, 0, 1).astype(np.float32)
    return draw(picture, heat=heat if hot else None, marks=[Mark(row=HOT[0], col=HOT[1], diameter_px=24, label="1")])


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """The desk, and a reader who has opened the case."""

    made: Opened
    client: Any

    def heat(self) -> Any:
        return json.loads(self.client.get("/cases/1/manifest.json").text)["heat"]


@contextmanager
def case(folder: Path, shown_slice: int, *, hot: bool = True, findings: bool = True) -> Iterator[Looked]:
    for index in range(DEPTH):
        one = ct_slice(2.5 * index, number=index + 1, SOPClassUID="1.2.840.10008.5.1.4.1.1.2")
        one.PixelData = (hounsfield(index) + 1024).astype("<u2").tobytes()
        save(one, folder / "ct" / f"{index}")
    made_decision = replace(
        decision(1, score=0.9, provenance=PROVENANCE),
        study=study_of(folder, "ct"),
        findings=(nodule(4, *HOT), nodule(1, 20, 20)) if findings else (),
    )
    with opened(folder, [made_decision]) as made:
        entry = made.desk.log.entry(1)
        assert made.desk.pictures.save(entry, *stored(shown_slice, hot=hot), made.desk.log) == []
        client = made.client("reader")
        client.get("/cases/1")
        yield Looked(made=made, client=client)


def test_the_heat_lies_on_the_slice_of_the_highest_finding_and_holds_nothing_but_heat(tmp_path: Path) -> None:
    with case(tmp_path, 4) as looked:
        assert looked.heat() == {"slice": 4, "url": "/cases/1/heat_alone.png"}

        png = looked.client.get("/cases/1/heat_alone.png").content
        found = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
        scale = found.shape[0] / SIDE
        row, col = (round((place + 0.5) * scale) for place in HOT)
        assert found[row, col, 3] == 255
        blue, _, red = (int(one) for one in found[row, col, :3])
        assert red > blue + 40  # the colour of the scan's heat
        far = found[round(5 * scale), round(55 * scale)]
        assert far[3] == 0
        assert 0.01 < (found[..., 3] > 0).mean() < 0.1


def test_a_picture_of_another_slice_is_not_laid_over_this_one(tmp_path: Path) -> None:
    with case(tmp_path, 3) as looked:
        assert looked.heat() is None


@pytest.mark.parametrize("given", [{"hot": False}, {"findings": False}], ids=["marks alone", "no finding"])
def test_without_heat_or_without_a_finding_there_is_no_heat_map(tmp_path: Path, given: dict[str, bool]) -> None:
    with case(tmp_path, 4, **given) as looked:
        assert looked.heat() is None


def test_a_blinded_reader_gets_no_heat_of_a_volume(tmp_path: Path) -> None:
    with case(tmp_path, 4) as looked:
        looked.client.post("/preferences", data={"csrf": csrf(looked.client), "blinded": "yes"})
        looked.client.get("/cases/1")

        assert looked.heat() is None
        assert looked.client.get("/cases/1/heat_alone.png").status_code == 404
