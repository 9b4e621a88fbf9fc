"""Pictures of a line in every format that its cameras and programs write: scan, watch and labelled folders agree."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inspect_ai.datasets.samples import study_of
from inspect_ai.errors import UsageError
from inspect_ai.journeys.scan import FileRejected, StudyDecided, scan
from inspect_ai.journeys.watch import PartDecided, watch
from inspect_ai.settings import Settings
from tests.support.tasks import make_task


def made_by(script: str, shared: Path, folder: Path) -> Path:
    """FOLDER with what a script of the shared field cases writes."""
    command = [sys.executable, str(shared / "tools" / "field_cases" / f"{script}.py"), str(folder)]
    subprocess.run(command, check=True, env=os.environ | {"SHARED": str(shared)}, capture_output=True)
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    make_task(tmp_path / "tasks")
    return Settings(
        tasks=str(tmp_path / "tasks"), task="bright", db=tmp_path / "log.db", out=tmp_path / "out", workers=1
    )


def by_scan(folder: Path, settings: Settings) -> dict[str, str]:
    """Path -> why it is decided as it is, or rejected."""
    said = {}
    for event in scan(folder, settings):
        if isinstance(event, StudyDecided):
            said[event.decision.study.source] = event.decision.verdict.reason
        elif isinstance(event, FileRejected):
            said[event.rejection.file] = event.rejection.reason
    return said


def by_watch(folder: Path, settings: Settings) -> dict[str, str]:
    """The same of parts, none of which is waited for."""
    events = watch(folder, settings, once=True, patience_s=1e-3)
    return {e.decision.study.source: e.decision.verdict.reason for e in events if isinstance(e, PartDecided)}


def refused_as_labelled(folder: Path, settings: Settings) -> dict[str, str]:
    """Path -> why it cannot be learnt from; "" where it can."""
    said = {}
    for file in sorted(folder.iterdir()):
        try:
            study_of(folder, file.name, settings)
            said[file.name] = ""
        except UsageError as e:
            said[file.name] = str(e)
    return said


def agreed(folder: Path, settings: Settings, tmp_path: Path) -> dict[str, str]:
    """What all three say of each file: why it is refused, or "" where it is read."""
    scanned, labelled = by_scan(folder, settings), refused_as_labelled(folder, settings)
    watched = by_watch(folder, replace(settings, db=tmp_path / "watched.db"))
    assert scanned.keys() == labelled.keys() == watched.keys()
    for name, refusal in labelled.items():
        assert scanned[name] == watched[name]
        assert (scanned[name] in refusal) == bool(refusal)
    return {name: scanned[name] if refusal else "" for name, refusal in labelled.items()}


def test_each_format_of_a_line_is_decided_or_named_on_every_road(
    settings: Settings, shared: Path, tmp_path: Path
) -> None:
    folder = made_by("line_formats", shared, tmp_path / "in")

    refused = {name: why for name, why in agreed(folder, settings, tmp_path).items() if why}

    assert {file.name for file in folder.iterdir()} >= {"part1.pgm", "part2.webp", "part3.gif", "part5.jp2"}
    assert set(refused) == {"part7.raw"}
    assert "no picture file" in refused["part7.raw"]
    grey = study_of(folder, "part8.png", settings).images[0].pixels
    for name in ("part1.pgm", "part2.webp", "part3.gif", "part4.ppm", "part5.jp2"):
        read = study_of(folder, name, settings).images[0].pixels
        assert np.array_equal(read if read.ndim == 2 else read[..., 0], grey), name


def test_one_tile_in_every_kind_of_tiff_has_one_brightness_or_a_name_on_every_road(
    settings: Settings, shared: Path, tmp_path: Path
) -> None:
    folder = made_by("line_tiff", shared, tmp_path / "in")

    said = agreed(folder, settings, tmp_path)

    refused = {name: why for name, why in said.items() if why}
    assert set(refused) == {
        "d_12in16_lsb.tif", "f_16bit_signed.tif", "h_float01.tif", "h_u32.tif", "k_png12lsb.png",
    }  # fmt: skip
    for name, word in {
        "d_12in16_lsb.tif": "MaxSampleValue", "f_16bit_signed.tif": "signed", "h_float01.tif": "floating-point",
        "h_u32.tif": "32-bit", "k_png12lsb.png": "10 or 12 bits",
    }.items():  # fmt: skip
        assert word in refused[name]
        assert "ave" in refused[name]  # "save it as ...", or "Save ..."
    plain = study_of(folder, "a_8bit.tif", settings).images[0].unit_range()
    for name in said.keys() - refused.keys():
        found = study_of(folder, name, settings).images[0].unit_range()
        assert np.abs((found if found.ndim == 2 else found[..., 0]) - plain).max() < 2e-3, name
