"""Demo: made studies, scanned like any others. Nothing is downloaded; a second run makes none again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from inspect_ai.errors import SetupError
from inspect_ai.journeys import scan
from inspect_ai.phantom import write_corrupt_files, write_studies
from inspect_ai.plugins import find_tasks
from inspect_ai.settings import Settings

NOTE = "These studies were made by a program for demonstration; no person and no part is on them."
STUDIES, READY = "studies", ".studies_are_whole"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedOn:
    """Real data that the weights of one task were trained on, by its manifest."""

    task: str
    data: tuple[str, ...]


def demo(folder: Path, settings: Settings) -> Iterator[scan.ScanEvent]:
    """Make the studies below FOLDER/studies, where they are not yet, and scan them with log and report in FOLDER."""
    studies = make_studies(folder)
    yield from scan.scan(studies, demo_settings(folder, settings), note=NOTE, made_up=True)


def demo_settings(folder: Path, settings: Settings) -> Settings:
    """Copy the settings, with log and report inside the demo's folder."""
    return replace(settings, db=folder / "inspect_ai.db", out=folder / "report", task="auto")


def make_studies(folder: Path) -> Path:
    """Write the made studies once; the marker is written last, so that an interrupted making is made again."""
    studies, marker = folder / STUDIES, folder / READY
    if not marker.is_file():
        try:
            studies.mkdir(parents=True, exist_ok=True)
            write_studies(studies)
            write_corrupt_files(studies)
            marker.write_text("made by inspect-ai demo\n", "utf-8")
        except OSError as e:
            raise SetupError(f"{folder} cannot be written ({e.strerror}). Choose another folder with --dir.") from e
    return studies


def trained_on(settings: Settings) -> list[TrainedOn]:
    """Names of the data sets of each ready task."""
    result = []
    for found in find_tasks(settings.tasks):
        manifest = found.folder / "manifest.json"
        if found.task is not None and manifest.is_file():
            data = json.loads(manifest.read_text("utf-8")).get("data", [])
            result.append(TrainedOn(task=found.name, data=tuple(use["name"] for use in data)))
    return result
