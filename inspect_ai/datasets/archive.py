"""Pictures in images.zip: taken out one by one, never out of the folder, never larger than a picture may be."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from inspect_ai.errors import InputError, UsageError

MAX_FILE_BYTES = 256 << 20  # a picture in a zip that unpacks to more is no picture


@contextmanager
def opened(archive: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip archive. Raises InputError for a damaged one."""
    try:
        with zipfile.ZipFile(archive) as pictures:
            yield pictures
    except zipfile.BadZipFile as e:
        raise InputError(f"{archive} is no readable zip file ({e}). Copy it again.") from e


def extract(pictures: zipfile.ZipFile, archive: Path, name: str, into: Path) -> None:
    """Write one file of the archive below `into`. Raises UsageError or InputError that names it."""
    parts = PurePosixPath(name).parts
    if PurePosixPath(name).is_absolute() or ".." in parts:
        raise UsageError(f"{archive}: {name!r} points out of the folder.")
    try:
        info = pictures.getinfo(name)
    except KeyError as e:
        raise InputError(f"{archive} does not hold {name!r}, which labels.csv lists.") from e
    if info.file_size > MAX_FILE_BYTES:
        raise InputError(f"{archive}: {name!r} unpacks to {info.file_size >> 20} MiB, more than a picture may have.")
    target = into.joinpath(*parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(pictures.read(info))
