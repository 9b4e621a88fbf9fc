"""Maker of the result objects that go back to a PACS: DICOM objects of a decision."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from inspect_ai.audit import Entry, Log
from inspect_ai.pacs.deliveries import MakeObjects
from inspect_ai.settings import Settings


def maker(settings: Settings) -> MakeObjects:
    """The maker of result objects. Raises SetupError where the extra `dicom` is not installed."""
    from inspect_ai.dicom_out import check_installed, objects_for, write_objects

    check_installed()

    def make(entry: Entry, log: Log, root: Path, folder: Path) -> Sequence[Path]:
        return write_objects(objects_for(entry, log, root, settings), folder)

    return make
