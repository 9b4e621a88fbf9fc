"""Files and folders that their owner alone can read, whatever the umask; secrets are made once, whole or not at all."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import IO, Any


def make_secret(path: Path, text: str) -> None:
    """Write `text` (ASCII) with mode 600, unless `path` exists already. Raises OSError.

    The first of two processes wins: linking a finished file does not overwrite.
    """
    make_private_folder(path.parent)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without hard links; only there could two first starts at once differ
            draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def read_secret(path: Path) -> str:
    """Read the text, after closing the file to all but its owner. Raises OSError or UnicodeDecodeError."""
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)
    return path.read_text("ascii")


def private_file(path: Path, mode: str, **how: Any) -> IO[Any]:
    """Open a file for writing ("w", "wb", "a", "ab") with mode 600, new or not. Raises OSError."""

    def opener(name: str, flags: int) -> int:
        descriptor = os.open(name, flags, 0o600)
        with suppress(PermissionError):  # another's file, or a file system without modes
            os.fchmod(descriptor, 0o600)
        return descriptor

    return open(path, mode, opener=opener, **how)  # Path.open takes no opener


def write_private(path: Path, content: bytes) -> None:
    """Write a file with mode 600. Raises OSError."""
    with private_file(path, "wb") as file:
        file.write(content)


def make_private_folder(path: Path) -> None:
    """Make a folder, and what is missing above it, with mode 700; a folder that is there stays as it is.

    Raises OSError.
    """
    missing = []
    for folder in (path, *path.parents):
        if folder.exists():
            break
        missing.append(folder)
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
    path.mkdir(exist_ok=True)  # the error of a file in its place
