"""Files of a decision in the log: their names, which the log's key opens, and the folder below which they lie."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from inspect_ai.audit import Entry, Log, key_path
from inspect_ai.domain import StudyRef
from inspect_ai.errors import AuditError, InputError
from inspect_ai.ingest.volumes.encoded import path_of

NO_NAMES = "The log keeps no names of this study's files, so they cannot be found."


def keeps_names(entry: Entry, log: Log) -> bool:
    """True if the entry holds sealed names and the key that opens them lies beside the log."""
    return bool(entry.sealed) and key_path(log.path).exists()


def named_study(entry: Entry, log: Log) -> StudyRef:
    """Reference to the decided study with the names of its files in clear. Raises InputError where none are kept."""
    ref = entry.decision().study
    if not keeps_names(entry, log):
        raise InputError(NO_NAMES)
    try:
        key, source, *paths = log.names.opened(entry.sealed)
    except AuditError as e:
        raise InputError(str(e)) from e
    files = tuple(replace(file, path=path) for file, path in zip(ref.files, paths, strict=True))
    return replace(ref, key=key, source=source, files=files)


def root_of(ref: StudyRef, roots: Iterable[Path]) -> Path:
    """First folder below which all files of the study lie, by name and size; whoever reads them checks the digests.

    Raises InputError where there is none.
    """
    for root in roots:
        if all(_lies(path_of(root, file), file.size_bytes) for file in ref.files):
            return root
    raise InputError(
        "The files of this study lie below none of the folders that were named. Give --root FOLDER, the folder that "
        "was scanned."
    )


def _lies(path: Path, size_bytes: int) -> bool:
    try:
        return path.is_file() and path.stat().st_size == size_bytes
    except OSError:
        return False
