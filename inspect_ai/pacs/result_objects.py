"""Maker of result objects: the package that writes DICOM results, where this installation has it."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path

from inspect_ai.audit import Entry, Log
from inspect_ai.pacs.deliveries import MakeObjects
from inspect_ai.settings import Settings

PACKAGE = "inspect_ai.dicom_out"


def maker(settings: Settings) -> MakeObjects | None:
    """The maker of result objects; None where the package is not there."""
    try:
        package = importlib.import_module(PACKAGE)
    except ModuleNotFoundError as e:
        if e.name != PACKAGE:  # the package is there, and something that it needs is not
            raise
        return None

    def make(entry: Entry, log: Log, root: Path, folder: Path) -> Sequence[Path]:
        return tuple(package.write_objects(package.objects_for(entry, log, root, settings), folder))

    return make
