"""Secrets in files: made once, whole or not at all, and readable by their owner alone."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def make_secret(path: Path, text: str) -> None:
    """Write `text` (ASCII) with mode 600, unless `path` exists already. Raises OSError.

    The first of two processes wins: linking a finished file does not overwrite.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
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
