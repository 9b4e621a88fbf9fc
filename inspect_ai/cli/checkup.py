"""Checks of the machine for `inspect-ai doctor`; each has a state, a value and advice."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from inspect_ai.errors import InspectError
from inspect_ai.settings import Settings

PACKAGES = (
    "torch", "monai", "lightning", "pydicom", "albumentations", "numpy", "scikit-learn", "sqlalchemy", "alembic",
    "onnxruntime", "opencv-python-headless", "pillow", "typer", "watchdog", "safetensors",
)  # fmt: skip
SYNTAXES = {
    "JPEG baseline": "1.2.840.10008.1.2.4.50",
    "JPEG lossless": "1.2.840.10008.1.2.4.70",
    "JPEG-LS": "1.2.840.10008.1.2.4.80",
    "JPEG 2000": "1.2.840.10008.1.2.4.90",
    "RLE": "1.2.840.10008.1.2.5",
}
LEAST_SQLITE, LEAST_FREE_GIB = (3, 35, 0), 1.0


@dataclass(frozen=True, slots=True)
class Check:
    """Result of one check. state: ok, note (works, but), missing."""

    name: str
    state: str
    value: str
    advice: str = ""


def checkup(settings: Settings) -> list[Check]:
    """Run all checks that are quick."""
    python = Check(
        "Python",
        "ok",
        f"{platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    )
    return [python, *_packages(), _twin(), *_decoders(), _sqlite(), _gpu(), _disk(settings), *_tasks(settings)]


def measure(settings: Settings) -> list[Check]:
    """Measure pictures per second: decoding one made JPEG, and each ready task's engine on one thread."""
    import cv2
    import numpy as np

    from inspect_ai.domain import Unit
    from inspect_ai.model.engine import open_engine
    from inspect_ai.plugins import find_tasks

    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    jpeg = cv2.imencode(".jpg", cv2.resize(noise, (512, 512)))[1]
    checks = [Check("decode JPEG 512 px", "ok", _rate(lambda: cv2.imdecode(jpeg, cv2.IMREAD_COLOR)))]
    for found in find_tasks(settings.tasks):
        if found.task is None:
            continue
        try:
            engine = open_engine(found.folder, kind=settings.engine, threads=1, config=found.task.config)
        except InspectError:
            continue
        asked = found.task.config.input
        shape = (asked.channels, asked.size or 224, asked.width or asked.size or 224)
        unit = Unit(pixels=np.zeros(shape, np.float32))
        checks.append(
            Check(f"engine {found.name} {shape[1]} px", "ok", f"{_rate(partial(engine.run, [unit]))}, {engine.name}")
        )
    return checks


def _rate(work: Callable[[], object], seconds: float = 1.0) -> str:
    work()
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        work()
        count += 1
    return f"{count / (time.perf_counter() - start):.0f}/s"


def _packages() -> list[Check]:
    checks = []
    for name in PACKAGES:
        try:
            checks.append(Check(name, "ok", importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            checks.append(Check(name, "missing", "", f"pip install {name}, or install inspect-ai-vision again"))
    return checks


def _twin() -> Check:
    """Check for the distribution `inspect-ai` (another project), which installs the same import package."""
    try:
        version = importlib.metadata.version("inspect-ai")
    except importlib.metadata.PackageNotFoundError:
        return Check("distribution", "ok", f"inspect-ai-vision {importlib.metadata.version('inspect-ai-vision')}")
    advice = "pip uninstall inspect-ai, then install inspect-ai-vision again: both use the import name inspect_ai"
    return Check("distribution", "missing", f"inspect-ai {version} is in the same environment", advice)


def _decoders() -> list[Check]:
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import UID

    checks = []
    for name, uid in SYNTAXES.items():
        decoder = get_decoder(UID(uid))
        plugins = ", ".join(decoder.available_plugins)
        state = "ok" if plugins else "missing"
        checks.append(
            Check(
                f"DICOM {name}",
                state,
                plugins,
                "" if plugins else "install inspect-ai-vision again: it brings decoders",
            )
        )
    return checks


def _sqlite() -> Check:
    state = "ok" if sqlite3.sqlite_version_info >= LEAST_SQLITE else "missing"
    return Check(
        "SQLite", state, sqlite3.sqlite_version, "" if state == "ok" else "use a Python with SQLite 3.35 or newer"
    )


def _gpu() -> Check:
    """Check the driver's files, so that doctor needs no torch."""
    version = Path("/proc/driver/nvidia/version")
    if version.is_file():
        return Check("GPU", "ok", version.read_text("utf-8", errors="replace").splitlines()[0][:100])
    return Check("GPU", "ok", "none; inspection runs on the CPU, training of the shipped tasks too")


def _disk(settings: Settings) -> Check:
    folder = next(p for p in (settings.db.resolve().parent, *settings.db.resolve().parents) if p.is_dir())
    free = shutil.disk_usage(folder).free / 2**30
    state, advice = (
        ("ok", "") if free >= LEAST_FREE_GIB else ("missing", "free some space: the log stops when the disk is full")
    )
    return Check("free disk", state, f"{free:.1f} GiB in {folder}", advice)


def _tasks(settings: Settings) -> list[Check]:
    from inspect_ai.plugins import find_tasks

    checks = []
    for found in find_tasks(settings.tasks):
        if found.error:
            checks.append(Check(f"task {found.name}", "note", found.error, f"correct {found.folder}"))
        elif not (found.folder / "operating_point.json").is_file():
            advice = f"inspect-ai train {found.name} --data DIR, then calibrate"
            checks.append(Check(f"task {found.name}", "note", "no weights or operating point", advice))
        else:
            checks.append(Check(f"task {found.name}", "ok", f"ready ({found.origin})"))
    return checks
